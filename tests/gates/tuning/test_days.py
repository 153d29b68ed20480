"""Days that are unlike others: marked, without rows, with nothing to tell, with too short a past."""

from __future__ import annotations

import pytest

from gates.tuning.suggestion import Count

from .conftest import evidence, fit, gate, rows_of, scattered

RATIO, ANOMALY, DRIFT = gate("interval_ratio"), gate("metric_anomaly"), gate("distribution_drift")


def test_marked_days_are_counted_apart() -> None:
    values = [*[1.05] * 350, 9.0, 9.0, *[1.05] * 48]
    (found,) = fit(RATIO, rows_of(RATIO, values), fitted=300, marked=[10, 350, 351])
    assert found.checked == Count(0, 97)
    assert found.marked == Count(2, 2), "of the days that check it, not of those that it was fitted on"
    assert (found.checked + found.marked).share == pytest.approx(2 / 99)


def test_marked_day_without_a_statistic_is_none_that_a_bound_alarms_on() -> None:
    """A shop that is closed on Sundays has no run on Sundays."""
    rows = rows_of(RATIO, [1.05] * 400)
    rows[350] = evidence(RATIO, 350, None, verdict="fail", reason="no_current")
    (found,) = fit(RATIO, rows, fitted=300, marked=[350, 351])
    assert found.marked == Count(0, 1)


def test_distance_of_a_day_without_rows_is_none() -> None:
    gone = evidence(DRIFT, 1, 3.0, verdict="fail", reason="no_current", upper_bound=0.1)
    rows = [evidence(DRIFT, number, 0.05, upper_bound=0.1) for number in range(400)]
    (found,) = fit(DRIFT, rows, {"all lost": [gone]})
    assert found.detection == {"all lost": 0.0}, "it fails whatever the bound"


def test_days_that_cannot_be_told_alarm_at_any_bound() -> None:
    rows = rows_of(RATIO, scattered(400))
    rows[3] = evidence(RATIO, 3, None, verdict="fail", reason="null_value")
    rows[4] = evidence(RATIO, 4, None, verdict="pass")
    (found,) = fit(RATIO, rows)
    assert found.warn < 1.3, "they do not widen it"
    assert found.untold == 1 and found.fitted == Count(1, 300)


def test_metric_that_is_hardly_ever_told_is_left_as_it_is() -> None:
    rows = [evidence(RATIO, number, None, verdict="fail") for number in range(400)]
    rows += rows_of(RATIO, scattered(400), "sum(amount)")
    assert [each.expression for each in fit(RATIO, rows)] == ["sum(amount)"]


def test_short_history_is_no_false_alarm() -> None:
    rows = rows_of(ANOMALY, [1.0] * 400)
    early = [
        evidence(ANOMALY, number, 9.0, reason="insufficient_history", verdict="warn") for number in range(20)
    ]
    (found,) = fit(ANOMALY, [*early, *rows[20:]])
    assert found.warn == 1.01 and found.fitted == Count(0, 280)
