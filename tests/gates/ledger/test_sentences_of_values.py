"""What is said of a value: of its bounds, of an earlier value, and of what it is expected to be."""

from __future__ import annotations

from typing import Any

import pytest

from gates.ledger.declared import Declared

from .rows import Sentence, ledger_row, said

WEEK = Declared(arguments={"days_back": 7, "weight": "n"}, reference_days=7)
TWO_WEEKS = Declared(arguments={"days_back": 7}, reference_days=14)
RATIO: dict[str, Any] = {
    "current_value": "273",
    "reference_value": "652",
    "statistic": 2.38828,
    "upper_bound": 1.94,
}

SENTENCES: dict[str, Sentence] = {
    "text that reads as a number": (
        ledger_row("value_tolerance", metric="max(code)", current_value="007", reference_value="2024.10"),
        Declared(),
        "max(code) is 007, expected 2024.10",
    ),
    "rows": (
        ledger_row("row_existence", current_value="12", lower_bound=100.0),
        Declared(),
        "12 rows, allowed at least 100",
    ),
    "no rows": (
        ledger_row("row_existence", "no_current", current_value="0", lower_bound=1.0),
        Declared(),
        "no rows on 2026-11-22, allowed at least 1",
    ),
    "no rows on an earlier day, in a scope": (
        ledger_row("value_range", "no_current", upper_bound=3.0),
        Declared(arguments={"days_back": 2, "date_column": "day"}, scope="shop = 'north'"),
        "no rows on 2026-11-20 where shop = 'north'",
    ),
    "no rows at all": (
        ledger_row("value_range", "no_current"),
        Declared(arguments={"date_column": None}),
        "no rows",
    ),
    "nothing to judge": (
        ledger_row("value_range", "not_applicable", verdict="pass"),
        Declared(scope="reference = 'champion'"),
        "not applicable: no rows on 2026-11-22 where reference = 'champion'",
    ),
    "ratio": (
        ledger_row("interval_ratio", **RATIO),
        WEEK,
        "273 rows, 652 on the same weekday last week: ratio 2.4, allowed below 1.94",
    ),
    "ratio in a segment, of a weight, against an unknown week": (
        ledger_row("interval_ratio", metric="sum(n)", segment="north", **RATIO),
        Declared(arguments={"weight": "n", "days_back": 7}),
        "north: 273 rows, 652 on the same weekday before: ratio 2.4, allowed below 1.94",
    ),
    "relative difference over a day": (
        ledger_row("interval_ratio", **(RATIO | {"statistic": 0.58129, "upper_bound": 0.5})),
        Declared(arguments={"days_back": 1, "ratio_formula": "relative_diff"}),
        "273 rows, 652 1 day before: relative difference 0.58, allowed below 0.5",
    ),
    "ratio that is barely too large": (
        ledger_row("interval_ratio", metric="max(x)", **(RATIO | {"statistic": 1.9404, "upper_bound": 1.94})),
        TWO_WEEKS,
        "max(x) is 273, 652 on the same weekday 2 weeks before: ratio 1.9404, allowed below 1.94",
    ),
    "zero that is ignored": (
        ledger_row("interval_ratio", "ok", current_value="0", reference_value="652", upper_bound=2.0),
        WEEK,
        "0 rows, 652 on the same weekday last week: a zero has no ratio and is ignored, allowed below 2",
    ),
    "zero": (
        ledger_row("interval_ratio", "zero_value", current_value="0", reference_value="652"),
        WEEK,
        "0 rows, 652 on the same weekday last week: a zero cannot be compared",
    ),
    "sign": (
        ledger_row("interval_ratio", "sign_change", metric="avg(x)", current_value="-3", reference_value="4"),
        WEEK,
        "avg(x) is -3, 4 on the same weekday last week: the sign has changed",
    ),
    "no reference": (
        ledger_row("interval_ratio", "no_reference", current_value="1"),
        WEEK,
        "1 row, but no rows on the same weekday last week to compare with",
    ),
    "NULL today": (
        ledger_row("interval_ratio", "null_value", metric="avg(x)", reference_value="4"),
        WEEK,
        "avg(x) is NULL, NaN or infinite",
    ),
    "NULL last week": (
        ledger_row("interval_ratio", "null_value", metric="avg(x)", current_value="4"),
        WEEK,
        "avg(x) is 4, and NULL, NaN or infinite on the same weekday last week",
    ),
    "range, without the scope that the test shares": (
        ledger_row(metric="min(x) where metric = 'auc'", current_value="0.5512345", lower_bound=0.6),
        Declared(scope="metric = 'auc'"),
        "min(x) is 0.5512, allowed at least 0.6",
    ),
    "range with two bounds": (
        ledger_row(metric="avg(x)", current_value="300.0", lower_bound=1.0, upper_bound=10.0),
        Declared(),
        "avg(x) is 300, allowed at least 1 and at most 10",
    ),
    "tolerance": (
        ledger_row(
            "value_tolerance", current_value="12", reference_value="10", lower_bound=9.0, upper_bound=11.0
        ),
        Declared(),
        "12 rows, expected 10, allowed at least 9 and at most 11",
    ),
    "number": (
        ledger_row(
            "value_tolerance", current_value="9", reference_value="10", lower_bound=10.0, upper_bound=10.0
        ),
        Declared(),
        "9 rows, expected 10",
    ),
    "text": (
        ledger_row("value_tolerance", metric="max(s)", current_value="closed", reference_value="open"),
        Declared(),
        "max(s) is closed, expected open",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_sentence(name: str) -> None:
    row, declared, expected = SENTENCES[name]
    assert said(row, declared) == expected
