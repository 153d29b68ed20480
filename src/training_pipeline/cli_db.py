"""The commands about the Postgres server and its roles: `training-pipeline db --help`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from training_pipeline.cli_gates import console
from training_pipeline.config import Settings
from training_pipeline.roles import Role

database = typer.Typer(
    no_args_is_help=True, help="The embedded Postgres server of this checkout; the roles on any Postgres."
)


@database.command()
def start() -> None:
    """Start the server with its roles and leave it running; writes the profile with which a plain `dbt test` finds it."""
    from training_pipeline.warehouse import ledger_owner
    from training_pipeline.warehouse.embedded import server as embedded
    from training_pipeline.warehouse.profile import write_profile

    settings = Settings.load()
    write_profile(settings, embedded.login(settings, Role.BUILD))
    ledger_owner.prepare(settings)
    console.print(f"running at {embedded.login(settings, Role.REPORT)}")
    console.print(
        "now: cd dbt_project && dbt test   (the address with its password: training-pipeline db url)"
    )


@database.command()
def stop() -> None:
    """Stop the server; its data stay."""
    from training_pipeline.warehouse.embedded import server as embedded

    console.print("stopped" if embedded.stop(Settings.load()) else "it was not running")


@database.command()
def status() -> None:
    """Say whether the server runs, and where its files are."""
    from training_pipeline.warehouse.embedded import server as embedded

    found = embedded.status(Settings.load())
    console.print(f"running at {found.address}, process {found.pid}" if found.running else "not running")
    console.print(f"data {found.data}\nlog  {found.log}", soft_wrap=True)


@database.command()
def url(
    role: Annotated[Role, typer.Option(help="The role that logs in; `report` only reads.")] = Role.REPORT,
) -> None:
    """Print the address of the warehouse, with the password, for psql and other clients."""
    from training_pipeline.warehouse.postgres import address

    console.print(address(replace(Settings.load(), role=role)).uri(), soft_wrap=True)


@database.command()
def roles(
    passwords: Annotated[
        Path | None,
        typer.Option(
            "--passwords",
            envvar="WAREHOUSE_PASSWORDS",
            help="Where the passwords are kept, as Postgres clients read them (PGPASSFILE): those that are missing are "
            "drawn. On the embedded server they are in its folder.",
            show_default="roles in the state folder",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL, change nothing.")] = False,
) -> None:
    """Create or update the roles of the steps, what they own and what they may do: docs/privileges.md.

    Connects as PGUSER, who must be a superuser, or have CREATEROLE and own what exists; no step needs that login. The
    password of a role may also come from the environment, such as WAREHOUSE_LOAD_PASSWORD. Run it again after each update.
    """
    from training_pipeline.registry import models as registry
    from training_pipeline.warehouse.postgres import PASSWORDS
    from training_pipeline.warehouse.role_setup import create_roles

    settings = Settings.load()
    os.environ.pop(PASSWORDS, None)  # PGUSER is who connects, not a role that may not exist yet
    given = {role: os.environ.get(f"WAREHOUSE_{role.upper()}_PASSWORD", "") for role in Role}
    created = create_roles(settings, passwords, given, dry_run=dry_run)
    for statement in created.statements if dry_run else []:
        console.print(f"{statement};", markup=False, highlight=False, soft_wrap=True)
    if not dry_run:
        os.environ[PASSWORDS] = str(created.file)
        registry.prepare(settings)
        console.print(
            f"roles {', '.join(created.names)}; their passwords are in {created.file}", soft_wrap=True
        )
