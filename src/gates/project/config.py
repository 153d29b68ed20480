"""The dbt project of a command, with its profile and its selection of gates."""

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
    """A dbt project, as the options of a command name it.

    Parameters
    ----------
    directory : Path
        The folder of ``dbt_project.yml``.
    profiles : Path or None
        The folder of ``profiles.yml``; None for the folder where dbt looks.
    profile, target : str or None
        None for the profile that the project names, and for the target that the profile names.
    select, exclude : tuple of str
        The gates, in the syntax of ``dbt test --select`` and ``--exclude``.
    variables : mapping
        The variables for ``--vars`` of dbt.
    environment : mapping
        Variables of the environment that are set while dbt runs; they may hold a password.
    target_path, log_path : Path or None
        The folders that dbt writes to; None for dbt's defaults.

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
    """Return the variables of a YAML mapping, the syntax of dbt's ``--vars``.

    Raises
    ------
    GatesError
        When the text is no mapping.

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
    """Set variables of this process's environment, and restore them at the end."""
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
