"""Made-up gates and evidence: the evidence of a gate on a day is its statistic."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gates.days.gate import Gate
from gates.ledger.evidence import Row
from gates.tuning.backtest import Backtest
from gates.tuning.suggest import fitted_days, suggestions
from gates.tuning.suggestion import Suggestion
from tests.gates.spec.package import read_specs

SPECS = read_specs()
FIRST = dt.date(2017, 1, 1)
ARGUMENTS: dict[str, dict[str, Any]] = {
    "interval_ratio": {"metrics": {"sum(rows)": 3.0}},
    "metric_anomaly": {"metrics": ["sum(rows)", "sum(amount)"], "warn_z": 4, "fail_z": 6},
    "distribution_drift": {"column_name": "value", "method": "psi"},
    "value_range": {"expression": {"sum(rows)": {"max_value": 5}}},
    "category_match": {"column_name": "value"},
    "not_stale": {},
}


def gate(kind: str, **arguments: Any) -> Gate:
    return Gate(
        node_id=f"test.shop.{kind}",
        name=f"volume_{kind}",
        spec=SPECS[kind],
        arguments={"date_column": "day"} | ARGUMENTS[kind] | arguments,
        relation="shop.daily",
        date_column="day",
        severity="warn" if kind == "interval_ratio" else "error",
        where="slice = 'all'",
    )


def day(number: int) -> dt.date:
    return FIRST + dt.timedelta(number)


def evidence(of: Gate, number: int, statistic: float | None, metric: str = "sum(rows)", **values: Any) -> Row:
    return {
        "node_id": of.node_id,
        "gate": of.kind,
        "metric": f"{metric} where slice = 'all'",
        "segment": "all",
        "run_date": day(number),
        "current_value": "10",
        "reference_value": "20",
        "statistic": statistic,
        "lower_bound": None,
        "upper_bound": 3.0,
        "verdict": "pass",
        "reason": "ok",
        "severity": "error",
        "blocks": False,
    } | values


def history(gates: Sequence[Gate], rows: Sequence[Row], marked: Sequence[int] = ()) -> Backtest:
    """Return what these gates have said in the past; the days of these numbers are marked, the others healthy."""
    known = {day(number) for number in marked}
    days = sorted({row["run_date"] for row in rows})
    return Backtest(
        tuple(each for each in days if each not in known), tuple(sorted(known)), tuple(rows), tuple(gates)
    )


def rows_of(of: Gate, statistics: Sequence[float | None], metric: str = "sum(rows)") -> list[Row]:
    return [evidence(of, number, statistic, metric) for number, statistic in enumerate(statistics)]


def fit(
    of: Gate,
    rows: Sequence[Row],
    faults: Mapping[str, Sequence[Row]] | None = None,
    *,
    budget: float = 0.01,
    fitted: int | None = None,
    marked: Sequence[int] = (),
) -> list[Suggestion]:
    past = history([of], rows, marked)
    days = fitted_days(past) if fitted is None else list(past.days[:fitted])
    return suggestions(past, faults or {}, budget, days)


def scattered(days: int, seed: int = 1) -> list[float]:
    """Ratios from 1.0 to 1.1 in any order."""
    return [1 + float(value) / 10 for value in np.random.default_rng(seed).random(days)]
