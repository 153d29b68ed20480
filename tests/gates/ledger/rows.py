"""Rows of a ledger, made up."""

from __future__ import annotations

import datetime as dt
from typing import Any

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
