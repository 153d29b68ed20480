r"""The passwords of the roles, in a file of the format that Postgres clients read (`PGPASSFILE`).

A line is `host:port:database:user:password`; the fields before the password may be `*`, and `\` escapes `:` and itself.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from training_pipeline.errors import PipelineError
from training_pipeline.warehouse.private_file import write_private

_FIELDS = re.compile(r"((?:[^:\\]|\\.)*)(?::|$)")


def read(file: Path) -> dict[str, str]:
    """Return the password of each user, whatever the host; none where there is no file.

    Raises
    ------
    PipelineError
        The file cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"the passwords of the roles in {file} cannot be read: {error}") from error
    found: dict[str, str] = {}
    for line in text.splitlines():
        fields = [re.sub(r"\\(.)", r"\1", field) for field in _FIELDS.findall(line)]
        if not line.startswith("#") and len(fields) >= 5 and fields[4]:
            found.setdefault(fields[3], fields[4])  # as libpq: the first line that matches
    return found


def complete(file: Path, users: Iterable[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the password of each user, and keep it in the file: a given one, else the file's, else a drawn one.

    Raises
    ------
    PipelineError
        The file cannot be read or written.
    """
    known, given = read(file), given or {}
    passwords = {user: given.get(user) or known.get(user) or secrets.token_urlsafe(24) for user in users}
    if known | passwords != known:
        _write(file, known | passwords)
    return passwords


def _write(file: Path, passwords: Mapping[str, str]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_private(
            file, "".join(f"*:*:*:{user}:{_escaped(password)}\n" for user, password in passwords.items())
        )
    except OSError as error:
        raise PipelineError(
            f"the passwords of the roles cannot be written to {file}: {error.strerror}"
        ) from error


def _escaped(field: str) -> str:
    return re.sub(r"([:\\])", r"\\\1", field)
