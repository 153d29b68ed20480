"""Rows of a ledger, made up."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from gates.ledger.declared import Declared
from gates.ledger.wording import sentence
from tests.gates.spec.package import read_spec_of_other_tests, read_specs

SPECS, OTHER_TESTS = read_specs(), read_spec_of_other_tests()
Sentence = tuple[dict[str, Any], Declared, str]  # a row, what its test declares, what is said

RUN_DATE = dt.date(2026, 11, 22)


def ledger_row(gate: str = "value_range", reason: str = "out_of_bounds", **columns: Any) -> dict[str, Any]:
    """Return a row as the ledger holds it."""
    passed = reason == "ok"
    return {
        "gate": gate,
        "metric": "count(*)",
        "segment": "all",
        "run_date": RUN_DATE,
        "current_value": None,
        "reference_value": None,
        "statistic": None,
        "lower_bound": None,
        "upper_bound": None,
        "sample_size": 100,
        "verdict": "pass" if passed else "fail",
        "reason": reason,
        "invocation_id": "1",
        "node_id": f"test.shop.{gate}_of_sales.0123456789",
        "relation": "shop.sales",
        "severity": "error",
        "status": "pass" if passed else "fail",
    } | columns


def said(row: dict[str, Any], declared: Declared) -> str:
    """Return the sentence of a row whose test has the spec of its gate."""
    return sentence(row, replace(declared, spec=SPECS.get(row["gate"], OTHER_TESTS)))
