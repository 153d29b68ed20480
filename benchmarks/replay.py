"""Measure the cost of asking the gates about a year, on the profile and on the rows, also with more rows a day."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import replace

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.fresh import fresh_settings
from gates.days.replay import Replay
from gates.tuning.past import past_days
from training_pipeline.config import Settings
from training_pipeline.roles import Role
from training_pipeline.source import loading
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.postgres import connect

RUN_DATE = dt.date(2017, 12, 31)
DAYS = 308
FIRST_DAY = RUN_DATE - dt.timedelta(DAYS - 1)
ASKED_ON_ROWS = [
    RUN_DATE - dt.timedelta(70 * number) for number in range(4)
]  # all days of a year take an hour
# The minimum of several runs excludes other work of the machine and the first run of a statement.
RUNS = 9
# One gate of each kind that judges a day; the braces are names of tables and columns.
GATES = {
    "row_existence": "gates.test_row_existence({table}, '{day}', weight={weight})",
    "value_tolerance": "gates.test_value_tolerance({table}, 4500, '{rows}', 0.5, '{day}', weight={weight})",
    "value_range": "gates.test_value_range({table}, '{nulls}', max_value=0.01, date_column='{day}', weight={weight})",
    "share_limit": "gates.test_share_limit({departments}, '{department} = \\'(null)\\'', '{day}', 0.02, 0.01, 28, none, 1, {weight},"
    " 'fail', 'warn')",
    "duplicate_limit": "gates.test_duplicate_limit({table}, '{key}', '{day}', 0.02, 0.01, 28, none, 1, {weight}, 'fail', 'warn')",
    "interval_ratio": "gates.test_interval_ratio({table}, '{day}', {{'{rows}': 2.2, '{amount}': 2.2}}, weight={weight})",
    "not_stale": "gates.test_not_stale({table}, '{day}', '{customer}', '{measure}', 7, none, 1, {weight}, 'fail', 'warn')",
    "category_match": "gates.test_category_match({departments}, '{department}', '{day}', 0.01, true, 0.005, 28, none, 1, {weight},"
    " 'fail', 'warn')",
    "metric_anomaly": "gates.test_metric_anomaly({table}, ['{rows}', '{amount}', '{customers}'], '{day}', 4, 6, 4, 56, 0.02,"
    " none, 1, {weight}, 'fail', 'warn')",
    "distribution_drift": "gates.test_distribution_drift({amounts}, '{bins}', '{day}', 'psi', 0.1, 0.25, 3, 28, 56, {edges},"
    " none, none, 1, {weight}, 'fail', 'warn')",
}
ON_ROWS = {
    "table": "ref('interaction')",
    "departments": "ref('interaction')",
    "amounts": "ref('interaction')",
    "day": "interaction_date",
    "nulls": "avg(case when amount is null then 1.0 else 0 end)",
    "department": "department",
    "key": "interaction_id",
    "rows": "count(*)",
    "amount": "sum(amount)",
    "customers": "count(distinct customer_id)",
    "customer": "customer_id",
    "measure": "amount",
    "bins": "amount",
    "edges": "var('amount_bin_edges')",
    "weight": "none",
}
_SLICE = "api.Relation.create(identifier='slice_{}')"
ON_PROFILE = {
    "table": _SLICE.format("all"),
    "departments": _SLICE.format("department"),
    "amounts": _SLICE.format("amount_bin"),
    "day": "profile_date",
    "nulls": "sum(amount_nulls) * 1.0 / nullif(sum(row_count), 0)",
    "department": "value",
    "key": "interaction_id_distinct",
    "rows": "sum(row_count)",
    "amount": "sum(amount_sum)",
    "customers": "sum(customer_id_distinct)",
    "customer": "customer_id_distinct",
    "measure": "amount_sum",
    "bins": "value",
    "edges": "none",
    "weight": "'row_count'",
}
_NEXT = "\n-- next gate\n"


def measure(copies: list[int]) -> None:
    """Print the cost of a year, on the profile and on the rows, for each number of copies of the sample's rows."""
    console = Console(width=140, highlight=False)
    with fresh_settings() as fresh:
        settings = replace(fresh, role=Role.ADMINISTRATOR)
        embedded.start(settings)
        loading.load(settings)
        for factor in copies:
            rows = _build(settings, factor)
            console.print(_table(settings, f"{rows:,} rows, {DAYS} days, milliseconds"))
            console.print(f"the project's gates over these days: {_project(settings)}")


def _table(settings: Settings, title: str) -> Table:
    profile = _year(settings, ON_PROFILE)
    at_once = _year(settings, ON_ROWS)
    day_by_day = _day_by_day(settings)
    table = Table("gate", "profile", "rows, at once", "x", "rows, day by day", "x", title=title)
    total = tuple(sum(costs.values()) for costs in (profile, at_once, day_by_day))
    lines = {gate: (profile[gate], at_once[gate], day_by_day[gate]) for gate in GATES} | {"all": total}
    for gate, (on_profile, on_rows, daily) in lines.items():
        table.add_row(
            gate,
            f"{on_profile:.1f}",
            f"{on_rows:,.0f}",
            f"{on_rows / on_profile:,.0f}",
            f"{daily:,.0f}",
            f"{daily / on_profile:,.0f}",
        )
    return table


def _year(settings: Settings, names: Mapping[str, str]) -> dict[str, float]:
    """Return the milliseconds of each gate for all days in one statement."""
    return _milliseconds(settings, _statements(settings, names, RUN_DATE, FIRST_DAY))


def _day_by_day(settings: Settings) -> dict[str, float]:
    """Return the milliseconds of each gate for a year of separate days on the rows, estimated from some days."""
    asked = [_milliseconds(settings, _statements(settings, ON_ROWS, day, None)) for day in ASKED_ON_ROWS]
    return {gate: DAYS * sum(costs[gate] for costs in asked) / len(asked) for gate in GATES}


def _statements(
    settings: Settings, names: Mapping[str, str], run_date: dt.date, first_day: dt.date | None
) -> dict[str, str]:
    template = _NEXT.join("{{ " + gate.format(**names) + " }}" for gate in GATES.values())
    window = {"JUDGED_FROM": first_day.isoformat()} if first_day else {}
    compiled = dbt.compile_inline(settings, template, run_date, window)
    return dict(zip(GATES, compiled.split(_NEXT), strict=True))


def _milliseconds(settings: Settings, statements: Mapping[str, str]) -> dict[str, float]:
    """Return the minimum milliseconds of the runs of each statement."""
    with connect(settings) as connection:
        connection.execute("set jit = off")
        return {
            gate: 1000 * min(_seconds(connection, statement) for _ in range(RUNS))
            for gate, statement in statements.items()
        }


def _seconds(connection: psycopg.Connection, statement: str) -> float:
    started = time.perf_counter()
    connection.execute(statement.encode())  # waits for all rows; excludes the conversion to Python
    return time.perf_counter() - started


def _project(settings: Settings) -> str:
    """Return the seconds of the project's gates: of all of them, and of the gates on the profile."""
    replay = Replay(dbt.project(settings))
    days, gates = past_days(replay, None, RUN_DATE).judged, replay.gates
    parts = {
        f"{len(gates)} gates": gates,
        "of which on the profile": tuple(gate for gate in gates if "interaction_daily" in gate.relation),
    }
    seconds = []
    for name, part in parts.items():
        started = time.perf_counter()
        replay.judge(part, days)
        seconds.append(f"{name} {time.perf_counter() - started:.2f} s")
    return ", ".join(seconds)


def _build(settings: Settings, copies: int) -> int:
    """Build the models and the slices of the profile from copies of each row; return the number of rows."""
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
        for name in ("all", "department", "amount_bin"):
            connection.execute(
                f"create or replace view public.slice_{name} as select * from analytics.interaction_daily"
                f" where slice = '{name}'".encode()
            )
        row = connection.execute("select count(*) from raw.interaction").fetchone()
        connection.execute("analyze analytics.interaction; analyze analytics.interaction_daily")
    assert row is not None
    return int(row[0])
