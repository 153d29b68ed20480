"""Options that several commands take, and what they mean."""

from __future__ import annotations

import datetime as dt
import os
from typing import Annotated

import typer

from gates.days.ranges import parsed_day
from gates.errors import GatesError
from gates.project.config import Project

RunDate = Annotated[
    str | None,
    typer.Option(
        "--run-date", help="The day to decide on, YYYY-MM-DD; else run_date of --vars, RUN_DATE, today (UTC)."
    ),
]


def run_date_of(project: Project, option: str | None) -> dt.date:
    """Return the day that is decided on: the option, else ``run_date`` of the variables, else ``RUN_DATE``, else today in UTC.

    Raises
    ------
    GatesError
        When the variable holds no day. An option that holds none is an error of usage.
    """
    if option:
        return day_of(option, "--run-date")
    given = {"--vars run_date": project.variables.get("run_date"), "RUN_DATE": os.environ.get("RUN_DATE")}
    for origin, value in given.items():
        if value:
            day = parsed_day(str(value))
            if day is None:
                raise GatesError(f"{origin} must be a day as YYYY-MM-DD, received {value!r}")
            return day
    return dt.datetime.now(dt.UTC).date()


def day_of(option: str, name: str) -> dt.date:
    """Return the day that an option gives; anything else is an error of usage."""
    day = parsed_day(option)
    if day is None:
        raise typer.BadParameter(f"must be a day as YYYY-MM-DD, received {option!r}", param_hint=name)
    return day
