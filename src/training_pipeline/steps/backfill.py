"""Decide on each day of a range, earliest first, as a run on that day would have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from gates.errors import GatesError
from gates.text import counted
from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.registry import history
from training_pipeline.roles import Role, acting_as
from training_pipeline.source.loading import load
from training_pipeline.steps.run import Outcome, Progress, decide
from training_pipeline.warehouse import ml_tables
from training_pipeline.warehouse.lock import one_at_a_time
from training_pipeline.warehouse.postgres import connect

DECISIONS = (history.PROMOTED, history.KEPT, history.REJECTED)  # what a run comes to; people make the others


@one_at_a_time("backfill")
def backfill(
    settings: Settings,
    first: dt.date,
    last: dt.date,
    on_day: Callable[[Outcome], None],
    progress: Progress = lambda *_: None,
    *,
    file: Path | None = None,
    fixture: bool = False,
    again: bool = False,
) -> list[dt.date]:
    """Decide on the days that have no decision yet, each with its report; a day that a gate stops does not stop the others.

    A day that was decided on is left as it is, so a backfill that was interrupted goes on where it was. A day that a gate stopped
    has no decision about a model, unless a model gate rejected one, and is judged again.

    Parameters
    ----------
    first, last : datetime.date
        The range, both included.
    on_day : callable
        Takes the outcome of each day as soon as it is decided on.
    again : bool
        Decide on all days, those too that have a decision.

    Returns
    -------
    list of date
        The days that were left as they are.

    Raises
    ------
    PipelineError
        The range is empty, or something broke on a day; days before it keep their decisions.
    """
    if first > last:
        raise PipelineError(f"--from must not be after --to, received {first} and {last}")
    load(
        settings,
        file=file,
        fixture=fixture,
        on_progress=lambda done, total: progress("load", done, total, ""),
    )
    days = [first + dt.timedelta(number) for number in range((last - first).days + 1)]
    known = set() if again else _decided(settings)
    for day in days:
        if day in known:
            continue
        try:
            on_day(decide(settings, Outcome(day), progress))
        except GatesError as error:
            raise type(error)(
                f"{error}\nthe backfill ends on {day}; the same command goes on from there"
            ) from error
    return [day for day in days if day in known]


def in_words(outcomes: list[Outcome], left: list[dt.date]) -> str:
    """Return what the days came to, in a line."""
    kinds = [outcome.decision.decision if outcome.decision else "stopped" for outcome in outcomes]
    parts = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
    if left:
        parts.append(f"{len(left)} decided before")
    return f"{counted(len(outcomes) + len(left), 'day')}: {', '.join(parts)}"


@acting_as(Role.REPORT)
def _decided(settings: Settings) -> set[dt.date]:
    with connect(settings) as connection:
        ml_tables.ensure(connection)
        return {row["run_date"] for row in ml_tables.history(connection) if row["decision"] in DECISIONS}
