"""What it costs to ask the gates about a year: on the profile, and on the rows it was made of; with more rows a day."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from training_pipeline import backtest, dbt, embedded, loading
from training_pipeline.config import Settings
from training_pipeline.replay import DAY, compile_gates, replay
from training_pipeline.warehouse import connect

RUN_DATE = dt.date(2017, 12, 31)
DAYS_ON_ROWS = 30  # a year on the rows takes minutes; the cost of each day is about the same
GATES = {
    "interval_ratio": "gates.interval_ratio_sql({table}, '{day}', {{'{rows}': 2.2, '{amount}': 2.2}}, weight={weight})",
    "metric_anomaly": "gates.metric_anomaly_sql({table}, ['{rows}', '{amount}'], '{day}', 4, 6, 4, 56, 0.02, none, 1,"
    " {weight}, 'fail', 'warn')",
}
ON_ROWS = {
    "table": "ref('interaction')",
    "day": "interaction_date",
    "rows": "count(*)",
    "amount": "sum(amount)",
    "weight": "none",
}
ON_PROFILE = {
    "table": "api.Relation.create(identifier='overall')",
    "day": "profile_date",
    "rows": "sum(row_count)",
    "amount": "sum(amount_sum)",
    "weight": "'row_count'",
}


def measure(copies: list[int]) -> None:
    """Print milliseconds for each judged day, for the sample and for so many copies of each of its rows."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    folder.chmod(0o755)
    settings = replace(Settings.load(), state_dir=folder, target="embedded", database="warehouse")
    table = Table(
        "rows", "gate", "profile, ms a day", "rows, ms a day", "rows / profile", "all gates, a year, s"
    )
    try:
        embedded.start(settings)
        loading.load(settings)
        for factor in copies:
            rows = _build(settings, factor)
            year = _seconds_of_all_gates(settings)
            for gate, template in GATES.items():
                on_profile, on_rows = (
                    _milliseconds(settings, template, names) for names in (ON_PROFILE, ON_ROWS)
                )
                numbers = (
                    f"{on_profile:.2f}",
                    f"{on_rows:.2f}",
                    f"{on_rows / on_profile:.0f}",
                    f"{year:.1f}",
                )
                table.add_row(f"{rows:,}", gate, *numbers)
        Console().print(table)
    finally:
        embedded.stop(settings)
        shutil.rmtree(folder, ignore_errors=True)


def _build(settings: Settings, copies: int) -> int:
    """Build the models from so many copies of each row, and the part of the profile that has the measures."""
    with connect(settings) as connection:
        connection.execute("create table if not exists raw.sample as select * from raw.interaction")
        connection.execute("truncate raw.interaction")
        connection.execute(
            "insert into raw.interaction select interaction_id || '/' || copy, customer_id + 1000000 * (copy - 1), interaction_at,"
            " interaction_date, store_id, department, quantity, amount"
            f" from raw.sample, generate_series(1, {int(copies)}) as copy".encode()
        )
    select = ["--select", "+interaction_daily", "--exclude", "resource_type:unit_test", "--full-refresh"]
    dbt.invoke(settings, ["build", *select], RUN_DATE)
    with connect(settings) as connection:
        connection.execute(
            "create or replace view public.overall as select * from analytics.interaction_daily where slice = 'all'"
        )
        row = connection.execute("select count(*) from raw.interaction").fetchone()
        connection.execute("analyze analytics.interaction; analyze analytics.interaction_daily")
    assert row is not None
    return int(row[0])


def _seconds_of_all_gates(settings: Settings) -> float:
    healthy, marked = backtest.past_days(settings, None, RUN_DATE)
    gates = compile_gates(settings)
    started = time.perf_counter()
    replay(settings, gates, [*healthy, *marked])
    return time.perf_counter() - started


def _milliseconds(settings: Settings, template: str, names: dict[str, str]) -> float:
    """Return what a gate takes for each day, all days in one statement; the least of three."""
    statement = dbt.compile_inline(settings, "{{ " + template.format(**names) + " }}", DAY)
    days = DAYS_ON_ROWS if names is ON_ROWS else 308
    listed = (
        f"generate_series(date '{RUN_DATE}' - {days - 1}, date '{RUN_DATE}', interval '1 day')::date as day"
    )
    with connect(settings) as connection:
        connection.execute("set jit = off")
        return min(_timed(connection, statement, listed) for _ in range(3)) * 1000 / days


def _timed(connection: psycopg.Connection, statement: str, listed: str) -> float:
    started = time.perf_counter()
    query = f"select e.* from (select {listed}) as replay cross join lateral ({statement}) as e"
    connection.execute(query.encode()).fetchall()
    return time.perf_counter() - started
