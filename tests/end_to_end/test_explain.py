"""Explain and suggest: the numbers of a decision, and thresholds that keep to a budget."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
import yaml

from training_pipeline import dbt
from training_pipeline.backtest import Backtest
from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.explain import find, formula
from training_pipeline.replay import Gate, Row
from training_pipeline.suggest import suggestions, to_yaml

from .conftest import RUN_DATE, Command

RATIO = Gate(
    node_id="test.shop.volume.1",
    name="volume_like_last_week",
    kind="interval_ratio",
    arguments={"date_column": "day", "metrics": {"sum(rows)": 3.0}},
    relation="shop.daily",
    date_column="day",
    severity="error",
    where="slice = 'all'",
    statement="",
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


def history(statistics: list[float | None]) -> Backtest:
    days = tuple(dt.date(2017, 1, 1) + dt.timedelta(number) for number in range(len(statistics)))
    return Backtest(days, (), tuple(map(evidence, days, statistics)))


def test_threshold_is_the_largest_that_the_fitted_days_do_not_exceed() -> None:
    fitted, checked = [1.1] * 299 + [1.2344], [1.1] * 98 + [1.5, 1.6]
    faults = {"lost": [evidence(dt.date(2017, 1, 2), 2.0)], "small": [evidence(dt.date(2017, 1, 2), 1.2)]}

    (found,) = suggestions([RATIO], history([*fitted, *checked]), faults, 0.01)

    assert found.threshold == 1.24, "rounded up, so that the day itself does not alarm"
    assert found.fitted == (0, 300) and found.checked == (2, 100)
    assert found.detection == {"lost": 1.0, "small": 0.0}
    assert found.seen == ["lost"]


def test_wider_budget_lets_as_many_days_exceed_as_it_can_prove() -> None:
    fitted: list[float | None] = [1 + number / 10 for number in range(300)]
    (found,) = suggestions([RATIO], history([*fitted, *[1.1] * 100]), {}, 0.05)
    assert found.threshold == 30.2, "above the ninth largest"
    assert found.fitted[0] == 7, "eight may exceed it, but it is rounded up"


def test_suggestion_is_yaml_with_what_it_costs_and_what_nothing_sees() -> None:
    faults = {"lost": [evidence(dt.date(2017, 1, 2), 2.0)], "small": [evidence(dt.date(2017, 1, 2), 1.0)]}
    printed = to_yaml(suggestions([RATIO], history([1.1] * 400), faults, 0.01))

    (test,) = yaml.safe_load(printed)["data_tests"]
    assert test["gates.interval_ratio"]["arguments"]["metrics"] == {"sum(rows)": 1.11}
    assert test["gates.interval_ratio"]["config"] == {"severity": "error", "where": "slice = 'all'"}
    assert "# sum(rows): 1.11; false alarms 0.0 % of 300 days fitted, 0.0 % of 100 checked" in printed
    assert "#   finds lost 100 %" in printed
    assert "# No threshold sees 'small' within the budget" in printed


def test_metric_that_cannot_be_told_is_an_alarm_at_any_threshold() -> None:
    past = history([1.1] * 400)
    broken = evidence(past.days[0], None, verdict="fail", reason="null_value")
    (found,) = suggestions([RATIO], replace(past, rows=(broken, *past.rows[1:])), {}, 0.01)
    assert found.threshold == float("inf")


def test_budget_that_the_days_cannot_tell_is_refused() -> None:
    with pytest.raises(PipelineError, match=r"30 days to fit on cannot tell a budget of 1 %"):
        suggestions([RATIO], history([1.1] * 40), {}, 0.01)


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
    with pytest.raises(PipelineError, match="several gates have 'volume' in the name"):
        find([RATIO, other], "volume")
    with pytest.raises(PipelineError, match="no gate has 'anomaly' in the name; give one of: volume_like"):
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

    ended = command("explain", "volume_like_last_week", "--run-date", str(RUN_DATE))

    assert ended.exit_code == 0, ended.printed
    assert (
        "PASS interval_ratio on analytics.interaction_daily: sum(row_count) where slice = 'all' is 552"
        in ended.printed
    )
    assert "max(|552|, |652|) / min(|552|, |652|) = 1.18116; passes when below 2.2" in ended.printed
    assert "┤" in ended.printed, "the days before, as a chart"
    assert (
        f"profile_date >= date '{RUN_DATE}' and profile_date < date '2017-05-01' and slice = 'all'"
        in ended.printed
    )


def test_day_that_was_not_judged_cannot_be_explained(built_settings: Settings, command: Command) -> None:
    ended = command("explain", "volume_like_last_week", "--run-date", "2017-02-02")
    assert ended.exit_code == 1
    assert "has left no evidence for 2017-02-02: run dbt test --select" in ended.printed
