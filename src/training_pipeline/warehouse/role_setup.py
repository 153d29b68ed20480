"""Create the roles on the server of the settings, embedded or any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from training_pipeline.roles import ROLES, Role
from training_pipeline.warehouse import ledger_owner
from training_pipeline.warehouse.address import ensure_database
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.postgres import address
from training_pipeline.warehouse.roles import creation, passwords

if TYPE_CHECKING:
    from training_pipeline.config import Settings

HIDDEN = "hidden"  # in a dry run nothing is drawn


@dataclass(frozen=True)
class Created:
    """The roles, the file of their passwords, and the SQL without these."""

    names: list[str]
    file: Path
    statements: list[str]


def create_roles(
    settings: Settings, file: Path | None, given: Mapping[Role, str], *, dry_run: bool = False
) -> Created:
    """Create or update the roles, the tables that nobody may change, and the privileges.

    Parameters
    ----------
    settings : Settings
        On a server that is not embedded, PGUSER is who creates them.
    file : Path or None
        The file with the passwords; on the embedded server it is in its folder.
    given : mapping of Role to str
        Passwords that come from elsewhere; empty where they do not.
    dry_run : bool
        Change nothing.

    Raises
    ------
    PipelineError
        The login may not do this, the server cannot be reached, or the file cannot be written.
    """
    settings = replace(settings, role=Role.ADMINISTRATOR)
    server, place = address(settings), creation.place_of(settings)
    if settings.target == "embedded":
        file = embedded.role_passwords(settings)
    file = file or settings.state_dir / "roles"
    names = {role: place.name(role) for role in ROLES}
    if dry_run:
        secrets = dict.fromkeys(names.values(), HIDDEN)
    else:
        ensure_database(server, settings.database)
        secrets = passwords.complete(
            file, names.values(), {names[role]: given.get(role, "") for role in ROLES}
        )
    statements = creation.create(server, place, secrets, ledger_owner.statements(settings), dry_run=dry_run)
    return Created(list(names.values()), file, statements)
