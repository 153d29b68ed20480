"""Cards for people: of each test that did not pass, its name, a sentence, its past and the next command."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gates.ledger.declared import Declared, Row
from gates.ledger.evidence import ACCEPTED, effect, name_of
from gates.ledger.runs import Key, key
from gates.ledger.wording import sentence
from gates.text import WIDTH, as_number, clipped, columns, listed, printable, sparkline, wrapped

EXPLAIN = "gates explain"
FAIL, WARN = "FAIL", "WARN"
INDENT = " " * 6
_SHOWN = 5  # cards; the other tests are named
_NAME_LENGTH = 40  # of a name in a command; a longer one is given by a part that only one test has
_LEAST_PAST = 4  # values before the run date, without which there is nothing to see
_ABSENT = ("query_error", "no_current", "no_reference", "null_value", "missing_column")

Past = Mapping[dt.date, object]  # the values of a metric and segment, by run date


@dataclass(frozen=True)
class Context:
    """What the cards of a run need in addition to its rows.

    Attributes
    ----------
    declared : mapping
        The tests of the project by unique id.
    past : mapping
        The values before the run date, by relation, gate, metric and segment.
    messages : mapping
        The message of the database about a query that failed, by the test's unique id.
    schema : str
        The schema of the project, which is left out of the names of relations.
    folder : str
        The folder of the dbt project, where the next command runs; empty where the reader is in it.
    """

    declared: Mapping[str, Declared] = field(default_factory=dict)
    past: Mapping[Key, Past] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)
    schema: str = ""
    folder: str = ""

    @property
    def next(self) -> str:
        """Return the words before the next command."""
        return f"next in {self.folder}:" if self.folder else "next:"

    def relation(self, row: Row) -> str:
        """Return the relation of a row as people call it."""
        return str(row["relation"] or "no relation").removeprefix(f"{self.schema}.")


def cards(rows: Iterable[Row], context: Context, label: str, room: int | None = None) -> list[str]:
    """Return the lines of a card for each test that failed (or, with that label, warned), the worst first.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of the ledger; rows of tests that passed are left out.
    label : 'FAIL' or 'WARN'
    room : int, optional
        The number of lines that there may be; None for five cards at most. The tests without a card are named.
    """
    tests: dict[str, list[Row]] = {}
    for row in rows:
        if _label(row) == label:
            tests.setdefault(row["node_id"], []).append(row)
    ordered = sorted(tests.values(), key=lambda of_test: (-max(map(_excess, of_test)), of_test[0]["node_id"]))
    for shown in range(min(len(ordered), _SHOWN), -1, -1):
        lines = [line for of_test in ordered[:shown] for line in card(of_test, context)]
        if more := [_name(of_test[0], context) for of_test in ordered[shown:]]:
            lines.append(clipped(f"{label}  {len(more)} more: {printable(listed(more))}"))
        if room is None or len(lines) <= room:
            break
    return lines


def card(rows: Sequence[Row], context: Context) -> list[str]:
    """Return the lines of the card of one test: its worst row in words, the other rows counted."""
    decided = [row for row in rows if effect(row) in ("warn", "fail")] or list(rows)
    worst, *others = sorted(decided, key=lambda row: (-_excess(row), row["metric"], row["segment"]))
    declared = context.declared.get(worst["node_id"], Declared())
    past = context.past.get(key(worst), {})
    head = printable(f"{_name(worst, context)} on {context.relation(worst)}")
    if declared.scope:
        head = clipped(f"{head} where {printable(declared.scope)}", max(WIDTH - len(INDENT), columns(head)))
    said = sentence(worst, replace(declared, reference_days=_reference_days(worst, declared, past)))
    if message := context.messages.get(worst["node_id"]):
        said += f": {message}"
    elif worst["metric"] == "failures" and declared.description:
        said += f". {declared.description}"
    lines = wrapped(head, f"{_label(worst)}  ", INDENT)
    lines += wrapped(printable(said), INDENT, INDENT)
    if others:
        names = [
            declared.metric(row) + (f" of {row['segment']}" if row["segment"] != worst["segment"] else "")
            for row in others
        ]
        lines += wrapped(printable(f"and {len(others)} more: {listed(names)}"), INDENT, INDENT)
    if len([value for value in past.values() if as_number(value) is not None]) >= _LEAST_PAST:
        values = [*(past[day] for day in sorted(past)), worst["current_value"]]
        lines.append(f"{INDENT}{sparkline(values)}  the last {len(values)} days judged")
    return lines + _next(worst, declared, context)


def in_one_line(rows: Sequence[Row], declared: Mapping[str, Declared]) -> str:
    """Return the sentence of the first row with the name of its test; the other rows are counted."""
    first, more = rows[0], len(rows) - 1
    said = sentence(first, declared.get(first["node_id"]))
    text = f"{_name(first, Context(declared))} on {first['relation']}: {said}"
    return printable(text) + (f"; and {more} more" if more else "")


def _label(row: Row) -> str:
    """Return how the test of a row ended."""
    return {"pass": "PASS", "warn": WARN, ACCEPTED: WARN}.get(row["status"], FAIL)


def _name(row: Row, context: Context) -> str:
    declared = context.declared.get(row["node_id"])
    return declared.name if declared else name_of(row["node_id"])


def _excess(row: Row) -> float:
    """Return how bad a row is: its distance beyond the bound, as a share of the bound; absent data are worst."""
    if effect(row) not in ("warn", "fail"):
        return -1.0
    if row["reason"] in _ABSENT:
        return float("inf")
    value = as_number(row["statistic"] if row["statistic"] is not None else row["current_value"])
    beyond = [0.0]
    for bound, sign in ((row["lower_bound"], -1), (row["upper_bound"], 1)):
        if bound is not None and value is not None:
            beyond.append(sign * (value - bound) / max(abs(bound), 1e-9))
    return max(beyond) + (1e6 if effect(row) == "fail" else 0)


def _reference_days(row: Row, declared: Declared, past: Past) -> int | None:
    """Return how many days before the run date the reference lies, found by its value; None where no day before has that value.

    A gate steps over days that must not serve as a reference, so its arguments alone do not say it.
    """
    step = declared.whole_number("days_back", 7)
    value = as_number(row["reference_value"])
    if not declared.steps_back or value is None:
        return None
    for days in range(step, 4 * step + 1, step):
        if as_number(past.get(row["run_date"] - dt.timedelta(days))) == value:
            return days
    return None


def _next(row: Row, declared: Declared, context: Context) -> list[str]:
    """Return the lines of the next command; a command that is wider than a line goes on after a backslash."""
    if row["gate"] == "source_freshness":
        return wrapped(
            f"next: load newer rows, or decide on an earlier day than {row['run_date']}", INDENT, INDENT
        )
    name = _name(row, context)
    part = _unique_part(name, [other.name for other in context.declared.values() if other.name != name])
    if declared.gate and declared.arguments.get("date_column") and row["reason"] != "query_error":
        words = [*EXPLAIN.split(), part, "--run-date", str(row["run_date"])]
    else:
        wanted = part if part == name else f"{part}*"
        words = [f"RUN_DATE={row['run_date']}", "dbt", "show", "--select", wanted]
    lines = [f"{INDENT}{context.next}"]
    for word in map(shlex.quote, map(printable, words)):
        if columns(lines[-1]) + columns(word) > WIDTH - len(" \\ "):
            lines[-1] += " \\"
            lines.append(INDENT)
        lines[-1] += f" {word}"
    return lines


def _unique_part(name: str, others: Sequence[str]) -> str:
    """Return the name, or of a long name the first part that no other name has, which is enough to find the test."""
    for length in range(_NAME_LENGTH, len(name)):
        if not any(name[:length] in other for other in others):
            return name[:length]
    return name
