"""The commands about the model registry: `registry --help`, `rollback`, `mlflow`."""

from __future__ import annotations

from typing import Annotated

import typer

from training_pipeline.cli_gates import LockTimeout, console, load_settings
from training_pipeline.config import Settings

models = typer.Typer(
    no_args_is_help=True, help="The registry of models: who is champion by the history, and MLflow's alias."
)


@models.command()
def repair() -> None:
    """Settle what a killed command has left, and put MLflow's alias where the history of promotions says."""
    from training_pipeline.registry.champion import repair as repair_registry

    for line in repair_registry(Settings.load()) or ["nothing to repair: history and alias agree"]:
        console.print(line, markup=False, soft_wrap=True)


@models.command()
def retire(why: Annotated[str, typer.Option("--why", help="Why; it is kept in the history.")]) -> None:
    """Go on without a champion, where it is lost: the next challenger is judged as a first one."""
    from training_pipeline.registry.champion import retire as retire_champion

    decision = retire_champion(Settings.load(), why)
    console.print(f"retired: model version {decision.model_version}, {why}", markup=False, soft_wrap=True)


def rollback(
    to: Annotated[
        str | None,
        typer.Option("--to", help="A version that was champion once.", show_default="the one before"),
    ] = None,
    lock_timeout: LockTimeout = None,
) -> None:
    """Make a previous champion the champion again."""
    from training_pipeline.steps.promote import rollback as roll_back

    decision = roll_back(load_settings(lock_timeout), to)
    console.print(
        f"{decision.decision}: model version {decision.model_version}, {decision.reason}",
        markup=False,
        soft_wrap=True,
    )


def mlflow(
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 5000,
    in_container: Annotated[
        bool,
        typer.Option(
            "--in-container", help="Listen on the container's addresses; publish the port on 127.0.0.1."
        ),
    ] = False,
) -> None:
    """Serve MLflow's pages on this machine until Ctrl-C, for looking only.

    They need a login, listen on 127.0.0.1 with one worker, and change nothing: the database is opened for reading,
    and no artifact is written through them.
    """
    from training_pipeline.registry import pages

    settings = Settings.load()
    login = pages.login(settings)
    console.print(f"http://{pages.HOST}:{port}  user {login.user}, password in {login.file}", soft_wrap=True)
    raise typer.Exit(pages.serve(settings, port, pages.CONTAINER_HOST if in_container else pages.HOST))
