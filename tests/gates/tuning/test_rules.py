"""Bounds on values and shares that somebody has set: kept where they hold, narrowed or widened to what the days show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import yaml

from gates.days.gate import Gate
from gates.ledger.evidence import Row
from gates.tuning.suggest import fitted_days, suggestions
from gates.tuning.suggested_yaml import to_yaml
from gates.tuning.suggestion import Count

from .conftest import evidence, fit, gate, history

DAYS = 400


def ranged(**bounds: float) -> Gate:
    return gate("value_range", expression={"sum(rows)": bounds})


def values_of(of: Gate, values: Sequence[float | None], metric: str = "sum(rows)") -> list[Row]:
    return [
        evidence(
            of,
            number,
            None,
            metric,
            current_value=None if value is None else str(value),
            verdict="fail" if value is None else "pass",
            reason="null_value" if value is None else "ok",
        )
        for number, value in enumerate(values)
    ]


def categories_of(of: Gate, unseen: Sequence[float], gone: Mapping[int, float]) -> list[Row]:
    """Rows of days with a share of categories never seen before, and on some days a usual one that is gone."""
    rows = [evidence(of, number, share, "share of value") for number, share in enumerate(unseen)]
    lost: dict[str, Any] = {"segment": "toys", "verdict": "fail", "reason": "missing_category"}
    return rows + [
        evidence(of, number, 0.0, "share of value", current_value="0", reference_value=str(share), **lost)
        for number, share in gone.items()
    ]


def about(middle: float, spread: float) -> list[float]:
    """Values about a middle, in any order."""
    return [float(value) for value in np.random.default_rng(3).normal(middle, spread, DAYS)]


def test_rule_that_healthy_days_break_is_widened_and_says_what_it_was() -> None:
    """Returns are negative amounts: that no amount is below zero is no rule of such a table."""
    of = ranged(min_value=0)
    (found,) = fit(of, values_of(of, about(-100, 10)))
    assert -200 < found.argument < -100 - 3 * 10
    assert found.replaced == 0 and found.ruled == Count(DAYS, DAYS)
    assert found.checked == Count(0, 100)


def test_rule_on_what_should_not_be_is_kept_though_it_never_is() -> None:
    """At most 1 % of the rows are NULL; that none has been so far is no reason to stop at the first."""
    of = ranged(max_value=0.01)
    burst = values_of(of, [0.1, 0.005])
    (found,) = fit(of, values_of(of, [0.0] * DAYS), {"burst": burst})
    assert (found.argument, found.replaced) == (0.01, None)
    assert found.detection == {"burst": 0.5}
    (found,) = fit(of, values_of(of, [*[0.0] * 398, 0.009, 0.011]))
    assert found.argument == 0.01, "one of 400 days is within the budget"


def test_rule_on_what_always_is_is_narrowed() -> None:
    of = ranged(max_value=500)
    (found,) = fit(of, values_of(of, about(2.5, 0.1)), {"x 10": values_of(of, [25.0])})
    assert 2.8 < found.argument < 5
    assert found.replaced == 500 and found.ruled == Count(0, DAYS)
    assert found.seen == ["x 10"]


def test_rule_is_not_widened_where_no_healthy_day_breaks_it() -> None:
    """The tail of what lies just above zero reaches below it; a rule says that nothing does."""
    of = ranged(min_value=0)
    (found,) = fit(of, values_of(of, [0.03 + abs(value) for value in about(0, 0.2)]))
    assert found.argument == 0
    assert str(found.argument) == "0.0", "not -0.0"


def test_bounds_of_a_metric_are_fitted_apart() -> None:
    of = ranged(min_value=0, max_value=500)
    faults = {"low": values_of(of, [1.0]), "high": values_of(of, [9.0]), "as ever": values_of(of, [2.5])}
    low, high = sorted(fit(of, values_of(of, about(2.5, 0.1)), faults), key=lambda each: each.argument)
    assert (low.key.bound, low.seen) == ("min_value", ["low"])
    assert (high.key.bound, high.seen) == ("max_value", ["high"])
    assert 1 < low.argument < 2.2 and 2.8 < high.argument < 5


def test_value_at_its_bound_passes() -> None:
    of = ranged(max_value=3)
    for value, alarms in ((3, 0), (3.001, 1)):
        (found,) = fit(of, values_of(of, [0.0] * DAYS), {"fault": values_of(of, [value])})
        assert found.detection == {"fault": alarms}


def test_value_that_cannot_be_told_alarms_at_any_bound() -> None:
    of = ranged(max_value=3)
    (found,) = fit(of, values_of(of, [None, *[2.0] * (DAYS - 1)]))
    assert found.untold == 1 and found.fitted == Count(1, 300)
    assert found.argument == pytest.approx(2, rel=0.01)


def test_metrics_with_the_bounds_of_the_gate_take_the_widest() -> None:
    of = gate("value_range", expression=["sum(rows)", "sum(amount)"], max_value=500)
    rows = values_of(of, [2.0] * DAYS) + values_of(of, [30.0] * DAYS, "sum(amount)")
    amount, number = fit(of, rows)
    assert amount.argument == number.argument == pytest.approx(30, rel=0.01)
    assert number.alone == pytest.approx(2, rel=0.01)

    lower = gate("value_range", expression=["sum(rows)", "sum(amount)"], min_value=-500)
    rows = values_of(lower, [-2.0] * DAYS) + values_of(lower, [-30.0] * DAYS, "sum(amount)")
    past = history([lower], rows)
    text = to_yaml(suggestions(past, {}, 0.01, fitted_days(past)), past, {}, 0.01)
    assert "# sum(rows), min_value: -30 (alone -2" in text, "with the sign that the argument has"


def test_new_categories_and_usual_ones_that_are_gone_have_a_bound_each() -> None:
    of = gate("category_match")
    fault = categories_of(of, [0.05, 0.05], {0: 0.02})
    unseen, usual = fit(of, categories_of(of, [0.0, *[0.001] * (DAYS - 1)], {}), {"fault": fault})
    assert (unseen.key.bound, unseen.argument, unseen.replaced) == ("max_unseen_share", 0.01, None)
    assert (usual.key.bound, usual.argument, usual.replaced) == ("min_usual_share", 0.005, None)
    assert unseen.detection["fault"] == 1.0 and usual.detection["fault"] == 0.5

    often = {number: 0.006 + number / 1e5 for number in range(0, DAYS, 20)}
    _, usual = fit(of, categories_of(of, [0.0] * DAYS, often))
    assert usual.replaced == 0.005 and usual.ruled == Count(20, DAYS)
    assert 0.01 < usual.argument < 0.1 and usual.fitted.alarms == usual.checked.alarms == 0

    (unseen,) = fit(gate("category_match", require_usual=False), categories_of(of, [0.0] * DAYS, {}))
    assert unseen.key.bound == "max_unseen_share"


@pytest.mark.parametrize("middle", [-1000.0, 0.02, 3.0, 1e6])
@pytest.mark.parametrize("rule", [{"max_value": -1e9}, {"min_value": 1e9}])
def test_budget_is_kept_on_later_days(rule: dict[str, float], middle: float) -> None:
    """Out of sample, on either side and at any size, from a rule that holds on no day."""
    of, random, alarms = ranged(**rule), np.random.default_rng(9), 0
    for _ in range(60):
        values = middle * (1 + 0.2 * random.normal(size=DAYS))
        (found,) = fit(of, values_of(of, [float(value) for value in values]))
        alarms += found.checked.alarms
    assert alarms / (60 * 100) < 0.01


def test_bounds_are_ready_to_paste() -> None:
    of = gate(
        "value_range",
        expression={"sum(rows)": {"min_value": 0, "max_value": 500}, "max(x)": {"max_value": 9}},
    )
    rows = values_of(of, about(-100, 10))
    past = history([of], rows)
    text = to_yaml(suggestions(past, {}, 0.01, fitted_days(past)), past, {}, 0.01)

    (test,) = yaml.safe_load(text)["data_tests"]
    own = test["gates.value_range"]["arguments"]["expression"]
    assert own["max(x)"] == {"max_value": 9}, "too few of its days to fit it"
    assert -200 < own["sum(rows)"]["min_value"] < -130 < own["sum(rows)"]["max_value"] < -10
    assert (
        f"# sum(rows), min_value: {own['sum(rows)']['min_value']:g} (now 0: false alarms on 100.0 % of 400 days)"
        in text
    )
    assert "(now 500: false alarms on 0.0 % of 400 days)" in text
