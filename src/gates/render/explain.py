"""Explain a verdict: the formula of the gate with its numbers, a chart of the days before, the query for the judged rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import plotext
from rich.console import Console

from gates.days.gate import Gate
from gates.days.replay import Replay
from gates.errors import GatesError
from gates.ledger.evidence import PASSED, Row, effect, failures_first, latest
from gates.ledger.wording import sentence
from gates.ledger.words import bounds
from gates.spec.spec import by_argument
from gates.text import short

AROUND_DAYS = 35
CHART_SIZE = (100, 14)  # columns and lines

EVIDENCE = ("metric", "segment", "current_value", "reference_value", "statistic")  # what a formula may name


def explain(replay: Replay, name: str, run_date: dt.date, console: Console) -> None:
    """Print the evidence of a gate for a run date, and how the gate came to it.

    Parameters
    ----------
    name : str
        Name of a test, a part of one, or the unique id of the ledger's `node_id`.

    Raises
    ------
    GatesError
        When no gate or more than one has that name, or the ledger has no evidence of the gate for the day.
    """
    first = run_date - dt.timedelta(AROUND_DAYS)
    gate = find(replay.gates, name)
    with replay.connect(run_date) as opened:
        ledger = opened.macro("ledger")
        rows = opened.exists(ledger) and latest(opened.query, str(ledger), run_date, [gate.node_id]).get(
            gate.node_id
        )
    if not rows:
        raise GatesError(
            f"{gate.name} has left no evidence for {run_date}: run dbt test --select {gate.name} for that day first"
        )
    days = [first + dt.timedelta(number) for number in range(AROUND_DAYS + 1)]
    history = replay.judge([gate], days)
    console.print(f"{gate.name}: {gate.kind} on {gate.relation}, severity {gate.severity}", soft_wrap=True)
    for row in failures_first(rows):
        console.print()
        # a gate of severity warn never stops a run, so its card says WARN as well
        outcome = row["verdict"] if row["verdict"] in PASSED else effect(row)
        console.print(f"{outcome.upper()}  {sentence(row, gate.declared)}", soft_wrap=True, markup=False)
        console.print(f"  {formula(gate, row)}", soft_wrap=True, markup=False)
        if (drawn := chart(history, row)) is not None:
            console.print(drawn, soft_wrap=True, markup=False)
    console.print("\nthe rows behind it:")
    console.print(f"  {query(gate, run_date)}", soft_wrap=True, markup=False)


def find(gates: Sequence[Gate], name: str) -> Gate:
    """Return the gate with that name or unique id, or the only gate whose name contains it."""
    exact = [gate for gate in gates if name in (gate.name, gate.node_id)]
    found = exact or [gate for gate in gates if name in gate.name]
    if len(found) == 1:
        return found[0]
    known = ", ".join(gate.name for gate in found or gates)
    raise GatesError(
        f"{'several gates have' if found else 'no gate has'} {name!r} in the name; give one of: {known}"
    )


def formula(gate: Gate, row: Mapping[str, Any]) -> str:
    """Return the formula of a gate with the numbers of a row of its evidence."""
    bound = bounds(row, gate.spec) or "without a bound"
    text = str(by_argument(gate.spec.formula, gate.values))
    if any(row[name] is None for name in EVIDENCE if f"{{{name}}}" in text):
        return f"{row['metric']} = {short(row['current_value'])}; passes when {bound}"
    numbers = {name: short(row[name]) for name in EVIDENCE}
    return f"{text.format_map({**gate.values, **numbers})}; passes when {bound}"


def chart(history: Sequence[Row], row: Mapping[str, Any]) -> str | None:
    """Draw the value of a row's metric and segment on the days before; None where there is nothing to draw."""
    points = [
        (str(past["run_date"]), float(past["current_value"]))
        for past in history
        if (past["metric"], past["segment"]) == (row["metric"], row["segment"])
        and _is_number(past["current_value"])
    ]
    if len(points) < 2:
        return None
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(*CHART_SIZE)
    plotext.date_form("Y-m-d")
    plotext.title(f"{row['metric']} until {row['run_date']}")
    plotext.plot(*zip(*points, strict=True), marker="braille")
    return str(plotext.uncolorize(plotext.build()))


def query(gate: Gate, run_date: dt.date) -> str:
    """Return the query for the rows that a gate judged."""
    day = run_date - dt.timedelta(gate.spec.judged_days_back(gate.arguments))
    scope = f" and {gate.where}" if gate.where else ""
    return (
        f"select * from {gate.relation} where {gate.date_column} >= date '{day}'"
        f" and {gate.date_column} < date '{day + dt.timedelta(1)}'{scope}"
    )


def _is_number(value: object) -> bool:
    try:
        return float(str(value)) == float(str(value))
    except ValueError:
        return False
