"""The past days of the relations that gates look at: the days with rows, and the days that somebody has marked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gates.days.gate import Gate
from gates.days.replay import Replay
from gates.errors import GatesError
from gates.ledger.evidence import Row
from gates.project.warehouse import Warehouse

HISTORY_DAYS = 56  # days of history before the first judged day: the longest noise window of the gates


@dataclass(frozen=True)
class PastDays:
    """The days of a window.

    Attributes
    ----------
    healthy : tuple of date
        The days on which at least one relation has rows, and which neither the calendar nor a person has marked.
    marked : tuple of date
        The other days: closed days, holidays, accepted incidents.
    by_model : mapping
        For each model, the days on which it has rows.
    """

    healthy: tuple[dt.date, ...]
    marked: tuple[dt.date, ...]
    by_model: Mapping[str, Collection[dt.date]]

    @property
    def judged(self) -> list[dt.date]:
        """Return all days in order."""
        return sorted([*self.healthy, *self.marked])

    def concerns(self, gate: Gate, row: Row) -> bool:
        """Say whether a row of evidence is about a day on which its gate has something to judge, or a marked day."""
        return row["run_date"] in self.by_model[gate.model] or row["run_date"] in self.marked


def past_days(replay: Replay, first_day: dt.date | None, last_day: dt.date) -> PastDays:
    """Return the days of the relations that the gates of a project look at.

    Parameters
    ----------
    first_day : date or None
        The first day; None for the first on which each relation has 56 days of history.

    Raises
    ------
    GatesError
        When a relation has not been built, or none has a day in the window.
    """
    with replay.connect(last_day) as opened:
        rows = {
            model: _days_with_rows(opened, replay, model) for model in {gate.model for gate in replay.gates}
        }
        marks = opened.macro("marked_days")
        known = {row["run_date"] for row in opened.query(marks)} if marks else set()
    by_model, spans = {}, []
    for model, filled in rows.items():
        first = first_day or (min(filled) + dt.timedelta(HISTORY_DAYS) if filled else last_day)
        by_model[model] = {day for day in filled if first <= day <= last_day}
        if filled and first <= max(filled):
            spans.append((first, max(filled)))
    if not any(by_model.values()):
        names = ", ".join(sorted({gate.relation for gate in replay.gates}))
        raise GatesError(
            f"{names}: no day with rows from {first_day or f'{HISTORY_DAYS} days after the first'} to {last_day}:"
            " give another --first-day or --run-date, or build more history"
        )
    first, last = min(first for first, _ in spans), max(last for _, last in spans)
    window = [first + dt.timedelta(number) for number in range((last - first).days + 1)]
    healthy = tuple(day for day in window if day in set().union(*by_model.values()) - known)
    return PastDays(healthy, tuple(day for day in window if day not in healthy), by_model)


def _days_with_rows(opened: Warehouse, replay: Replay, model: str) -> set[dt.date]:
    """Return the days on which a relation has rows; of a profile, the days of which it has counted rows."""
    relation = opened.relation(replay.node(model))
    gates = [gate for gate in replay.gates if gate.model == model]
    if not opened.exists(relation):
        raise GatesError(
            f"{relation} does not exist, so {gates[0].name} has nothing to judge: run dbt build first"
        )
    asked = {(gate.date_column, gate.arguments.get("weight")) for gate in gates}
    weighted = {(column, weight) for column, weight in asked if weight}
    return {
        row["day"]
        for column, weight in weighted or asked
        for row in opened.query(
            opened.macro("rows_by_day", relation=relation, date_column=column, weight=weight)
        )
        if row["row_count"]
    }
