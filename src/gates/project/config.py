"""Which dbt project, with which profile, and which of its gates."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gates.errors import GatesError


@dataclass(frozen=True)
class Project:
    """A dbt project as one command sees it.

    Parameters
    ----------
    directory : Path
        It holds ``dbt_project.yml``.
    profiles : Path or None
        The folder of ``profiles.yml``; None for where dbt looks by itself.
    profile, target : str or None
        Those of the project and of the profile when None.
    select, exclude : tuple of str
        Which gates, in the words of ``dbt test --select`` and ``--exclude``.
    variables : mapping
        What dbt takes as ``--vars``.
    environment : mapping
        Variables of the environment that are set while dbt runs; may hold a password.
    target_path, log_path : Path or None
        Where dbt keeps what it writes; None for where it does by itself.

    Raises
    ------
    GatesError
        When the folder holds no dbt project.
    """

    directory: Path
    profiles: Path | None = None
    profile: str | None = None
    target: str | None = None
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    target_path: Path | None = None
    log_path: Path | None = None

    def __post_init__(self) -> None:
        if not (self.directory / "dbt_project.yml").is_file():
            raise GatesError(
                f"{self.directory} holds no dbt_project.yml: run the command in the folder of a dbt project,"
                " or give --project-dir"
            )

    @property
    def location(self) -> list[str]:
        """Return the options that tell dbt where the project, its profile and its output are."""
        given = {
            "--project-dir": self.directory,
            "--profiles-dir": self.profiles,
            "--profile": self.profile,
            "--target": self.target,
            "--target-path": self.target_path,
            "--log-path": self.log_path,
        }
        return [word for option, value in given.items() if value is not None for word in (option, str(value))]

    @property
    def selection(self) -> list[str]:
        """Return the options that choose gates."""
        chosen = (("--select", self.select), ("--exclude", self.exclude))
        return [word for option, values in chosen if values for word in (option, *values)]

    @property
    def log(self) -> Path:
        """Return the log that dbt writes."""
        return (self.log_path or self.directory / "logs") / "dbt.log"

    @property
    def output(self) -> Path:
        """Return the folder that dbt itself writes its artifacts to."""
        return self.target_path or self.directory / "target"


def read_variables(text: str | None) -> dict[str, Any]:
    """Return variables that were given as dbt takes them, YAML of a mapping.

    Raises
    ------
    GatesError
        When it is none.

    Examples
    --------
    >>> read_variables("{run_date: 2017-12-31, horizon_days: 30}")["horizon_days"]
    30
    """
    try:
        given = yaml.safe_load(text or "{}")
    except yaml.YAMLError:
        given = text
    if not isinstance(given, Mapping):
        raise GatesError(f"--vars must be a YAML mapping such as '{{key: value}}', received {text!r}")
    return dict(given)


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process's environment for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
