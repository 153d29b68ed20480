"""What is said of columns, shares, categories, copies, anomalies and drift."""

from __future__ import annotations

from typing import Any

import pytest

from gates.ledger.declared import Declared

from .rows import Sentence, ledger_row, said

DRIFT: dict[str, Any] = {
    "current_value": "0.3",
    "reference_value": "0.125",
    "statistic": 0.3104,
    "upper_bound": 0.25,
}
ANOMALY: dict[str, Any] = {
    "current_value": "273",
    "reference_value": "652",
    "statistic": 8.14,
    "upper_bound": 4.0,
}

SENTENCES: dict[str, Sentence] = {
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
        "'moon' in shop has not been seen before and has 2 % of the rows; unseen categories have 3 % together,"
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
    "anomaly": (
        ledger_row("metric_anomaly", **ANOMALY),
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
    "no copy": (ledger_row("not_stale", "ok"), Declared(), "the day is no copy of an earlier one"),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_sentence(name: str) -> None:
    row, declared, expected = SENTENCES[name]
    assert said(row, declared) == expected
