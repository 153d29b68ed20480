"""The days of the relations of a project, with the status of each and what rejects it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from gates.days import statuses
from gates.days.replay import Replay
from gates.days.statuses import DayStatus
from gates.errors import GatesError
from gates.ledger.declared import Declared, declarations
from gates.ledger.evidence import Row
from gates.project import dbt, warehouse
from gates.project.config import Project
from gates.project.warehouse import Warehouse


@dataclass(frozen=True)
class Calendar:
    """Statuses of days, and the evidence that rejects days.

    Attributes
    ----------
    days : tuple of DayStatus
    evidence : tuple of mapping
        The rows of the ledger by which days are rejected.
    declared : mapping
        The tests of the project, by unique id.
    """

    days: tuple[DayStatus, ...]
    evidence: tuple[Row, ...] = ()
    declared: Mapping[str, Declared] = field(default_factory=dict)


def calendar(
    project: Project,
    manifest: dbt.Manifest,
    first: dt.date | None,
    last: dt.date,
    relations: Collection[str] = (),
    gates: Collection[str] = (),
) -> Calendar:
    """Return the status of each day of the relations whose gates judge days.

    Parameters
    ----------
    first : date or None
        The first day; None for the first with rows of each relation.
    relations : collection of str
        Which relations, as the ledger names them; all when empty.
    gates : collection of str
        Unique ids of the gates that have to judge a day; all of severity error when empty.

    Raises
    ------
    GatesError
        When there is no ledger yet, or no such relation.
    """
    with warehouse.connect(project, manifest, {"run_date": last}) as opened:
        return read(opened, manifest, first, last, relations, gates)


def read(
    opened: Warehouse,
    manifest: dbt.Manifest,
    first: dt.date | None,
    last: dt.date,
    relations: Collection[str] = (),
    gates: Collection[str] = (),
) -> Calendar:
    """Return the same from an open warehouse."""
    if not opened.exists(opened.macro("ledger")):
        raise GatesError(
            f"{opened.macro('ledger')} does not exist: no run has judged a day yet, run dbt build first"
        )
    begins = {
        row["relation"]: row["day"] for row in opened.query(opened.macro("first_days", chosen=sorted(gates)))
    }
    if unknown := sorted(set(relations) - set(begins)):
        raise GatesError(
            f"--relation must be one whose gates judge days, which are {', '.join(sorted(begins))};"
            f" received {unknown[0]}"
        )
    starts = [day for day in begins.values() if day is not None]
    beginning = first or min(starts, default=last)
    found = [
        each
        for each in statuses.read(opened, beginning, last, gates)
        if (not relations or each.relation in relations)
        and (first is not None or (begins[each.relation] or last) <= each.day)
    ]
    return Calendar(
        tuple(found),
        tuple(statuses.rejections(opened, found)),
        declarations({**manifest.flat_graph, "macros": manifest.macros}),
    )


def statuses_of(replay: Replay, first: dt.date, last: dt.date) -> Calendar:
    """Return the statuses of the days that a replay's gates have judged."""
    with replay.connect(last) as opened:
        return read(opened, replay.manifest, first, last)


def first_day(opened: Warehouse, gates: Collection[str] = ()) -> dt.date | None:
    """Return the first day with rows of the relations that some gates look at; None where they have none."""
    rows = opened.query(opened.macro("first_days", chosen=sorted(gates)))
    return min((row["day"] for row in rows if row["day"] is not None), default=None)
