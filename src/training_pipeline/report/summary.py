"""What a person reads at the end of a run: evidence, failures first; the metrics; the verdict; what next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from rich.table import Column, Table
from rich.text import Text

from training_pipeline.model.measuring import NO_REFERENCE
from training_pipeline.warehouse.ledger import address, exists
from training_pipeline.warehouse.postgres import connect

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence
    from typing import Any

    from rich.console import Console

    from training_pipeline.config import Settings
    from training_pipeline.steps.run import Outcome

STYLES = {"FAIL": "bold red", "WARN": "yellow", "PASS": "green"}


def show(settings: Settings, outcome: Outcome, console: Console) -> None:
    """Print the summary of a run."""
    for name, lines in outcome.evidence.items():
        console.rule(f"{name} of {outcome.run_date}", align="left")
        show_evidence(lines, console)
    if outcome.decision is not None:
        show_metrics(settings, outcome.run_date, console)
    console.rule("verdict", align="left")
    if outcome.stopped is not None:
        console.print(Text(f"STOPPED  {outcome.stopped}", style="bold red"), soft_wrap=True)
        if hint := last_day_hint(settings, outcome.run_date):
            console.print(hint)
    elif outcome.decision is not None:
        decision = outcome.decision
        verdict = f"{decision.decision.upper()}  model version {decision.model_version}: {decision.reason}"
        console.print(Text(verdict, style="bold green"))
    _show_next(settings, outcome, console)


def show_evidence(lines: Sequence[str], console: Console) -> None:
    """Print the lines of the gates as they are, coloured by verdict and never wrapped."""
    for line in lines:
        console.print(Text(line, style=STYLES.get(line[:4], "bold")), soft_wrap=True)


def last_day_hint(settings: Settings, run_date: datetime.date) -> str | None:
    """Say which day is the last that has rows when the run date has none; None when it has some."""
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


def show_metrics(settings: Settings, run_date: datetime.date, console: Console) -> None:
    """Print the metrics of the model that was evaluated last for a run date, with its comparisons."""
    query = (
        "select * from ml.model_evaluation where run_date = %s and segment = 'all'"
        " and model_version = (select model_version from ml.model_evaluation where run_date = %s"
        " order by evaluated_at desc limit 1) order by metric, reference"
    )
    with connect(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query, [run_date, run_date]).fetchall()
    if not rows:
        console.print(f"no model was evaluated for {run_date}")
        return
    references = sorted({row["reference"] for row in rows} - {NO_REFERENCE})
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
            *(_interval(cells[name], "difference", "difference_") for name in references),
        )
    console.print(table)


def _interval(row: Mapping[str, Any], value: str, bound: str) -> str:
    if row[value] is None:
        return "-"
    return f"{row[value]:.4f}\n({row[f'{bound}lower']:.4f}, {row[f'{bound}upper']:.4f})"


def _show_next(settings: Settings, outcome: Outcome, console: Console) -> None:
    console.rule("where to look next", align="left")
    table = Table.grid(padding=(0, 2))
    table.add_row("report", str(outcome.report))
    table.add_row("all evidence", f"select * from {address(settings).as_string()} (training-pipeline db url)")
    table.add_row("dbt docs", "cd dbt_project && dbt docs generate && dbt docs serve")
    table.add_row("MLflow", "training-pipeline mlflow")
    table.add_row("Airflow", "make airflow")
    console.print(table)
    console.print(
        "  ".join(f"{step} {seconds:.1f} s" for step, seconds in outcome.seconds.items()), style="dim"
    )
