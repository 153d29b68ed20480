"""Bounds for a budget: the days that they are fitted on, their false alarms on other days, and the faults that they find."""

from __future__ import annotations

import datetime as dt
import io
import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from gates.errors import GatesError
from gates.tuning.backtest import show, show_detection
from gates.tuning.suggest import fitted_days, suggestions
from gates.tuning.suggestion import Count

from .conftest import day, evidence, fit, gate, history, rows_of, scattered

RATIO, ANOMALY, DRIFT = gate("interval_ratio"), gate("metric_anomaly"), gate("distribution_drift")


def test_enough_days_prove_the_largest_of_them() -> None:
    values = [*scattered(299), 1.2344, *[1.05] * 98, 1.5, 1.6]
    faults = {"lost": [evidence(RATIO, 1, 2.0)], "small": [evidence(RATIO, 1, 1.2)]}

    (found,) = fit(RATIO, rows_of(RATIO, values), faults)

    assert found.warn == 1.24, "rounded up, so that the day itself does not alarm"
    assert found.fitted == Count(0, 300) and found.checked == Count(2, 100)
    assert found.detection == {"lost": 1.0, "small": 0.0}
    assert found.seen == ["lost"]


def test_fewer_days_are_extrapolated() -> None:
    values = scattered(200)
    (found,) = fit(RATIO, rows_of(RATIO, [*values, *[1.05] * 50]), fitted=200)
    assert 1.1 < found.warn < 1.2, "beyond the largest, which 200 days do not prove"


def test_wider_budget_lets_as_many_days_exceed_as_it_can_prove() -> None:
    values = [1 + float(number) / 10 for number in np.random.default_rng(4).permutation(300)]
    (found,) = fit(RATIO, rows_of(RATIO, [*values, *[1.1] * 100]), budget=0.05)
    assert found.warn == 30.2, "above the ninth largest of 1.0 to 30.9"
    assert found.fitted == Count(8, 300), "2.7 % of the days seen prove 5 % of the others"


def test_statistic_at_the_bound_alarms_only_where_the_gate_says_so() -> None:
    """`interval_ratio` passes below its bound, the others up to it."""
    for of, alarms in ((RATIO, 1), (ANOMALY, 0)):
        (found,) = fit(of, rows_of(of, [*[1.1] * 300, *[1.0] * 99, 1.11]), fitted=300)
        assert found.warn == 1.11
        assert found.checked == Count(alarms, 100)


def test_metrics_with_the_bounds_of_the_gate_take_those_of_the_noisiest() -> None:
    quiet, loud = [2.0] * 400, [3.0] * 400
    rows = rows_of(ANOMALY, quiet) + rows_of(ANOMALY, loud, "sum(amount)")
    amount, number = fit(ANOMALY, rows)
    assert (amount.alone, number.alone) == (3.01, 2.01)
    assert amount.warn == number.warn == 3.01, "counted with what the gate will take"


def test_metric_with_bounds_of_its_own_gets_its_own() -> None:
    of = gate("metric_anomaly", metrics={"sum(rows)": {}, "sum(amount)": {"warn_z": 9}, "max(amount)": {}})
    rows = rows_of(of, [2.0] * 400) + rows_of(of, [3.0] * 400, "sum(amount)")
    rows += rows_of(of, [2.5] * 400, "max(amount)")
    largest, amount, number = fit(of, rows)
    assert (largest.warn, amount.warn, number.warn) == (2.51, 3.01, 2.51)


def test_segments_that_have_their_own_bound_are_fitted_apart() -> None:
    of = gate("distribution_drift", segments={"hour": {"warn_score": 0.9}, "bin": {}})
    scores = {"hour": 0.4005, "bin": 0.3005, "north": 0.2005, "south": 0.1505}
    rows = [
        evidence(of, number, score, segment=segment, upper_bound=1e-9)
        for number in range(400)
        for segment, score in scores.items()
    ]
    faults = {"moved": [evidence(of, 1, 0.35, segment="bin", upper_bound=1e-9)]}
    others, bins, hours = fit(of, rows, faults)
    assert [others.key.segment, bins.key.segment, hours.key.segment] == ["all", "bin", "hour"]
    assert [others.warn, bins.warn, hours.warn] == [0.201, 0.301, 0.401]
    assert (bins.seen, hours.seen, others.seen) == (["moved"], [], [])


def test_own_mark_of_a_segment_is_kept_where_it_is_lower() -> None:
    of = gate(
        "distribution_drift", warn_score=0.08, segments={"bin": {"warn_score": 0.05, "fail_score": 0.2}}
    )
    rows = [evidence(of, number, 0.01, segment=name) for number in range(400) for name in ("bin", "north")]
    others, bins = fit(of, rows)
    assert (bins.warn, bins.fail) == (0.05, 0.2)
    assert (others.warn, others.fail) == (0.08, 0.25)


def test_fail_bound_is_fitted_to_a_tenth_of_the_budget() -> None:
    values = [5 * (ratio - 1) for ratio in scattered(400, seed=5)]
    noise = [value if number % 9 else 6 * value for number, value in enumerate(values)]
    (found,) = fit(ANOMALY, rows_of(ANOMALY, noise), fitted=300)
    assert found.fail > 1.05 * found.warn, "one day in a thousand is beyond what 300 days have seen"
    assert found.failed == Count(0, 100)


def test_fault_is_seen_only_beyond_the_noise_of_a_drift() -> None:
    within: dict[str, Any] = {"verdict": "pass", "upper_bound": 0.5}
    rows = [evidence(DRIFT, number, 0.05, **within) for number in range(400)]
    faults = {
        "within its noise": [evidence(DRIFT, 1, 0.4, **within)],
        "beyond": [evidence(DRIFT, 1, 0.4, verdict="fail", upper_bound=0.1)],
    }
    (found,) = fit(DRIFT, rows, faults)
    assert (found.warn, found.fail) == (0.1, 0.25), "a smaller shift does not matter"
    assert found.detection == {"within its noise": 0.0, "beyond": 1.0}


def test_own_mark_of_a_drift_is_kept_where_it_is_lower() -> None:
    of = gate("distribution_drift", warn_score=0.07)
    (found,) = fit(of, [evidence(of, number, 0.01) for number in range(400)])
    assert found.warn == 0.07
    higher = gate("distribution_drift", warn_score=0.5)
    (found,) = fit(higher, [evidence(higher, number, 0.01, upper_bound=0.5) for number in range(400)])
    assert found.warn == 0.1, "what is suggested does not depend on a bound that was too wide"


def test_drift_below_a_wide_bound_is_counted_where_its_noise_is_not_known() -> None:
    of = gate("distribution_drift", warn_score=0.5)
    rows = [evidence(of, number, 0.01, upper_bound=0.5) for number in range(300)]
    rows += [evidence(of, 300 + number, 0.4, upper_bound=0.5) for number in range(10)]
    rows += [evidence(of, 310 + number, 0.4, upper_bound=0.6) for number in range(10)]
    (found,) = fit(of, rows, fitted=300)
    assert found.checked == Count(10, 20), "a bound above the bound of the gate comes from the noise"


def test_tail_is_that_of_a_log_ratio_whatever_the_statistic() -> None:
    logs = [float(value) for value in np.random.default_rng(8).exponential(size=250)]
    relative = gate("interval_ratio", ratio_formula="relative_diff")
    bounds = []
    for of, statistic in (
        (ANOMALY, lambda log: log),
        (RATIO, math.exp),
        (relative, math.expm1),
        (DRIFT, lambda log: log**2),
    ):
        rows = [evidence(of, number, statistic(log), upper_bound=1e-9) for number, log in enumerate(logs)]
        (found,) = fit(of, rows, fitted=220)
        bounds.append(found.warn)
    z, ratio, difference, score = bounds
    assert ratio == pytest.approx(math.exp(z), rel=0.02)
    assert difference == pytest.approx(ratio - 1, rel=0.02)
    assert score == pytest.approx(z**2, rel=0.02)


def test_ratio_below_what_matters_is_no_bound() -> None:
    relative = gate("interval_ratio", ratio_formula="relative_diff")
    for of, least, same in ((RATIO, 1.01, 1.0), (relative, 0.01, 0.0), (ANOMALY, 0.1, 0.0)):
        (found,) = fit(of, rows_of(of, [same] * 400))
        assert found.warn == least, "the gate refuses less, or would alarm at nothing"


def test_worst_segment_counts() -> None:
    rows = rows_of(RATIO, [1.05] * 400)
    rows += [evidence(RATIO, number, 1.3, segment="north") for number in range(400)]
    (found,) = fit(RATIO, rows)
    assert found.warn == 1.31


def test_budget_that_the_days_cannot_tell_is_refused() -> None:
    with pytest.raises(GatesError, match=r"30 days to fit on cannot tell a budget of 1 %.*at least 4 %"):
        fit(RATIO, rows_of(RATIO, [1.1] * 40))


def test_days_to_fit_on_are_chosen_by_date_or_share() -> None:
    past = history([RATIO], rows_of(RATIO, [1.1] * 100), marked=[0])
    assert fitted_days(past) == list(past.days[:74])
    assert fitted_days(past, day(50))[-1] == day(50)
    for outside in (day(-1), day(99), dt.date(2030, 1, 1)):
        with pytest.raises(GatesError, match=f"--fit-until must leave healthy days.*received {outside}"):
            fitted_days(past, outside)


def test_other_gates_have_nothing_to_fit() -> None:
    stale = gate("not_stale")
    past = history([stale], [evidence(stale, number, 1.0) for number in range(400)])
    assert suggestions(past, {}, 0.01, fitted_days(past)) == []


@pytest.mark.parametrize("kind", ["interval_ratio", "metric_anomaly", "distribution_drift"])
def test_budget_is_kept_on_later_days(kind: str) -> None:
    """Out of sample, over many tables whose noise is of the form that each kind of gate measures."""
    of, random, alarms, days = gate(kind), np.random.default_rng(6), 0, 0
    for _ in range(60):
        noise = random.exponential(size=300)
        statistics = {"interval_ratio": np.exp(0.1 * noise), "metric_anomaly": noise}.get(
            kind, (0.1 * noise) ** 2
        )
        rows = [
            evidence(of, number, float(value), upper_bound=1e-9) for number, value in enumerate(statistics)
        ]
        (found,) = fit(of, rows, fitted=220)
        assert math.isfinite(found.warn)
        alarms, days = alarms + found.checked.alarms, days + found.checked.days
    assert 0 < alarms / days < 0.01


def test_gate_that_stops_the_run_at_its_only_bound_is_fitted_to_fail() -> None:
    noise = [math.exp(0.1 * value) for value in scattered(250)]
    (warns,) = fit(RATIO, rows_of(RATIO, noise), fitted=220)
    (stops,) = fit(replace(RATIO, severity="error"), rows_of(RATIO, noise), fitted=220)
    (like,) = fit(ANOMALY, rows_of(ANOMALY, [0.1 * value for value in scattered(250)]), fitted=220)

    assert math.isnan(warns.fail) and math.isnan(stops.fail), "it has one bound"
    assert warns.warn < stops.warn
    assert stops.warn == pytest.approx(math.exp(like.fail), rel=0.02), "for a tenth of the budget"


def test_alarms_are_told_by_segment_where_that_has_bounds_of_its_own() -> None:
    of = gate("distribution_drift", segments={"hour": {}})
    alarm: dict[str, Any] = {"verdict": "warn", "reason": "out_of_bounds"}
    rows = [evidence(of, 1, 0.5, segment="hour", **alarm), evidence(of, 2, 0.5, segment="north", **alarm)]
    console = Console(width=200, record=True, file=io.StringIO())
    show(history([of], rows), console)
    show_detection({"moved": rows}, [of], console)
    alarms = console.export_text()
    for line in (
        r"volume_distribution_drift: hour +│ sum\(rows\) where slice = 'all' +│ 0 +│ 1 +│ 2017-01-02",
        r"volume_distribution_drift +│ sum\(rows\) where slice = 'all' +│ 0 +│ 1 +│ 2017-01-03",
        r"moved .* volume_distribution_drift: hour 50.0 %, volume_distribution_drift 50.0 %",
    ):
        assert re.search(line, alarms), alarms
