"""Faults that a backtest injects: read from YAML, injected next to healthy days, found by the gates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import pytest

from gates.days.replay import Replay
from gates.errors import GatesError
from gates.ledger.evidence import Row
from gates.tuning.faults import Fault, read_faults
from gates.tuning.injection import detect
from training_pipeline.config import Settings
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.postgres import connect

from .conftest import RUN_DATE


def blocked_by(rows: Iterable[Row]) -> set[str]:
    return {row["gate"] for row in rows if row["blocks"]}


def test_faults_last_one_day_and_are_found(profiled_settings: Settings) -> None:
    day = RUN_DATE - dt.timedelta(1)
    faults = (
        Fault("doubled", copies=2),
        Fault("x 100", set={"amount": "amount * 100"}),
        Fault("copied", days_late=1),
        Fault("nothing that a gate sees", set={"store_id": "store_id + 1"}),
        Fault("nothing at all", keep="department is distinct from 'SOLD ELSEWHERE'"),
    )
    rows = detect(Replay(dbt.project(profiled_settings)), faults, [day])

    assert "value_range" in blocked_by(rows["doubled"])
    assert "interval_ratio" in blocked_by(rows["x 100"])
    assert "not_stale" in blocked_by(rows["copied"])
    assert rows["nothing that a gate sees"] and not blocked_by(rows["nothing that a gate sees"])
    assert rows["nothing at all"] == [], "a fault that changes no row is not a fault that the gates missed"
    with connect(profiled_settings) as connection:
        left = connection.execute("select nspname from pg_namespace where nspname like 'gates%'").fetchall()
    assert left == [], "the backtest must drop its schema"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "must map names of faults"),
        ("lost: {drop: half}", "must have only copies, days_late, inject_into, keep, set"),
        ("lost: {keep: 'true'}", "changes nothing"),
        ("lost: {copies: 0}", "copies must be an integer from 1, received 0"),
        ("lost: {set: amount}", "set must map columns to SQL"),
    ],
)
def test_unusable_faults_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "faults.yml"
    path.write_text(text)
    with pytest.raises(GatesError, match=message):
        read_faults(path)


def test_only_the_days_that_a_fault_changes_are_judged(profiled_settings: Settings) -> None:
    """A department with sales on some days can be gone on these days only."""
    days = [RUN_DATE - dt.timedelta(number) for number in range(10)]
    rare = Fault("gone", keep="department is distinct from 'GARDEN CENTER'")
    with connect(profiled_settings) as connection:
        sold = connection.execute(
            "select distinct interaction_date from analytics.interaction where department = 'GARDEN CENTER'"
            " and interaction_date > %s order by 1",
            [min(days) - dt.timedelta(1)],
        ).fetchall()
    rows = detect(Replay(dbt.project(profiled_settings)), [rare], days)[rare.name]
    assert sorted({(row["run_date"],) for row in rows}) == sold
    assert 0 < len(sold) < len(days), "the case needs days of both kinds"


def test_fault_that_is_no_sql_is_named(profiled_settings: Settings) -> None:
    with pytest.raises(GatesError, match=r"fault 'broken' cannot be injected: .*no_such_column"):
        detect(Replay(dbt.project(profiled_settings)), [Fault("broken", keep="no_such_column")], [RUN_DATE])
    with pytest.raises(GatesError, match="fault 'odd' sets price; the columns are"):
        detect(Replay(dbt.project(profiled_settings)), [Fault("odd", set={"price": "1"})], [RUN_DATE])
