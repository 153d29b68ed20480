"""Faults that a backtest injects: read from YAML, injected next to healthy days, found by the gates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import pytest

from gates.tuning import backtest
from gates.tuning.faults import Fault, injected, read_faults
from gates.tuning.replay import Row
from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
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
    rows = backtest.detect(profiled_settings, faults, [day])

    assert "value_range" in blocked_by(rows["doubled"])
    assert "interval_ratio" in blocked_by(rows["x 100"])
    assert "not_stale" in blocked_by(rows["copied"])
    assert rows["nothing that a gate sees"] and not blocked_by(rows["nothing that a gate sees"])
    assert rows["nothing at all"] == [], "a fault that changes no row is not a fault that the gates missed"
    with connect(profiled_settings) as connection:
        assert connection.execute("select to_regnamespace('replay')").fetchone() == (None,), (
            "the backtest must drop its schema"
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "must map names of faults"),
        ("lost: {drop: half}", "must have only copies, days_late, keep, set"),
        ("lost: {keep: 'true'}", "changes nothing"),
        ("lost: {copies: 0}", "copies must be an integer from 1, received 0"),
        ("lost: {set: amount}", "set must map columns to SQL"),
    ],
)
def test_unusable_faults_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "faults.yml"
    path.write_text(text)
    with pytest.raises(PipelineError, match=message):
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
    with injected(profiled_settings, rare, days) as broken:
        assert [(day,) for day in broken.days] == sold
    assert 0 < len(sold) < len(days), "the case needs days of both kinds"


def test_fault_that_is_no_sql_is_named(profiled_settings: Settings) -> None:
    with pytest.raises(PipelineError, match=r"fault 'broken' cannot be injected: .*no_such_column"):
        backtest.detect(profiled_settings, [Fault("broken", keep="no_such_column")], [RUN_DATE])
    with pytest.raises(PipelineError, match="fault 'odd' sets price; the columns are"):
        backtest.detect(profiled_settings, [Fault("odd", set={"price": "1"})], [RUN_DATE])
