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
import yaml
from rich.console import Console

from benchmarks.demo import ROOT, checkout
from benchmarks.fault_report import BLOCKED_BUDGET, WARNED_BUDGET, Findings, healthy_shares, report
from gates.commands import FAULTS
from gates.days.gate import Gate
from gates.days.replay import Replay
from gates.ledger.evidence import Row
from gates.tuning.faults import read_faults
from gates.tuning.injection import detect
from gates.tuning.past import past_days
from training_pipeline.config import Settings
from training_pipeline.roles import Role
from training_pipeline.source import loading
from training_pipeline.steps import packages
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.postgres import connect

RUN_DATE = dt.date(2017, 12, 31)
HEALTHY = "healthy"
TEXTBOOK = {"textbook_5_days": 5, "textbook_7_days": 7}
MEDIAN_CHECK, MEDIAN_DAYS, MEDIAN_SHARE = "median, 20 %", 28, 0.2
_COUNT = "sum(row_count)"
_METRICS = {_COUNT: 1.5, "max(amount_max)": 1.3, "min(amount_min)": 1.4, "sum(amount_sum)": 1.3}
PROFILE_YAML = Path("models") / "interaction" / "interaction_daily.yml"
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
        (path or ROOT / "docs" / "faults.md").write_text(text)
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
    settings = replace(
        Settings.load(),
        root=checkout(folder / "checkout"),
        state_dir=folder,
        target="embedded",
        database="warehouse",
        role=Role.ADMINISTRATOR,
    )
    packages.install(settings)
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
    add_textbook(settings.dbt_project / PROFILE_YAML)
    replay = Replay(dbt.project(settings))
    past = past_days(replay, None, RUN_DATE)
    gates = [gate for gate in replay.gates if gate.name not in TEXTBOOK]
    evidence = {HEALTHY: replay.judge(replay.gates, past.healthy)}
    faults = read_faults(settings.dbt_project / FAULTS)
    started = time.perf_counter()
    evidence |= detect(
        replay, [fault for fault in faults if fault.name in (only or (fault.name,))], past.healthy
    )
    console.print(f"{len(evidence) - 1} faults {time.perf_counter() - started:6.1f} s")
    by_id = {gate.node_id: gate for gate in replay.gates}
    frames = [_levels(rows, by_id).assign(fault=fault) for fault, rows in evidence.items()]
    medians = _median_check(evidence, by_id, _usual_counts(settings))
    return Findings(
        levels=pd.concat([*frames, *medians], ignore_index=True),
        gates=tuple(gate.part(segment) for gate in gates for segment in [*gate.segments, "all"]),
        checks=(*TEXTBOOK, MEDIAN_CHECK),
        days=past.healthy,
        closed=past.marked,
        schema={name: _schema_verdict(settings, *change) for name, change in SCHEMA_FAULTS.items()},
    )


def add_textbook(file: Path) -> None:
    """Add the textbook checks to the gates of a profile: COUNT, MAX, MIN and SUM against an earlier day; a zero does not fail."""
    properties = yaml.safe_load(file.read_text())
    (model,) = properties["models"]
    for name, days_back in TEXTBOOK.items():
        arguments = {
            "date_column": "profile_date",
            "metrics": _METRICS,
            "days_back": days_back,
            "ignore_zero": True,
            "weight": "row_count",
        }
        check = {"name": name, "arguments": arguments, "config": {"where": "slice = 'all'"}}
        model["data_tests"].append({"gates.interval_ratio": check})
    file.write_text(yaml.safe_dump(properties, sort_keys=False))


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
    evidence: Mapping[str, Sequence[Row]], gates: Mapping[str, Gate], usual: Mapping[dt.date, float]
) -> Iterator[pd.DataFrame]:
    """Yield the levels of the check that COUNT is within 20 % of the median; textbook evidence has the count."""
    check = min(TEXTBOOK)
    for fault, rows in evidence.items():
        counts = {
            row["run_date"]: float(row["current_value"] or 0)
            for row in rows
            if gates[row["node_id"]].name == check and row["metric"].startswith(f"{_COUNT} where")
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
