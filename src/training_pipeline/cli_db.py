"""The commands about the embedded Postgres server: `training-pipeline db --help`."""

from __future__ import annotations

import typer

from training_pipeline.cli_gates import console
from training_pipeline.config import Settings

database = typer.Typer(no_args_is_help=True, help="The embedded Postgres server of this checkout.")


@database.command()
def start() -> None:
    """Start the server and leave it running; writes the profile with which a plain `dbt test` finds it."""
    from training_pipeline.warehouse.embedded import server as embedded
    from training_pipeline.warehouse.profile import write_profile

    settings = Settings.load()
    address = embedded.start(settings)
    write_profile(settings, address)
    console.print(f"running at {address}")
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
def url() -> None:
    """Print the address of the warehouse, with the password, for psql and other clients."""
    from training_pipeline.warehouse.postgres import address

    console.print(address(Settings.load()).uri(), soft_wrap=True)
