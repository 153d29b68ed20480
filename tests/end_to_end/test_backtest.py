"""The replay of past days: the verdicts equal `dbt test`, and later days do not change earlier verdicts."""

from __future__ import annotations

import datetime as dt
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from gates.days.replay import Replay
from gates.errors import GatesError
from gates.ledger.evidence import Row
from gates.render.terminal import LOG_WIDTH
from gates.tuning import backtest
from training_pipeline.config import Settings
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.postgres import connect

from .conftest import RUN_DATE, Command, execute

# 42 days; like a young table, the first have too little history for some gates
FIRST_DAY = dt.date(2017, 3, 20)
VALUES = ("current_value", "reference_value", "statistic", "lower_bound", "upper_bound")


def past(first_day: dt.date = FIRST_DAY, last_day: dt.date = RUN_DATE) -> list[dt.date]:
    return [first_day + dt.timedelta(number) for number in range((last_day - first_day).days + 1)]


def same(value: Any, expected: Any) -> bool:
    """Compare numbers as numbers, because the order of rows may change the last digits of a sum of doubles."""
    try:
        return math.isclose(float(value), float(expected), rel_tol=1e-9, abs_tol=1e-12)
    except (TypeError, ValueError):
        return bool(value == expected)


def differing(rows: Mapping[Any, Row], expected: Mapping[Any, Row]) -> set[Any]:
    """Return the keys that only one side has, or whose verdict, reason or numbers differ."""
    both = rows.keys() & expected.keys()
    changed = {
        key
        for key in both
        if (rows[key]["verdict"], rows[key]["reason"]) != (expected[key]["verdict"], expected[key]["reason"])
        or not all(same(rows[key][name], expected[key][name]) for name in VALUES)
    }
    return (rows.keys() ^ expected.keys()) | changed


def by_key(rows: Iterable[Row]) -> dict[tuple[Any, ...], Row]:
    keys = ("run_date", "node_id", "metric", "segment")
    return {tuple(row[key] for key in keys): row for row in rows}


@pytest.fixture
def replay(profiled_settings: Settings) -> Replay:
    return Replay(dbt.project(profiled_settings))


def test_verdicts_equal_dbt_test(profiled_settings: Settings, replay: Replay) -> None:
    days = past()
    gates = replay.gates
    assert {gate.kind for gate in gates} > {
        "interval_ratio",
        "metric_anomaly",
        "distribution_drift",
        "category_match",
    }
    assert len(days) >= 40
    for day in days:
        dbt.invoke(profiled_settings, ["test", "--select", *(gate.name for gate in gates)], day)
    with connect(profiled_settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        of_dbt_test = by_key(cursor.execute("select * from analytics.gate_results").fetchall())

    replayed = by_key(replay.judge(gates, days))

    assert not differing(replayed, of_dbt_test)
    assert len({row["reason"] for row in of_dbt_test.values()}) >= 3, "the days must be of several kinds"
    assert any(row["status"] == "fail" for row in of_dbt_test.values()), "a gate must reject one of the days"


LATER = {
    "gone": "delete from {table} where {column} > date '{day}'",
    "moved": "update {table} set row_count = row_count * 9, amount_sum = amount_sum * 100 where {column} > date '{day}'",
    "renamed": "update {table} set value = value || '?' where slice <> 'all' and {column} > date '{day}'",
}


@hypothesis_settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(day=st.dates(dt.date(2017, 4, 1), dt.date(2017, 4, 28)), change=st.sampled_from(sorted(LATER)))
def test_later_days_change_no_earlier_verdict(
    profiled_settings: Settings, replay: Replay, day: dt.date, change: str
) -> None:
    days = past(day - dt.timedelta(4))
    gates = [gate for gate in replay.gates if "interaction_daily" in gate.relation]

    def judged() -> tuple[dict[tuple[Any, ...], Row], dict[tuple[Any, ...], Row]]:
        """Return the evidence up to the day, and the evidence of the later days, from one statement for each gate."""
        rows = replay.judge(gates, days)
        return by_key(row for row in rows if row["run_date"] <= day), by_key(
            row for row in rows if row["run_date"] > day
        )

    before, later = judged()
    execute(profiled_settings, "create table kept as select * from analytics.interaction_daily")
    execute(
        profiled_settings,
        LATER[change].format(table="analytics.interaction_daily", column="profile_date", day=day),
    )

    after, changed_later = judged()

    execute(
        profiled_settings,
        "truncate analytics.interaction_daily; insert into analytics.interaction_daily select * from kept; drop table kept",
    )
    assert not differing(after, before)
    assert differing(changed_later, later), "the gates must see the change on the changed days"


def test_accepted_incident_is_no_reference_and_leaves_a_trace(
    profiled_settings: Settings, replay: Replay, command: Command
) -> None:
    gates = [gate for gate in replay.gates if gate.name == "interaction_like_last_week"]
    incident = RUN_DATE - dt.timedelta(7)

    def reference() -> Any:
        (row,) = (row for row in replay.judge(gates, [RUN_DATE]) if "sum(row_count) where" in row["metric"])
        return float(row["reference_value"])

    before = reference()
    accepted = command("accept", str(incident), "--accepted", "--why", "half of the tills were down")

    assert accepted.exit_code == 0, accepted.printed
    with connect(profiled_settings) as connection:
        counts: dict[dt.date, int] = dict(
            connection.execute(
                "select profile_date, row_count from analytics.interaction_daily where slice = 'all'"
            ).fetchall()
        )
        traces = connection.execute(
            "select distinct day, decision, why from analytics.gate_decisions"
        ).fetchall()
    assert traces == [(incident, "accepted", "half of the tills were down")]
    assert before == counts[incident]
    # The gate uses the same weekday three weeks before the run date, because the calendar marks Easter Sunday.
    assert reference() == counts[incident - dt.timedelta(14)]


def test_a_decision_needs_a_reason(profiled_settings: Settings, command: Command) -> None:
    ended = command("accept", str(RUN_DATE), "--known", "--why", " ")
    assert ended.exit_code == 1
    assert "--why must not be empty: it stays with the decision" in ended.printed


def test_days_of_the_calendar_are_no_reference_either(profiled_settings: Settings, replay: Replay) -> None:
    gates = [gate for gate in replay.gates if gate.name == "interaction_like_last_week"]
    before = by_key(replay.judge(gates, [RUN_DATE]))
    execute(
        profiled_settings,
        f"insert into analytics.calendar values ('{RUN_DATE - dt.timedelta(7)}', 'holiday', '')",
    )
    after = by_key(replay.judge(gates, [RUN_DATE]))

    assert {row["reference_value"] for row in after.values()} != {
        row["reference_value"] for row in before.values()
    }


def test_command_prints_alarms_and_detection(
    profiled_settings: Settings, command: Command, tmp_path: Path
) -> None:
    faults = tmp_path / "faults.yml"
    faults.write_text(
        "all amounts negative: {set: {amount: -amount}}\n"
        "no department of that name: {keep: department is distinct from 'SOLD ELSEWHERE'}\n"
    )
    ended = command(
        "backtest",
        "--run-date",
        str(RUN_DATE),
        "--first-day",
        "2017-04-26",
        "--faults",
        str(faults),
        "--every",
        "5",
    )

    assert ended.exit_code == 0, ended.printed
    assert "5 healthy days" in ended.printed
    silent = ended.printed.partition("no alarm on a healthy day: ")[2]
    assert silent.startswith("interaction_"), "the output must name the gates without an alarm"
    assert "all amounts negative" in ended.printed and "100.0 %" in ended.printed
    assert re.search(r"no department of that name │ 0 │ │ │ it changes no row", ended.printed), ended.printed


def test_log_is_wide_enough_for_names() -> None:
    script = "from gates.render.terminal import console; print(console.width)"
    of_a_terminal = ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE")
    environment = {name: value for name, value in os.environ.items() if name not in of_a_terminal}
    printed = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert int(printed.stdout) == LOG_WIDTH


def test_window_without_days_says_so(profiled_settings: Settings) -> None:
    with pytest.raises(GatesError, match="no day with rows from 56 days after the first to 2017-02-01"):
        backtest.run(Replay(dbt.project(profiled_settings)), None, dt.date(2017, 2, 1))


def test_dbt_itself_judges_a_window_and_decides_nothing(profiled_settings: Settings) -> None:
    """Users without the command can run its operation: `dbt test` with the variable `judged_from`."""
    doubled = RUN_DATE - dt.timedelta(10)
    execute(
        profiled_settings,
        "update analytics.interaction_daily set row_count = 9 * row_count, amount_sum = 9 * amount_sum"
        f" where profile_date = '{doubled}'",
    )
    variables = f"{{judged_from: {FIRST_DAY}, run_date: {RUN_DATE}}}"
    gate = "interaction_like_last_week"
    ended = dbt.invoke(profiled_settings, ["test", "--select", gate, "--vars", variables], RUN_DATE)

    assert not ended.success
    log = Path(profiled_settings.dbt_output, "logs", "dbt.log").read_text().rpartition("Running with dbt=")[2]
    lines = [line.partition("]: ")[2] for line in log.splitlines()]
    assert any(line.startswith("gates on the 42 days from 2017-03-20 to 2017-04-30") for line in lines)
    (line,) = (line for line in lines if line.startswith(f"{gate} "))
    blocked = line.partition("blocked on ")[2].split("; ")[0].split(", ")
    assert {str(doubled), str(doubled + dt.timedelta(7))} <= set(blocked), (
        "the changed day and the day that is compared with it"
    )
    assert f"blocked {len(blocked)} " in line
    with connect(profiled_settings) as connection:
        assert connection.execute("select count(*) from analytics.gate_results").fetchone() == (0,), (
            "a backtest decides nothing, so no certificate may use it"
        )
