"""Each gate and each reason has a sentence; any row gives one line that cannot control a terminal."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gates.ledger.declared import Declared, declarations
from gates.ledger.wording import sentence
from gates.ledger.words import Words
from gates.spec.spec import Spec
from tests.gates.spec.package import read_macros
from tests.macros.harness.cases import load_cases

from .rows import OTHER_TESTS, SPECS, Sentence, ledger_row, said

SENTENCES: dict[str, Sentence] = {
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
    assert said(row, declared) == expected


def test_every_reason_of_the_truth_table_has_a_sentence() -> None:
    reasons = {(case.gate, row["reason"]) for case in load_cases() for row in case.evidence}
    silent = {(gate, reason) for gate, reason in reasons if reason not in SPECS[gate].reasons}
    assert {reason for _, reason in silent} == {"ok", "out_of_bounds"}


@pytest.mark.parametrize("gate", SPECS)
def test_sentences_are_made_of_words_that_there_are(gate: str) -> None:
    spec = SPECS[gate]
    words = {name for name, value in vars(Words).items() if isinstance(value, property)}
    for template in (spec.sentence, *spec.reasons.values()):
        assert set(re.findall(r"\{(\w*)", template)) <= words | set(ledger_row()) | set(spec.arguments), (
            template
        )


def test_row_of_a_test_that_the_project_no_longer_has_says_its_numbers() -> None:
    row = ledger_row("interval_ratio", current_value="273", reference_value="652", statistic=2.4)
    assert sentence(row) == "273 rows, reference 652, statistic 2.4"
    assert (
        sentence(ledger_row("not_null", "query_error")) == "count(*) is NULL, NaN or infinite (query error)"
    )


def test_name_that_is_no_word_stays_in_braces() -> None:
    declared = Declared(spec=Spec("toy", sentence="{currant} {upper_bound}"))
    assert sentence(ledger_row("toy", upper_bound=2.0), declared) == "{currant} 2.0"


def test_declarations_have_each_test_and_source_of_the_manifest() -> None:
    node = {
        "resource_type": "test",
        "name": "volume",
        "config": {"where": None},
        "test_metadata": {"name": "row_existence", "namespace": "gates", "kwargs": {"min_rows": 3}},
    }
    singular = {"resource_type": "test", "name": "one", "config": {"where": "x = 1"}, "description": "why"}
    nodes = {"test.a": node, "test.b": singular, "model.c": {"resource_type": "model", "name": "c"}}
    spec = SPECS["row_existence"]
    sources = {"source.c": {"source_name": "raw", "name": "orders"}}
    assert declarations({"nodes": nodes, "sources": sources, "macros": read_macros()}) == {
        "test.a": Declared("volume", gate=True, arguments={"min_rows": 3}, spec=spec),
        "test.b": Declared("one", scope="x = 1", description="why", spec=OTHER_TESTS),
        "source.c": Declared("raw.orders", spec=OTHER_TESTS),
    }


VALUES = st.none() | st.floats().map(str) | st.text()
NUMBERS = st.none() | st.floats()


@given(
    gate=st.sampled_from([*SPECS, "source_freshness", "unknown"]),
    reason=st.sampled_from(
        sorted({"ok", "unknown", *(each for spec in SPECS.values() for each in spec.reasons)})
    ),
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
    text = said(row, Declared(arguments=arguments, reference_days=reference_days))
    assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert text == text.strip()
