"""The text at the end of a run: the steps, the warnings, the metrics, the verdict, the next command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from rich.table import Column, Table

from gates.render.cards import EXPLAIN, WARN, Context, cards
from gates.render.overview import by_relation, folded, in_full, tally
from gates.text import WIDTH, clipped, columns, wrapped
from training_pipeline.model.measurement import NO_REFERENCE, OWN_NOISE
from training_pipeline.model.segments import WHOLE
from training_pipeline.warehouse import ml_tables
from training_pipeline.warehouse.ledger import exists
from training_pipeline.warehouse.postgres import connect

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence
    from typing import Any

    from gates.ledger.evidence import Row
    from training_pipeline.config import Settings
    from training_pipeline.steps.run import Outcome

MAX_LINES = 25  # of a run that nothing stopped
_LABEL = 10  # columns
_INDENT = " " * _LABEL
_RELATION = " " * 4
_METRICS = ("auc", "log_loss", "brier")


def run_lines(settings: Settings, outcome: Outcome, context: Context, verbose: bool = False) -> list[str]:
    """Return the outcome of a run in lines that fit a terminal.

    They are at most 25 where nothing stopped the run and not all evidence is asked for; relations on which everything passed then
    share a line if necessary.
    """
    if outcome.stopped is not None:
        ending = [*_pointers(settings, outcome), *verdict_lines(settings, outcome)]
    else:
        ending = [
            *metric_lines(settings, outcome.run_date),
            *verdict_lines(settings, outcome),
            *_pointers(settings, outcome),
        ]
    if verbose:
        return [*_steps(outcome, context, None), *ending]
    room = MAX_LINES - len(outcome.seconds) - len(ending)
    rows = [row for found in outcome.evidence.values() for row in found]
    warned = [] if outcome.stopped else cards(rows, context, WARN, room - len(outcome.evidence))
    return [*_steps(outcome, context, room - len(warned)), *warned, *ending]


def evidence_lines(rows: Sequence[Row], context: Context, verbose: bool) -> list[str]:
    """Return the outcome of the gates of one side: a line for each relation and a card for each warning, or every row."""
    if verbose:
        return in_full(rows, context)
    return [*folded(by_relation(rows, context), ""), *cards(rows, context, WARN)]


def verdict_lines(settings: Settings, outcome: Outcome) -> list[str]:
    """Return the decision about the model, or what stopped the run."""
    if outcome.stopped is not None:
        head, *rest = str(outcome.stopped).splitlines()
        if hint := last_day_hint(settings, outcome.run_date):
            rest.append(f"{_RELATION}{hint}")
        return [
            *_labelled("STOPPED", head),
            *(part for line in rest for part in ([line] if columns(line) <= WIDTH else folded([line], ""))),
        ]
    if outcome.decision is None:
        return []
    decision = outcome.decision
    return _labelled(decision.decision.upper(), f"model version {decision.model_version}: {decision.reason}")


def metric_lines(settings: Settings, run_date: datetime.date) -> list[str]:
    """Return the metrics of the model that was evaluated last, and how much better it is, with their intervals."""
    rows = _evaluation(settings, run_date)
    values = [
        f"{row['metric']} {_short_interval(row, 'value', '')}"
        for metric in _METRICS
        for row in rows
        if (row["metric"], row["reference"]) == (metric, NO_REFERENCE)
    ]
    better = [
        f"than {row['reference']} by {_short_interval(row, 'difference', 'difference_')}"
        for row in rows
        if row["metric"] == _METRICS[0] and row["difference"] is not None
    ]
    lines = _as_many_as_fit("metrics", values)
    return lines + _as_many_as_fit("", [f"{_METRICS[0]} better {better[0]}", *better[1:]] if better else [])


def metric_table(settings: Settings, run_date: datetime.date) -> Table | str:
    """Return all metrics of the model that was evaluated last for a run date, with its comparisons."""
    rows = _evaluation(settings, run_date)
    if not rows:
        return f"no model was evaluated for {run_date}"
    references = sorted({row["reference"] for row in rows} - {NO_REFERENCE, OWN_NOISE})
    table = Table(
        Column("metric", no_wrap=True),
        "value",
        *(f"better than {name} by" for name in references),
        title=f"model version {rows[0]['model_version']} on snapshot {rows[0]['snapshot_date']},"
        " with 95 % intervals",
        title_justify="left",
    )
    for metric in sorted({row["metric"] for row in rows}):
        cells = {row["reference"]: row for row in rows if row["metric"] == metric}
        table.add_row(
            metric,
            _interval(cells[NO_REFERENCE], "value", ""),
            *(_interval(cells.get(name), "difference", "difference_") for name in references),
        )
    return table


def last_day_hint(settings: Settings, run_date: datetime.date) -> str | None:
    """Return a hint with the last day that has rows if the run date has none; None if it has rows."""
    table = sql.Identifier(*settings.source.split("."))
    with connect(settings) as connection:
        if not exists(connection, table):
            return f"{settings.source} does not exist: load data with `training-pipeline load`"
        query = sql.SQL(
            "select exists (select from {table} where interaction_date = %s), max(interaction_date)"
            " from {table}"
        )
        try:
            row = connection.execute(query.format(table=table), [run_date]).fetchone()
        except psycopg.errors.UndefinedColumn:
            return None  # the schema gate says it better
    if row is None or row[0]:
        return None
    if row[1] is None:
        return f"{settings.source} is empty: load data with `training-pipeline load`"
    return f"{settings.source} has no rows for {run_date}; the last day that has is {row[1]}"


def _steps(outcome: Outcome, context: Context, room: int | None) -> Iterator[str]:
    """Yield a line for each step, followed by a line for each relation that it judged, or by every row where room is None."""
    counts = {step: len(by_relation(rows, context)) for step, rows in outcome.evidence.items() if rows}
    while room is not None and sum(counts.values()) > max(room, len(counts)):
        counts[max(counts, key=lambda step: counts[step])] -= 1
    for step, seconds in outcome.seconds.items():
        rows = outcome.evidence.get(step, [])
        note = tally(rows) if step in outcome.evidence else outcome.notes.get(step, "")
        yield clipped(f"{step:11} {seconds:6.1f} s  {note}".rstrip())
        if room is None:
            yield from (f"{_RELATION}{line}" for line in in_full(rows, context))
        else:
            yield from folded(by_relation(rows, context, counts.get(step)), _RELATION)


def _pointers(settings: Settings, outcome: Outcome) -> Iterator[str]:
    if outcome.report is not None:
        yield f"{'report':{_LABEL}}{outcome.report}"
    if outcome.stopped is None:
        explain = f"{EXPLAIN} TEST --run-date {outcome.run_date}"
        yield from _labelled("next", f"training-pipeline mlflow; in {settings.dbt_project.name}: {explain}")
    yield from _labelled("took", f"{sum(outcome.seconds.values()):.1f} s")


def _labelled(label: str, text: str) -> list[str]:
    return wrapped(text, f"{label:{_LABEL}}", _INDENT)


def _as_many_as_fit(label: str, parts: list[str]) -> list[str]:
    """Return one line with as many of the parts as fit; no line without parts."""
    while len(lines := _labelled(label, ", ".join(parts))) > 1:
        parts = parts[:-1]
    return lines if parts else []


def _evaluation(settings: Settings, run_date: datetime.date) -> list[Row]:
    with connect(settings) as connection:
        ml_tables.ensure(connection)
        rows = ml_tables.latest_evaluation(connection, run_date)
    return [row for row in rows if row["segment"] == WHOLE]


def _interval(row: Mapping[str, Any] | None, value: str, bound: str) -> str:
    if row is None or row[value] is None:
        return "-"
    if row[f"{bound}lower"] is None:
        return f"{row[value]:.4f}"
    return f"{row[value]:.4f}\n({row[f'{bound}lower']:.4f}, {row[f'{bound}upper']:.4f})"


def _short_interval(row: Mapping[str, Any], value: str, bound: str) -> str:
    if row[value] is None:
        return "-"
    return f"{row[value]:.3f} ({row[f'{bound}lower']:.3f} to {row[f'{bound}upper']:.3f})"
