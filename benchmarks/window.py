"""Measure what the days before the run date cost: on the first load, when all are judged, and on a daily run, when none is."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from benchmarks.fresh import fresh_settings
from training_pipeline.config import Settings
from training_pipeline.roles import Role
from training_pipeline.source import loading
from training_pipeline.steps import past_days
from training_pipeline.warehouse import dbt, ledger_owner
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.postgres import connect

PROFILE = ("build", "--select", "+interaction_daily", "--exclude", "resource_type:unit_test")
YEAR = 364  # days, so that weekdays stay


def measure(run_date: dt.date, years: int) -> None:
    """Print the seconds of judging the past for the sample and for as many years made of it, and what the ledger holds then."""
    console = Console(highlight=False)
    with fresh_settings() as settings:
        embedded.start(settings)
        loading.load(settings)
        ledger_owner.prepare(settings)
        console.print(_measured(settings, run_date, 1))
        if years > 1:
            _repeat(settings, years)
            console.print(_measured(settings, run_date, years))


def _repeat(settings: Settings, years: int) -> None:
    """Put as many copies of the sample before it, and forget what was built and judged."""
    with connect(replace(settings, role=Role.ADMINISTRATOR)) as connection:
        connection.execute("drop table analytics.interaction, analytics.interaction_daily cascade")
        connection.execute("truncate analytics.gate_results, analytics.gate_seals, analytics.gate_decisions")
        for year in range(1, years):
            connection.execute(
                "insert into raw.interaction select interaction_id || '-' || %(year)s, customer_id,"
                " interaction_at - make_interval(days => %(days)s), interaction_date - %(days)s, store_id, department, quantity, amount"
                " from raw.interaction where interaction_date >= date '2017-01-01'",
                {"year": str(year), "days": YEAR * year},
            )
        connection.execute("analyze raw.interaction")


def _measured(settings: Settings, run_date: dt.date, years: int) -> Table:
    table = Table("step", "seconds", "what", title=f"{years} years, run date {run_date}")

    def timed(step: str, run: Callable[[], str]) -> None:
        started = time.perf_counter()
        what = run()
        table.add_row(step, f"{time.perf_counter() - started:.1f}", what)

    def build(day: dt.date) -> str:
        return "passed" if dbt.invoke(settings, PROFILE, day).success else "failed"

    before = run_date - dt.timedelta(days=1)
    timed("build up to the profile", lambda: build(before))
    timed("judge all days", lambda: past_days.judge(settings, before))
    timed("build one day more", lambda: build(run_date))
    timed("judge nothing", lambda: past_days.judge(settings, run_date))
    with connect(settings) as connection:
        row = connection.execute(
            "select count(*), pg_size_pretty(pg_total_relation_size('analytics.gate_results')),"
            " pg_size_pretty(pg_total_relation_size('analytics.gate_seals')) from analytics.gate_results"
        ).fetchone()
    assert row is not None
    table.add_row("the ledger", "", f"{row[0]:,} rows, {row[1]}; seals {row[2]}")
    return table
