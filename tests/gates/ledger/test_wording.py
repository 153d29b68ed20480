"""Each gate and each reason has a sentence; whatever is in a row, the sentence is one line and cannot steer a terminal."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gates.ledger import wording
from gates.ledger.declared import Declared, declarations
from gates.ledger.wording import sentence
from gates.spec.spec import Spec
from tests.gates.spec.package import read_macros, read_specs
from tests.macros.harness.cases import load_cases

from .rows import ledger_row

SPECS = read_specs()
MACROS = Path(__file__).parents[3] / "macros" / "gates"
BY_BOUND_ALONE = {"row_existence", "value_range"}  # their sentence is that of any value and bound
WEEK = Declared(arguments={"days_back": 7, "weight": "n"}, reference_days=7)
TWO_WEEKS = Declared(arguments={"days_back": 7}, reference_days=14)
RATIO: dict[str, Any] = {
    "current_value": "273",
    "reference_value": "652",
    "statistic": 2.38828,
    "upper_bound": 1.94,
}
DRIFT: dict[str, Any] = {
    "current_value": "0.3",
    "reference_value": "0.125",
    "statistic": 0.3104,
    "upper_bound": 0.25,
}

SENTENCES: dict[str, tuple[dict[str, Any], Declared, str]] = {
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
    "column missing": (
        ledger_row("schema_match", "missing_column", metric="amount", reference_value="bigint"),
        Declared(),
        "column amount is declared (bigint) and is not there",
    ),
    "column unexpected": (
        ledger_row("schema_match", "unexpected_column", metric="price", current_value="text"),
        Declared(),
        "column price (text) is there and is not declared",
    ),
    "column of another type": (
        ledger_row(
            "schema_match", "type_changed", metric="x", current_value="text", reference_value="bigint"
        ),
        Declared(),
        "column x is text, declared as bigint",
    ),
    "column as declared": (
        ledger_row("schema_match", "ok", metric="x", current_value="text", reference_value="text"),
        Declared(),
        "column x is text, as declared",
    ),
    "share": (
        ledger_row("share_limit", metric="x = 0", current_value="0.1234", upper_bound=0.05),
        Declared(),
        "12.3 % of the rows have x = 0, allowed at most 5 %",
    ),
    "share against the past": (
        ledger_row(
            "share_limit", metric="x = 0", current_value="0.2", reference_value="0.03", upper_bound=0.13
        ),
        Declared(),
        "20 % of the rows have x = 0, at most 3 % on the days before, allowed at most 13 %",
    ),
    "repeated keys": (
        ledger_row("duplicate_limit", metric="repeated id, day", current_value="0.0101", upper_bound=0.01),
        Declared(),
        "1.01 % of the rows repeat id, day, allowed at most 1 %",
    ),
    "more keys than rows": (
        ledger_row("duplicate_limit", metric="repeated id", current_value="-0.5", upper_bound=0.01),
        Declared(),
        "-50 % (more distinct keys were counted than there are rows) of the rows repeat id, allowed at most 1 %",
    ),
    "unseen category": (
        ledger_row(
            "category_match",
            "unseen_category",
            metric="share of shop",
            segment="moon",
            current_value="0.02",
            statistic=0.03,
            upper_bound=0.01,
        ),
        Declared(),
        "'moon' in shop has not been seen before and has 2 % of the rows; unseen ones have 3 % together,"
        " allowed at most 1 %",
    ),
    "missing category": (
        ledger_row(
            "category_match",
            "missing_category",
            metric="share of shop",
            segment="north",
            current_value="0",
            reference_value="0.12",
        ),
        Declared(),
        "'north' in shop is gone, usually it has 12 % of the rows",
    ),
    "usual categories": (
        ledger_row("category_match", "ok", metric="share of shop", current_value="1"),
        Declared(),
        "shop has its usual categories",
    ),
    "copy": (
        ledger_row("not_stale", "stale", metric="copied day by customer, amount", current_value="-7"),
        Declared(),
        "the day is a copy of 2026-11-15: the same customer, amount",
    ),
    "no copy": (ledger_row("not_stale", "ok"), Declared(), "the day is no copy of an earlier one"),
    "anomaly": (
        ledger_row("metric_anomaly", **(RATIO | {"statistic": 8.14, "upper_bound": 4.0})),
        Declared(),
        "273 rows, usually 652 on this weekday: 8.1 standard deviations away, allowed at most 4",
    ),
    "anomaly at zero": (
        ledger_row("metric_anomaly", "zero_value", metric="sum(x)", current_value="0", reference_value="9"),
        Declared(),
        "sum(x) is 0, usually 9: a zero cannot be compared",
    ),
    "drift": (
        ledger_row("distribution_drift", metric="psi of shop", **DRIFT),
        Declared(),
        "the distribution of shop has shifted by 0.31 (psi), allowed at most 0.25; its most changed part has 30 % of"
        " the rows and had 12.5 % before",
    ),
    "segment too small": (
        ledger_row("metric_anomaly", "insufficient_history", segment="north", sample_size=3),
        Declared(arguments={"min_segment_size": 10}),
        "north: 3 rows, too few to judge: at least 10 are asked for",
    ),
    "history too short": (
        ledger_row("metric_anomaly", "insufficient_history", metric="sum(x)"),
        Declared(),
        "sum(x): too few days before this one to compare with",
    ),
    "old rows": (
        ledger_row("source_freshness", metric="age", current_value="3.0", upper_bound=1.5),
        Declared(),
        "the newest rows are 3 days older than the run date, allowed at most 1.5 days",
    ),
    "source without rows": (
        ledger_row("source_freshness", metric="age", current_value="739576.5", upper_bound=1.5),
        Declared(),
        "no rows up to the run date",
    ),
    "query": (
        ledger_row("not_null", "query_error", metric="failures"),
        Declared(),
        "the query failed, so nothing was proven",
    ),
    "plain test": (
        ledger_row("not_null", metric="failures", current_value="5", upper_bound=0.0),
        Declared(),
        "5 failures, allowed at most 0",
    ),
    "gate and reason of tomorrow": (
        ledger_row("tomorrow", "too_good", metric="m", current_value="2.5", statistic=7.0, upper_bound=5.0),
        Declared(),
        "m is 2.5, statistic 7, allowed at most 5 (too good)",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_sentence(name: str) -> None:
    row, declared, expected = SENTENCES[name]
    assert sentence(row, replace(declared, spec=SPECS.get(row["gate"], Spec("")))) == expected


def test_every_gate_of_the_package_has_a_sentence() -> None:
    gates = {file.stem for file in MACROS.glob("*.sql")}
    assert gates - BY_BOUND_ALONE <= set(wording._BY_GATE)
    assert gates > BY_BOUND_ALONE


def test_every_reason_of_the_truth_table_has_a_sentence() -> None:
    reasons = {row["reason"] for case in load_cases() for row in case.evidence}
    assert reasons - {"ok", "out_of_bounds"} <= set(wording._BY_REASON)


def test_declarations_are_those_of_the_manifest() -> None:
    node = {
        "resource_type": "test",
        "name": "volume",
        "config": {"where": None},
        "test_metadata": {"name": "row_existence", "namespace": "gates", "kwargs": {"min_rows": 3}},
    }
    singular = {"resource_type": "test", "name": "one", "config": {"where": "x = 1"}, "description": "why"}
    nodes = {"test.a": node, "test.b": singular, "model.c": {"resource_type": "model", "name": "c"}}
    spec = SPECS["row_existence"]
    assert declarations({"nodes": nodes, "macros": read_macros()}) == {
        "test.a": Declared("volume", gate=True, arguments={"min_rows": 3}, spec=spec),
        "test.b": Declared("one", scope="x = 1", description="why"),
    }


VALUES = st.none() | st.floats().map(str) | st.text()
NUMBERS = st.none() | st.floats()


@given(
    gate=st.sampled_from([*wording._BY_GATE, *sorted(BY_BOUND_ALONE), "unknown"]),
    reason=st.sampled_from([*wording._BY_REASON, "ok", "out_of_bounds", "unknown"]),
    texts=st.tuples(st.text(), st.text(), VALUES, VALUES),
    numbers=st.tuples(NUMBERS, NUMBERS, NUMBERS),
    size=st.none() | st.integers(0, 10),
    arguments=st.dictionaries(
        st.sampled_from(["days_back", "weight", "min_segment_size", "date_column", "ratio_formula"]),
        st.none() | st.integers(0, 30) | st.just("{{ var('days') }}"),
    ),
    reference_days=st.none() | st.integers(1, 60),
)
def test_no_row_breaks_a_sentence(
    gate: str,
    reason: str,
    texts: tuple[str, str, str | None, str | None],
    numbers: tuple[float | None, float | None, float | None],
    size: int | None,
    arguments: dict[str, Any],
    reference_days: int | None,
) -> None:
    names = (
        "metric",
        "segment",
        "current_value",
        "reference_value",
        "statistic",
        "lower_bound",
        "upper_bound",
    )
    row = ledger_row(gate, reason, sample_size=size, **dict(zip(names, (*texts, *numbers), strict=True)))
    spec = SPECS.get(gate, Spec(""))
    text = sentence(row, Declared(arguments=arguments, reference_days=reference_days, spec=spec))
    assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert text == text.strip()
