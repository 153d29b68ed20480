"""Measure which faults the gates and textbook checks find on each day of the sample; write docs/faults.md."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.console import Console

from benchmarks.fault_report import BLOCKED_BUDGET, WARNED_BUDGET, Findings, healthy_shares, report
from gates.tuning import backtest
from gates.tuning.faults import CATALOG, injected, read_faults
from gates.tuning.replay import SHIFT, Gate, Row, compile_gates, replay
from training_pipeline.config import Settings
from training_pipeline.source import loading
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.postgres import connect

RUN_DATE = dt.date(2017, 12, 31)
HEALTHY = "healthy"
TEXTBOOK = {"textbook, 5 days": 5, "textbook, 7 days": 7}
MEDIAN_CHECK, MEDIAN_DAYS, MEDIAN_SHARE = "median, 20 %", 28, 0.2
_COUNT = "sum(row_count)"
_METRICS = f"{{'{_COUNT}': 1.5, 'max(amount_max)': 1.3, 'min(amount_min)': 1.4, 'sum(amount_sum)': 1.3}}"
_DAILY = "'(select * from ' ~ ref('interaction_daily') ~ ' where slice = \\'all\\') as daily'"
# Changes of the source's columns: the statement that makes the change and the statement that reverts it.
SCHEMA_FAULTS = {
    "column added": ("add column coupon text", "drop column coupon"),
    "column dropped": ("rename column quantity to gone", "rename column gone to quantity"),
    "column renamed": ("rename column amount to price", "rename column price to amount"),
    "column retyped": (
        "alter column quantity type text",
        "alter column quantity type bigint using quantity::bigint",
    ),
}


def measure(only: Sequence[str] = (), path: Path | None = None) -> None:
    """Inject the faults, print the tables and write the report.

    Parameters
    ----------
    only : sequence of str
        Names of faults; all if empty. The report is written only for all faults.
    path : Path or None
        The file of the report, None for docs/faults.md.

    Raises
    ------
    RuntimeError
        The gates block or warn on more healthy days than the budget allows; the report is written first.
    """
    console = Console(highlight=False, width=200)
    with _sample_year() as settings:
        findings = _judge(settings, only, console)
    text = report(findings)
    console.print(text, soft_wrap=True, markup=False)
    if not only:
        (path or settings.root / "docs" / "faults.md").write_text(text)
    blocked, warned = healthy_shares(findings)
    if blocked > BLOCKED_BUDGET or warned > WARNED_BUDGET:
        raise RuntimeError(
            f"healthy days: {blocked:.1f} % blocked (budget {BLOCKED_BUDGET:g} %), {warned:.1f} % warned "
            f"(budget {WARNED_BUDGET:g} %); loosen the gates named under False alarms"
        )


@contextmanager
def _sample_year() -> Iterator[Settings]:
    """Build the sample on a temporary server without a calendar, so that no day is excused."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    folder.chmod(0o755)
    settings = replace(Settings.load(), state_dir=folder, target="embedded", database="warehouse")
    try:
        embedded.start(settings)
        loading.load(settings)
        dbt.invoke(
            settings,
            ["build", "--select", "+interaction_daily", "--exclude", "resource_type:unit_test"],
            RUN_DATE,
        )
        with connect(settings) as connection:
            connection.execute("truncate analytics.calendar")
        yield settings
    finally:
        embedded.stop(settings)
        shutil.rmtree(folder, ignore_errors=True)


def _judge(settings: Settings, only: Sequence[str], console: Console) -> Findings:
    days, closed = backtest.past_days(settings, None, RUN_DATE)
    window = min(days), max(days)
    gates = compile_gates(settings, *window)
    checks = textbook(settings, gates, *window)
    evidence = {HEALTHY: replay(settings, [*gates, *checks], days)}
    broken_gates = compile_gates(settings, *window, broken=True)
    broken_checks = textbook(settings, broken_gates, *window, broken=True)
    for fault in read_faults(settings.root / CATALOG):
        if only and fault.name not in only:
            continue
        started = time.perf_counter()
        with injected(settings, fault, days) as broken:
            evidence[fault.name] = replay(
                settings, [*broken_gates, *broken_checks], broken.days, broken.relations
            )
        console.print(f"{fault.name:30} {time.perf_counter() - started:6.1f} s")
    by_id = {gate.node_id: gate for gate in [*gates, *checks]}
    frames = [_levels(rows, by_id).assign(fault=fault) for fault, rows in evidence.items()]
    levels = pd.concat([*frames, *_median_check(evidence, _usual_counts(settings))], ignore_index=True)
    return Findings(
        levels=levels,
        gates=tuple(gate.part(segment) for gate in gates for segment in [*gate.segments, "all"]),
        checks=(*TEXTBOOK, MEDIAN_CHECK),
        days=tuple(days),
        closed=tuple(closed),
        schema={name: _schema_verdict(settings, *change) for name, change in SCHEMA_FAULTS.items()},
    )


def textbook(
    settings: Settings, gates: Sequence[Gate], first_day: dt.date, last_day: dt.date, broken: bool = False
) -> list[Gate]:
    """Return the textbook check as gates: COUNT, MAX, MIN and SUM against an earlier day; a zero does not fail."""
    (like,) = (gate for gate in gates if gate.name == "interaction_daily_as_usual")
    window = {"JUDGED_FROM": first_day.isoformat(), "JUDGED_SHIFT": str(SHIFT if broken else 0)}
    checks = []
    for name, days_back in TEXTBOOK.items():
        macro = f"gates.test_interval_ratio({_DAILY}, 'profile_date', {_METRICS}, {days_back}, ignore_zero=true, weight='row_count')"
        statement = dbt.compile_inline(settings, "{{ " + macro + " }}", last_day, window)
        checks.append(replace(like, node_id=name, name=name, kind="interval_ratio", statement=statement))
    return checks


def _levels(rows: Sequence[Row], gates: Mapping[str, Gate]) -> pd.DataFrame:
    """Return 2 if a gate (or segment with separate bounds) stops a run on a day, 1 if it warns, else 0."""
    frame = pd.DataFrame(
        {
            "gate": [gates[row["node_id"]].part(row["segment"]) for row in rows],
            "day": [row["run_date"] for row in rows],
            "level": [2 if row["blocks"] else int(row["verdict"] != "pass") for row in rows],
        }
    )
    return frame.groupby(["gate", "day"])["level"].max().reset_index()


def _median_check(
    evidence: Mapping[str, Sequence[Row]], usual: Mapping[dt.date, float]
) -> Iterator[pd.DataFrame]:
    """Yield the levels of the check that COUNT is within 20 % of the median; textbook evidence has the count."""
    check = min(TEXTBOOK)
    for fault, rows in evidence.items():
        counts = {
            row["run_date"]: float(row["current_value"] or 0)
            for row in rows
            if row["node_id"] == check and row["metric"] == _COUNT
        }
        levels = [2 * (abs(count / usual[day] - 1) > MEDIAN_SHARE) for day, count in counts.items()]
        yield pd.DataFrame({"gate": MEDIAN_CHECK, "day": list(counts), "level": levels, "fault": fault})


def _usual_counts(settings: Settings) -> dict[dt.date, float]:
    """Return the median count of the 28 days with rows before each day."""
    with connect(settings) as connection:
        days = connection.execute(
            "select profile_date, row_count from analytics.interaction_daily where slice = 'all' and row_count > 0 order by 1"
        ).fetchall()
    counts = pd.Series([count for _, count in days], dtype=float)
    usual = counts.rolling(MEDIAN_DAYS).median().shift()
    return {day: float(median) for (day, _), median in zip(days, usual, strict=True)}


def _schema_verdict(settings: Settings, change: str, undo: str) -> str:
    with connect(settings) as connection:
        # Postgres keeps the type of a column that a view reads
        connection.execute("drop view if exists analytics.stg_interaction")
        connection.execute(f"alter table raw.interaction {change}".encode())
    result = dbt.invoke(settings, ["test", "--select", "raw_interaction_schema"], RUN_DATE)
    with connect(settings) as connection:
        connection.execute(f"alter table raw.interaction {undo}".encode())
    return "pass" if result.success else "fail"
