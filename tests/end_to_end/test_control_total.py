"""Control totals from the source system: the only check that reliably sees a missing fifth of the rows."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from psycopg import sql

from gates.days.replay import Replay
from gates.tuning.faults import Fault
from gates.tuning.injection import detect
from training_pipeline.config import Settings
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.postgres import connect

from .conftest import RUN_DATE

ON = ("--vars", "control_totals: true")
CONTROL = [
    "build",
    "--select",
    "interaction_daily",
    "interaction_control",
    "--exclude",
    "resource_type:unit_test",
]
LOST = f"delete from raw.interaction where interaction_date = '{RUN_DATE}' and abs(hashtext(interaction_id)) % 5 = 0"
SENT = (
    "create table raw.control_total as select interaction_date as control_date, count(*) as expected_rows,"
    " sum(amount)::numeric as expected_amount from raw.interaction group by 1"
)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("select 1", None),
        (LOST, "out_of_bounds"),
        (f"delete from raw.control_total where control_date = '{RUN_DATE}'", "null_value"),
    ],
    ids=["all arrived", "a fifth lost", "not confirmed"],
)
def test_arrived_as_sent(built_settings: Settings, statement: str, reason: str | None) -> None:
    with connect(built_settings) as connection:
        connection.execute(SENT)
        connection.execute(sql.SQL(statement))
    built = dbt.invoke(built_settings, ["run", "--select", "interaction", "interaction_daily"], RUN_DATE)
    assert built.success

    judged = dbt.invoke(built_settings, [*CONTROL, *ON], RUN_DATE)

    with connect(built_settings) as connection:
        evidence = connection.execute(
            "select distinct reason, status from analytics.gate_results"
            " where run_date = %s and gate = 'value_tolerance' and relation like '%%interaction_control'",
            [RUN_DATE],
        ).fetchall()
    assert evidence == [(reason or "ok", "fail" if reason else "pass")]
    assert any("as_sent" in node for node in judged.failed) == bool(reason)


def test_backtest_shows_the_value_of_control_totals(built_settings: Settings) -> None:
    with connect(built_settings) as connection:
        connection.execute(SENT)
    dbt.invoke(built_settings, ["run", "--select", "interaction_control", *ON], RUN_DATE)
    days = [RUN_DATE - dt.timedelta(number) for number in range(2, 12)]
    replay = Replay(replace(dbt.project(built_settings), variables={"control_totals": True}))

    lost = Fault("a fifth of the rows lost", keep="abs(hashtext(interaction_id)) % 5 > 0")
    rows = detect(replay, [lost], days)[lost.name]

    seen = {row["run_date"] for row in rows if row["blocks"] and "expected_rows" in row["metric"]}
    assert seen == set(days), "on each day fewer rows arrive than the system sent"
