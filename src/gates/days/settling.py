"""Ask gates about days until they agree on which of these are no reference."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from gates.days.gate import Gate
from gates.ledger.evidence import PASSED, Row
from gates.project.warehouse import Warehouse

VERDICTS = "verdicts"  # the scratch relation that a replay reads in place of the ledger

Rejected = Mapping[str, Sequence[dt.date]]  # days by the unique id of the gate


def settle(
    opened: Warehouse,
    gates: Sequence[Gate],
    ask: Callable[[Gate], list[dt.date]],
    before: Rejected,
    on_progress: Callable[[], None] = lambda: None,
    judged: Any = None,
) -> Rejected:
    """Ask the gates until no verdict changes: days that a gate has rejected are no reference when its relation is asked again.

    Each round settles at least one more day, because a verdict depends only on earlier days.

    Parameters
    ----------
    ask : callable
        Asks one gate and returns the days that it rejects.
    before : mapping
        The days that were rejected before those that are asked about, by gate.
    judged : relation, optional
        The days that are asked about; on the others the ledger's verdicts count. Without it no other day counts.

    Returns
    -------
    mapping
        The days that each gate rejects, with those before.
    """
    known = {gate.node_id: list(before.get(gate.node_id, ())) for gate in gates}
    rejected: dict[str, list[dt.date]] = {gate.node_id: [] for gate in gates}
    waiting = list(gates)
    while waiting:
        remember(opened, {name: known[name] + days for name, days in rejected.items()}, judged)
        found = dict(zip((gate.node_id for gate in waiting), opened.each(ask, waiting), strict=True))
        unsettled = {gate.model for gate in waiting if found[gate.node_id] != rejected[gate.node_id]}
        rejected |= found
        for _ in (gate for gate in waiting if gate.model not in unsettled):
            on_progress()
        waiting = [gate for gate in waiting if gate.model in unsettled]
    return {name: known[name] + days for name, days in rejected.items()}


def remember(opened: Warehouse, rejected: Rejected, judged: Any = None) -> None:
    """Let the gates know the days that they have rejected so far; see `settle`."""
    listed = {gate: [str(day) for day in days] for gate, days in rejected.items()}
    select = opened.macro("replayed_verdicts", rejected=listed, recorded_except=judged)
    opened.execute([f"create or replace view {opened.macro('scratch_relation', name=VERDICTS)} as {select}"])


def answer(opened: Warehouse, gate: Gate, statement: str, days: Collection[dt.date]) -> list[Row]:
    """Return the evidence of a gate on each of the days, in order."""
    said: dict[dt.date, list[Row]] = {day: [] for day in sorted(days)}
    for row in opened.query(statement):
        if row["run_date"] in said:
            blocks = row["verdict"] not in PASSED and gate.severity == "error"
            said[row["run_date"]].append(
                row | {"node_id": gate.node_id, "severity": gate.severity, "blocks": blocks}
            )
    return [row for day, rows in said.items() for row in rows or [_silent(gate, day)]]


def rejected_days(rows: Sequence[Row]) -> list[dt.date]:
    """Return the days that must not serve as a reference; a day that only lacks a reference may."""
    return sorted({row["run_date"] for row in rows if row["blocks"] and row["reason"] != "no_reference"})


def _silent(gate: Gate, day: dt.date) -> Row:
    return {
        "gate": gate.kind,
        "metric": "no evidence",
        "segment": "all",
        "run_date": day,
        **dict.fromkeys(
            ("current_value", "reference_value", "statistic", "lower_bound", "upper_bound", "sample_size")
        ),
        "verdict": "fail",
        "reason": "no_current",
        "node_id": gate.node_id,
        "severity": gate.severity,
        "blocks": gate.severity == "error",
    }
