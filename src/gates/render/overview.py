"""The evidence of a run in short, a line for each relation, or in full, a line for each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from gates.ledger.declared import Declared, Row
from gates.ledger.evidence import effect, failures_first, name_of
from gates.ledger.wording import sentence
from gates.render.cards import Context
from gates.text import counted, printable, wrapped

_INDENT = " " * 4
_WORDS = {"pass": "passed", "learning": "learning", "warn": "warned", "fail": "failed"}
_NOT_APPLICABLE = "not applicable"


def tally(rows: Iterable[Row]) -> str:
    """Count rows by their outcome.

    Examples
    --------
    >>> passed = {"verdict": "pass", "reason": "ok", "severity": "error"}
    >>> tally([passed, passed, passed | {"verdict": "warn"}])
    '2 checks passed, 1 warned'
    """
    counts = Counter(map(_outcome, rows))
    parts = [
        f"{counts[outcome]} {_WORDS.get(outcome, outcome)}"
        for outcome in ("pass", "learning", _NOT_APPLICABLE, "warn", "fail")
        if counts[outcome]
    ]
    if not parts:
        return "no checks"
    number, _, word = parts[0].partition(" ")
    return ", ".join([f"{counted(int(number), 'check')} {word}", *parts[1:]])


def by_relation(rows: Iterable[Row], context: Context, room: int | None = None) -> list[str]:
    """Return a line for each relation, as `interaction_daily: 41 checks passed`.

    Parameters
    ----------
    room : int, optional
        The number of lines that there may be; relations on which everything passed then share the last line.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(context.relation(row), []).append(row)
    is_full = room is not None and len(groups) > room
    dull_last = sorted(groups, key=lambda name: (is_full and _passed(groups[name]), name))
    kept = dull_last[: max(room - 1, 0)] if is_full and room is not None else dull_last
    lines = [f"{printable(name)}: {tally(groups[name])}" for name in sorted(kept)]
    if rest := dull_last[len(kept) :]:
        others = f"{len(rest)} more" if kept else f"{len(rest)} models"
        lines.append(f"{others}: {tally(row for name in rest for row in groups[name])}")
    return lines


def in_full(rows: Iterable[Row], context: Context) -> list[str]:
    """Return a line for each row, under the name of its relation and of its test; failures come first in each."""
    lines: list[str] = []
    ordered = sorted(rows, key=lambda row: (row["relation"] or "", row["node_id"]))
    for (relation, node_id), of_test in groupby(
        ordered, key=lambda row: (row["relation"] or "", row["node_id"])
    ):
        declared = context.declared.get(node_id, Declared())
        scope = f" where {declared.scope}" if declared.scope else ""
        lines.append(printable(f"{declared.name or name_of(node_id)} on {relation}{scope}"))
        lines += [
            f"{_INDENT}{effect(row).upper():8}  {sentence(row, declared)}"
            for row in failures_first([dict(row) for row in of_test])
        ]
    return lines


def folded(lines: Sequence[str], indent: str) -> list[str]:
    """Return lines, each wrapped to the width of a terminal and indented."""
    return [part for line in lines for part in wrapped(line, indent, indent + _INDENT)]


def _passed(rows: Sequence[Row]) -> bool:
    return all(effect(row) == "pass" for row in rows)


def _outcome(row: Row) -> str:
    if row["reason"] == "not_applicable":
        return _NOT_APPLICABLE
    return "learning" if row["verdict"] == "learning" else effect(row)
