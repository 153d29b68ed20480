"""What is printed: YAML to paste, with what a bound costs and finds, and what would see a fault that none sees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import yaml

from gates.days.gate import Gate
from gates.ledger.evidence import Row
from gates.tuning.remedies import Evidence
from gates.tuning.suggest import fitted_days, suggestions
from gates.tuning.suggested_yaml import to_yaml
from gates.tuning.suggestion import Key

from .conftest import day, evidence, gate, history

RATIO, ANOMALY, DRIFT, STALE = map(
    gate, ("interval_ratio", "metric_anomaly", "distribution_drift", "not_stale")
)
DAYS = 400
FAULTY = range(0, DAYS, 40)


def printed(
    gates: Sequence[Gate],
    rows: Sequence[Row],
    faults: Mapping[str, Sequence[Row]] | None = None,
    marked: Sequence[int] = (),
) -> str:
    past = history(gates, rows, marked)
    found = suggestions(past, faults or {}, 0.01, fitted_days(past))
    return to_yaml(found, past, faults or {}, 0.01)


def volumes(
    of: Gate, change: float = 1.0, days: Sequence[int] = range(DAYS), metric: str = "sum(rows)"
) -> list[Row]:
    """Return the evidence of days whose values scatter around the reference by about 30 %; a fault multiplies them by `change`."""
    noise = np.random.default_rng(1).normal(0, 0.3, DAYS)
    return [
        evidence(
            of,
            number,
            math.exp(abs(noise[number] + math.log(change))),
            metric,
            current_value=str(1000 * change * math.exp(noise[number])),
            reference_value="1000",
        )
        for number in days
    ]


def arguments_of(text: str, kind: str) -> dict[str, Any]:
    (test,) = yaml.safe_load(text)["data_tests"]
    arguments: dict[str, Any] = test[f"gates.{kind}"]["arguments"]
    return arguments


def test_gate_is_ready_to_paste() -> None:
    rows = [evidence(RATIO, number, 1.1) for number in range(DAYS)]
    text = printed([RATIO], rows, {"lost": [evidence(RATIO, 1, 2.0)]}, marked=[399])

    (test,) = yaml.safe_load(text)["data_tests"]
    assert test["gates.interval_ratio"] == {
        "name": "volume_interval_ratio",
        "arguments": {"date_column": "day", "metrics": {"sum(rows)": 1.11}},
        "config": {"severity": "warn", "where": "slice = 'all'"},
    }
    assert "# sum(rows): 1.11; false alarms on 0.0 % of 299 days fitted, 0.0 % of 100 days checked\n" in text
    assert "#   with the days that the calendar marks: 0.0 % of 101 days checked" in text
    assert "#   finds lost 100 %" in text


def test_gate_with_two_bounds_gets_both() -> None:
    rows = [evidence(ANOMALY, number, 2.0) for number in range(DAYS)]
    rows += [evidence(ANOMALY, number, 3.0, "sum(amount)") for number in range(DAYS)]
    text = printed([ANOMALY], rows)
    arguments = arguments_of(text, "metric_anomaly")
    assert (arguments["warn_z"], arguments["fail_z"]) == (3.01, 3.01)
    assert arguments["metrics"] == ["sum(rows)", "sum(amount)"]
    assert "# sum(rows): 3.01 (alone 2.01); false alarms" in text
    assert "0.0 % of 100 days checked, 0.0 % fail from 3.01" in text


def test_metric_that_would_see_more_alone_says_so() -> None:
    rows = [evidence(ANOMALY, number, 2.0) for number in range(DAYS)]
    rows += [evidence(ANOMALY, number, 3.0, "sum(amount)") for number in range(DAYS)]
    faults = {"lost": [evidence(ANOMALY, 1, 2.5)], "all gone": [evidence(ANOMALY, 1, 9.0)]}
    text = printed([ANOMALY], rows, faults)
    assert "#   finds all gone 100 %" in text
    assert "#   with separate bounds, from 2.01, it would also find lost 100 %" in text


def test_metric_with_bounds_of_its_own_gets_them_and_leaves_the_others_theirs() -> None:
    of = gate(
        "metric_anomaly",
        metrics={"sum(rows)": {}, "sum(amount)": {"warn_z": 9}, "max(amount)": {"fail_z": 8}},
    )
    rows = [evidence(of, number, 2.0) for number in range(DAYS)]
    rows += [evidence(of, number, 3.0, "sum(amount)") for number in range(DAYS)]
    assert arguments_of(printed([of], rows), "metric_anomaly") == {
        "date_column": "day",
        "metrics": {
            "sum(rows)": {},
            "sum(amount)": {"warn_z": 3.01, "fail_z": 3.01},
            "max(amount)": {"fail_z": 8},  # too few days to fit it
        },
        "warn_z": 2.01,
        "fail_z": 2.01,
    }


def test_segments_with_their_own_scores_get_them() -> None:
    of = gate("distribution_drift", warn_score=0.5, segments={"hour": {"warn_score": 0.5}})
    scores = {"hour": 0.4005, "north": 0.2005}
    rows = [
        evidence(of, number, score, "psi of value", segment=segment, upper_bound=1e-9)
        for number in range(DAYS)
        for segment, score in scores.items()
    ]
    text = printed([of], rows)
    assert arguments_of(text, "distribution_drift") == {
        "date_column": "day",
        "column_name": "value",
        "method": "psi",
        "warn_score": 0.201,
        "fail_score": 0.25,
        "segments": {"hour": {"warn_score": 0.401, "fail_score": 0.401}},
    }
    assert "# psi of value of hour: 0.401; false alarms" in text and "# psi of value: 0.201; false" in text


def test_noise_is_said_to_be_noise() -> None:
    text = printed([RATIO], volumes(RATIO), {"a little more": volumes(RATIO, 1.01, FAULTY)})
    assert "#   noise: it sees no fault of the catalogue on half of the days\n" in text
    some = [*volumes(RATIO, 1.01, FAULTY), evidence(RATIO, 1, 99.0)]
    text = printed([RATIO], volumes(RATIO), {"a little more": some})
    assert "on half of the days; most often a little more 9 %\n" in text
    still = [evidence(DRIFT, number, 0.0, "psi of value", upper_bound=0.1) for number in range(DAYS)]
    assert "#   0 on every healthy day, and with each fault of the catalogue" in printed([DRIFT], still)


def test_days_that_cannot_be_told_are_stated() -> None:
    rows = [evidence(RATIO, number, 1.1 if number else None, verdict="fail") for number in range(DAYS)]
    assert "#   on 1 days it cannot be told, and alarms at any bound" in printed([RATIO], rows)


def test_gate_of_too_few_days_is_said_to_keep_its_bounds() -> None:
    rows = [evidence(RATIO, number, 1.1) for number in range(DAYS)]
    rows += [evidence(ANOMALY, number, 2.0) for number in range(50)]
    text = printed([RATIO, ANOMALY, STALE], rows)
    assert "# volume_metric_anomaly keeps its bounds, too few of its days could be judged to fit" in text


def test_gate_without_a_bound_says_how_often_it_alarms() -> None:
    rows = [evidence(RATIO, number, 1.1) for number in range(DAYS)]
    copied = [
        evidence(STALE, number, None, verdict="fail" if number % 50 == 0 else "pass")
        for number in range(DAYS)
    ]
    nothing = "# volume_not_stale has no bound that is fitted here; false alarms on"
    assert f"{nothing} 2.0 % of 400 days, which is more than the budget." in printed(
        [RATIO, STALE], [*rows, *copied]
    )
    assert f"{nothing} 0.2 % of 400 days." in printed([RATIO, STALE], [*rows, copied[0], *copied[1:50]])


def test_lost_rows_need_a_control_total_or_a_week() -> None:
    text = printed([RATIO], volumes(RATIO), {"a fifth lost": volumes(RATIO, 0.8, FAULTY)})
    assert "# No bound sees 'a fifth lost' within the budget of 1 %." in text
    assert "#   Nearest is sum(rows) of volume_interval_ratio: 0 % of the days. To see it on half" in text
    assert "#   What would: a control total of the source: sum(rows) is 20 % lower." in text
    assert "the mean of 7 days" not in text, (
        "30 % of noise leave 11 % to a week's mean, and a bound of thrice that"
    )

    text = printed([RATIO], volumes(RATIO), {"more lost": volumes(RATIO, 0.6, FAULTY)})
    assert (
        "#   What would: the mean of 7 days, of a fault that lasts as long: sum(rows) is 40 % lower, and such a mean"
        in text
    )


def test_quotient_has_no_control_total() -> None:
    metric = "sum(amount) / count(*)"
    of = gate("interval_ratio", metrics={metric: 3.0})
    text = printed([of], volumes(of, metric=metric), {"dearer": volumes(of, 1.2, FAULTY, metric)})
    assert "No bound sees 'dearer'" in text
    assert "control total" not in text
    assert "#   It moves no total, no mean of a week and no share that these gates look at." in text


def test_fault_of_one_segment_needs_a_gate_for_each() -> None:
    rows = [evidence(DRIFT, number, 0.01, "psi of value", upper_bound=0.1) for number in range(DAYS)]
    for score, times in ((0.04, "4.0"), (0.015, None)):
        faulty = [evidence(DRIFT, number, score, "psi of value", upper_bound=0.1) for number in FAULTY]
        text = printed([DRIFT], rows, {"fault": faulty})
        assert "No bound sees 'fault'" in text
        way = f"a gate for each segment: the shares that volume_distribution_drift looks at move {times} times as far"
        assert (way in text) if times else ("a gate for each segment" not in text), (
            "by half is no more than usual"
        )


def test_rows_of_a_segment_say_nothing_of_the_day() -> None:
    rows = [evidence(RATIO, 1, 2.0, segment="north"), evidence(RATIO, 2, 1.5)]
    found, key = Evidence.of(rows, [RATIO]), Key(RATIO.node_id, "sum(rows) where slice = 'all'", "all")
    assert set(found.statistic[key]) == set(found.value[key]) == {day(2)}


def test_change_that_rounding_makes_needs_no_control_total() -> None:
    text = printed([RATIO], volumes(RATIO), {"rounded": volumes(RATIO, 1.0001, FAULTY)})
    assert "No bound sees 'rounded'" in text and "control total" not in text


def test_fault_that_this_table_cannot_have_is_not_called_unseen() -> None:
    text = printed([RATIO], volumes(RATIO), {"of another table": []})
    assert "# 'of another table' changes no row of this table" in text
    assert "No bound sees" not in text


def test_price_of_seeing_a_fault_is_stated() -> None:
    rows = [evidence(RATIO, number, 1 + number * 37 % DAYS / DAYS) for number in range(DAYS)]
    faults = {
        "some": [evidence(RATIO, number, statistic) for number, statistic in enumerate((1.0, 1.9, 1.95))]
    }
    assert "To see it on half of them, it would alarm on 10.0 % of the healthy days." in printed(
        [RATIO], rows, faults
    )


def test_fault_that_another_gate_finds_needs_no_bound() -> None:
    rows = [evidence(RATIO, number, 1.1) for number in range(DAYS)]
    same = [evidence(RATIO, number, 1.1) for number in FAULTY]
    copied = [evidence(STALE, number, None, verdict="fail") for number in FAULTY]
    text = printed([RATIO, STALE], rows, {"copied": [*same, *copied]})
    assert "# 'copied' needs no bound: volume_not_stale finds it on 100 % of the days." in text
    assert "No bound sees" not in text

    always = [evidence(STALE, number, None, verdict="fail") for number in range(DAYS)]
    text = printed([RATIO, STALE], [*rows, *always], {"copied": [*same, *copied]})
    also = (
        "finds it on 100 % of the days, and alarms on 100.0 % of 400 days without it, which is more than the"
    )
    assert also in text, "a gate that always alarms finds nothing"


def test_fault_that_leaves_no_statistic_is_no_merit_of_a_bound() -> None:
    rows = [evidence(RATIO, number, 1.1) for number in range(DAYS)]
    gone = [evidence(RATIO, number, None, verdict="fail", reason="no_current") for number in FAULTY]
    text = printed([RATIO], rows, {"all lost": gone})
    assert "finds" not in text.partition("data_tests:")[2].partition("# 'all lost'")[0]
    assert "# 'all lost' needs no bound: volume_interval_ratio finds it on 100 % of the days." in text
