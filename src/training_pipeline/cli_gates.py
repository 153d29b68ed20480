"""Aliases of the commands of `gates` for the project of the checkout, which stay for one version."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Annotated

import typer

from gates.cli import attach
from gates.commands import COMMANDS
from gates.project.config import Project
from gates.render.terminal import console, notices
from training_pipeline.config import Settings, resolve_run_date
from training_pipeline.errors import PipelineError
from training_pipeline.warehouse import dbt

__all__ = ["LockTimeout", "RunDate", "console", "day", "load_settings", "register"]

RunDate = Annotated[
    str | None,
    typer.Option("--run-date", help="The day to decide on, YYYY-MM-DD; else RUN_DATE, else today (UTC)."),
]

LockTimeout = Annotated[
    float | None,
    typer.Option(
        "--lock-timeout",
        help="Seconds to wait for another command on the same schema; 0: not at all.",
        show_default="LOCK_SECONDS, else 600",
    ),
]


def load_settings(lock_timeout: float | None) -> Settings:
    """Read the settings from the environment; the option counts more."""
    settings = Settings.load()
    return settings if lock_timeout is None else replace(settings, lock_seconds=lock_timeout)


def day(run_date: str | None, option: str = "--run-date") -> datetime.date:
    """Resolve a run date; one that was typed wrongly is an error in the use of the option."""
    try:
        return resolve_run_date(run_date)
    except PipelineError as error:
        if run_date is None:
            raise
        raise typer.BadParameter(str(error), param_hint=option) from None


MOVED = ("backtest", "suggest", "explain", "accept")


def register(app: typer.Typer) -> None:
    """Add the commands that were here before they moved to `gates`."""
    for command in COMMANDS:
        if command.__name__ in MOVED:
            attach(app, command, _project)


def _project() -> Project:
    notices.print(
        "this command has moved to `gates`, run in dbt_project/ (gates --help); here it goes with the next version"
    )
    return dbt.project(Settings.load())
