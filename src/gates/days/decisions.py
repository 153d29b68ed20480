"""Decisions of people about days: kept, with who, when and why, in a table beside the ledger, and undone by another decision."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from gates.days.ranges import DayRange, parsed_range
from gates.errors import GatesError
from gates.project import dbt, warehouse
from gates.project.config import Project
from gates.project.warehouse import Warehouse

UNDO = "undo"
KINDS = ("known", "accepted", "excluded", "new level", UNDO)
COLUMNS = ("day", "content", "decision", "why", "who")  # of a file of decisions


@dataclass(frozen=True)
class Decision:
    """What somebody decides about days.

    Parameters
    ----------
    kind : str
        One of `KINDS`.

    Raises
    ------
    GatesError
        When there is no such kind, no reason, or the day has not happened yet: only `known` may be said beforehand.
    """

    days: tuple[DayRange, ...]
    kind: str
    why: str
    who: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise GatesError(f"a decision must be one of {', '.join(KINDS)}, received {self.kind!r}")
        for name, value in (("why", self.why), ("who", self.who)):
            if not value.strip():
                raise GatesError(f"--{name} must not be empty: it stays with the decision")
        today = dt.datetime.now(dt.UTC).date()
        last = max(each.last for each in self.days)
        if last > today and self.kind not in ("known", UNDO):
            raise GatesError(
                f"{last} has not happened yet: only --known can be decided beforehand, received {self.kind!r}"
            )

    @property
    def in_words(self) -> str:
        """Return what follows from it."""
        days = ", ".join(each.in_words for each in self.days)
        return f"{days}: {_CONSEQUENCES[self.kind]}"


_CONSEQUENCES = {
    "known": "known; no reference for other days",
    "accepted": "accepted as the rows are; no reference for other days",
    "excluded": "excluded; not trained on after the next build, and no reference for other days",
    "new level": "a new level; nothing earlier is a reference for the days from then on",
    UNDO: "what was decided is taken back; what the gates say counts",
}


def decide(project: Project, decision: Decision, relations: Collection[str] = ()) -> None:
    """Record and seal a decision; from now on it stands for these days.

    Parameters
    ----------
    relations : collection of str
        Names as in the ledger; each whose gates judge days when empty.

    Raises
    ------
    GatesError
        When a relation has no such gate, or the table cannot be written.
    """
    with warehouse.connect(project, dbt.parse(project)) as opened:
        record(opened, decision, relations)


def record(opened: Warehouse, decision: Decision, relations: Collection[str] = ()) -> None:
    """Record and seal a decision on an open warehouse, see `decide`."""
    opened.macro(
        "decide",
        days=[str(each) for each in decision.days],
        decision=decision.kind,
        why=decision.why,
        who=decision.who,
        relations=sorted(relations),
    )


@dataclass(frozen=True)
class Prepared:
    """A line of a file of decisions: what is decided about a day, once it has exactly these rows.

    Attributes
    ----------
    content : str
        As a daily profile keeps it in `content_hash`.
    """

    day: dt.date
    content: str
    decision: Decision


def read_file(path: Path) -> list[Prepared]:
    """Return the decisions of a CSV file with the columns day, content, decision, why and who.

    Raises
    ------
    GatesError
        When the file has other columns, or a line is no decision.
    """
    found = []
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise GatesError(f"{path} must have the columns {', '.join(COLUMNS)}, received {rows.fieldnames}")
        for number, row in enumerate(rows, start=2):
            try:
                days = parsed_range(row["day"] or "")
                if not row["content"]:
                    raise GatesError("content must say which rows are decided about, received nothing")
                decision = Decision((days,), row["decision"] or "", row["why"] or "", row["who"] or "")
            except GatesError as error:
                raise GatesError(f"{path}, line {number}: {error}") from None
            found.append(Prepared(days.first, row["content"], decision))
    return found


def record_prepared(opened: Warehouse, prepared: Collection[Prepared], days: Collection[dt.date]) -> int:
    """Record what a file has prepared for some days, where they have these rows and it was not recorded before; return how many."""
    if not prepared or not days:
        return 0
    statement = opened.macro("contents", first_day=min(days), last_day=max(days))
    contents = {(row["day"], row["content"]) for row in opened.query(statement)}
    before = recorded(opened)
    new = [
        each
        for each in prepared
        if each.day in days
        and (each.day, each.content) in contents
        and (each.day, each.decision.kind, each.decision.why, each.decision.who) not in before
    ]
    for each in new:
        record(opened, each.decision)
    return len(new)


def recorded(opened: Warehouse) -> set[tuple[dt.date, str, str, str]]:
    """Return day, kind, reason and person of all decisions so far, also of those that were taken back."""
    table = opened.macro("decisions")
    if not table:
        return set()
    rows = opened.query(f"select distinct day, decision, why, who from {table} as decided")
    return {(row["day"], row["decision"], row["why"], row["who"]) for row in rows}
