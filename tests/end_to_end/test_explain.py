"""The command `explain`: the numbers of a verdict."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from gates.days.gate import Gate
from gates.errors import GatesError
from gates.ledger.evidence import Row
from gates.render.explain import find, formula
from tests.gates.spec.package import read_specs
from training_pipeline.config import Settings
from training_pipeline.warehouse import dbt

from .conftest import RUN_DATE, Command

RATIO = Gate(
    node_id="test.shop.volume.1",
    name="volume_like_last_week",
    spec=read_specs()["interval_ratio"],
    arguments={"date_column": "day", "metrics": {"sum(rows)": 3.0}},
    relation="shop.daily",
    date_column="day",
    severity="error",
    where="slice = 'all'",
)


def evidence(day: dt.date, statistic: float | None, **values: Any) -> Row:
    return {
        "node_id": RATIO.node_id,
        "gate": RATIO.kind,
        "metric": "sum(rows) where slice = 'all'",
        "segment": "all",
        "run_date": day,
        "current_value": "10",
        "reference_value": "20",
        "statistic": statistic,
        "lower_bound": None,
        "upper_bound": 3.0,
        "verdict": "pass",
        "reason": "ok",
        "severity": "error",
        "blocks": False,
    } | values


def test_formula_has_the_numbers() -> None:
    assert formula(RATIO, evidence(RUN_DATE, 2.0)) == (
        "max(|10|, |20|) / min(|10|, |20|) = 2; passes when below 3"
    )
    missing = evidence(RUN_DATE, None, current_value=None)
    assert formula(RATIO, missing) == "sum(rows) where slice = 'all' = -; passes when below 3"


def test_gate_is_found_by_name_part_or_id() -> None:
    other = replace(RATIO, name="volume_of_a_segment", node_id="test.shop.volume.2")
    assert find([RATIO, other], "like_last") is RATIO
    assert find([RATIO, other], "test.shop.volume.2") is other
    with pytest.raises(GatesError, match="several gates have 'volume' in the name"):
        find([RATIO, other], "volume")
    with pytest.raises(GatesError, match="no gate has 'anomaly' in the name; give one of: volume_like"):
        find([RATIO, other], "anomaly")


def test_command_explains_a_verdict(built_settings: Settings, command: Command) -> None:
    selected = [
        "build",
        "--select",
        "interaction",
        "interaction_daily",
        "--exclude",
        "resource_type:unit_test",
    ]
    dbt.invoke(built_settings, selected, RUN_DATE)

    ended = command("explain", "like_last_week", "--run-date", str(RUN_DATE))

    assert ended.exit_code == 0, ended.printed
    assert "PASS 552 rows, 652 on the same weekday before: ratio 1.2, allowed below 1.94" in ended.printed
    assert "max(|552|, |652|) / min(|552|, |652|) = 1.18116; passes when below 1.94" in ended.printed
    assert "┤" in ended.printed, "the output must have a chart of the days before"
    assert (
        f"profile_date >= date '{RUN_DATE}' and profile_date < date '2017-05-01' and slice = 'all'"
        in ended.printed
    )


def test_day_that_was_not_judged_cannot_be_explained(built_settings: Settings, command: Command) -> None:
    ended = command("explain", "like_last_week", "--run-date", "2017-02-02")
    assert ended.exit_code == 1
    assert "has left no evidence for 2017-02-02: run dbt test --select" in ended.printed
