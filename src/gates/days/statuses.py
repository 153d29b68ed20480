"""The status of each day, as the ledger and the decisions of people have it; see macros/days/statuses.sql."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gates.ledger.evidence import Row
from gates.project.warehouse import Warehouse

PROVEN, REJECTED, UNJUDGED = "proven", "rejected", "unjudged"
EXCLUDED = "excluded"
STATUSES = (PROVEN, "known", "accepted", "new level", EXCLUDED, UNJUDGED, REJECTED)


@dataclass(frozen=True)
class DayStatus:
    """What is known about a day of a relation.

    Attributes
    ----------
    status : str
        One of `STATUSES`.
    why : str
        The reason of who decided; of a day that is unjudged, which gates have to judge it and why.
    who : str
        Who decided.
    learning : tuple of str
        The gates that had too short a past to judge the day, where it is proven.
    """

    relation: str
    day: dt.date
    status: str
    why: str = ""
    who: str = ""
    learning: tuple[str, ...] = ()

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> DayStatus:
        """Return it from a row of the macro `day_statuses`."""
        return cls(
            row["relation"],
            row["day"],
            row["status"],
            row["why"] or "",
            row["who"] or "",
            tuple((row["learning"] or "").split("\n")) if row["learning"] else (),
        )


def question(gates: Collection[str]) -> str:
    """Return the Jinja expression that dbt compiles to the query for the status of each day up to the run date, as these gates have it."""
    return f"gates.statuses_so_far({json.dumps(sorted(gates))})" if gates else "''"


def read(opened: Warehouse, first: dt.date, last: dt.date, gates: Collection[str] = ()) -> list[DayStatus]:
    """Return the status of each day of each relation, in order.

    Parameters
    ----------
    gates : collection of str
        Unique ids of the gates that have to judge a day; all of severity error that judge days when empty.
    """
    statement = opened.macro("day_statuses", first_day=first, last_day=last, gates_of_days=sorted(gates))
    rows = opened.query(f"select * from ({statement}) as statuses order by relation, day")
    return [DayStatus.of_row(row) for row in rows]


def rejections(opened: Warehouse, statuses: Iterable[DayStatus]) -> list[Row]:
    """Return the ledger's rows that reject the rejected ones of some days."""
    by_relation: dict[str, list[dt.date]] = {}
    for each in statuses:
        if each.status == REJECTED:
            by_relation.setdefault(each.relation, []).append(each.day)
    rows: list[Row] = []
    for relation, days in by_relation.items():
        found = opened.query(
            opened.macro("rejections_of_days", relation=relation, first_day=min(days), last_day=max(days))
        )
        rows += [row for row in found if row["run_date"] in days]
    return rows


def of_days(statuses: Iterable[DayStatus]) -> dict[dt.date, list[DayStatus]]:
    """Return the statuses of all relations by day."""
    found: dict[dt.date, list[DayStatus]] = {}
    for each in statuses:
        found.setdefault(each.day, []).append(each)
    return found


def fit_for_training(statuses: Sequence[DayStatus]) -> bool:
    """Say whether a day with these statuses, of each relation, may be trained on: excluded, or no relation unjudged or rejected."""
    kinds = {each.status for each in statuses}
    return EXCLUDED in kinds or kinds.isdisjoint({UNJUDGED, REJECTED})
