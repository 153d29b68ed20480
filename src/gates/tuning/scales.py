"""What bounds each kind of gate that has a threshold to choose, and on which scale the effects on what it bounds add up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gates.ledger.evidence import Row
from gates.tuning.replay import Gate

MARKS = {"psi": (0.1, 0.25), "js": (0.018, 0.045)}  # the gate's own defaults: a smaller shift does not matter
UNSEEN, USUAL = "max_unseen_share", "min_usual_share"
SHARES = {UNSEEN: 0.01, USUAL: 0.005}  # the defaults of category_match


@dataclass(frozen=True)
class Scale:
    """How a bound of a kind of gate is given, and how what it bounds is made additive: a multiple of a log ratio.

    Attributes
    ----------
    by : str
        The argument with the bounds of each metric or each segment; empty where the gate has one for all.
    levels : tuple of str
        The names of the bounds to warn and to fail, or of the only one; empty where that has no name.
    additive, back : callable
        To the additive scale and from it.
    at_threshold : bool
        Whether a statistic of just the threshold alarms.
    sign : int
        -1 for a lower bound: the statistic is the negative of the value, so that the larger is always the worse.
    """

    by: str
    levels: tuple[str, ...]
    additive: Callable[[float], float]
    back: Callable[[float], float]
    at_threshold: bool = False
    sign: int = 1

    @property
    def fails_apart(self) -> bool:
        """Say whether there is one bound to warn and another to fail."""
        return len(self.levels) > 1

    def argument(self, threshold: float) -> float:
        """Return a threshold of the statistic as the gate's arguments have it."""
        return self.sign * threshold + 0.0  # no -0.0

    def alarms(self, values: Iterable[float], threshold: float) -> int:
        """Count the values that alarm."""
        return sum(value > threshold or (self.at_threshold and value == threshold) for value in values)


# A relative difference of d is a ratio of 1 + d. PSI and JS are the square of a log ratio, the one between the shares of a
# category, averaged over the categories: (p - q) ln(p / q) is about p ln(p / q)^2.
RATIO = Scale("metrics", (), lambda value: math.log(max(value, 1)), math.exp, True)
RELATIVE = Scale("metrics", (), math.log1p, math.expm1, True)
Z = Scale("metrics", ("warn_z", "fail_z"), float, float)
SCORE = Scale("segments", ("warn_score", "fail_score"), math.sqrt, lambda value: value**2)
# A value of any sign: the inverse hyperbolic sine is linear for a share, and a log for what is far from zero
# (Burbidge, Magee and Robb 1988, JASA 83).
VALUES = {
    "min_value": Scale("expression", ("min_value",), math.asinh, math.sinh, sign=-1),
    "max_value": Scale("expression", ("max_value",), math.asinh, math.sinh),
}
CATEGORIES = {
    UNSEEN: Scale("", (UNSEEN,), math.asinh, math.sinh),
    USUAL: Scale("", (USUAL,), math.asinh, math.sinh, at_threshold=True),
}
TUNABLE = ("interval_ratio", "metric_anomaly", "distribution_drift", "value_range", "category_match")


def scales_of(gate: Gate, metric: str) -> Mapping[str, Scale]:
    """Return what bounds a metric of a gate, by the name of the bound; without a name where the metric has only one."""
    if gate.kind == "interval_ratio":
        return {"": RELATIVE if gate.arguments.get("ratio_formula") == "relative_diff" else RATIO}
    if gate.kind == "value_range":
        own = _own_range(gate, metric)
        return {name: scale for name, scale in VALUES.items() if own.get(name) is not None}
    if gate.kind == "category_match":
        usual = gate.arguments.get("require_usual", True)
        return {name: scale for name, scale in CATEGORIES.items() if usual or name != USUAL}
    return {"": {"metric_anomaly": Z, "distribution_drift": SCORE}[gate.kind]} if gate.kind in TUNABLE else {}


def statistics_of(gate: Gate, row: Row) -> dict[str, float | None]:
    """Return what each bound of a row of evidence bounds, by the name of the bound; None where it cannot be told."""
    return {
        name: None if (value := _bounded(gate, row, name)) is None else scale.sign * value
        for name, scale in scales_of(gate, row["metric"]).items()
    }


def expression(gate: Gate, metric: str) -> str:
    """Return a metric of the evidence as the gate's arguments have it."""
    return metric.removesuffix(f" where {gate.where}" if gate.where else "")


def shares_bounds(gate: Gate, metric: str) -> bool:
    """Say whether a metric has the bounds of its gate, and none of its own."""
    if gate.kind == "value_range":
        return not isinstance(gate.arguments["expression"], Mapping)
    metrics = gate.arguments.get("metrics", {})
    own = metrics.get(expression(gate, metric)) if isinstance(metrics, Mapping) else None
    return gate.kind == "metric_anomaly" and not own


def own_segment(gate: Gate, segment: str) -> str:
    """Return a segment that has bounds of its own, or ``all``, which stands for all others."""
    return segment if segment in gate.segments else "all"


def rule_of(gate: Gate, metric: str, bound: str) -> float | None:
    """Return a bound that somebody has set as a rule on values or shares, with the sign of the statistic; else None."""
    if gate.kind == "value_range":
        return VALUES[bound].sign * float(_own_range(gate, metric)[bound])
    return float(gate.arguments.get(bound, SHARES[bound])) if gate.kind == "category_match" else None


def least_bounds(gate: Gate, segment: str) -> tuple[float, float]:
    """Return the bounds to warn and to fail below which a gate alarms about what does not matter, or refuses its arguments.

    For a drift the usual marks, or the gate's own where those are lower.
    """
    if gate.kind == "interval_ratio":
        return (0.01 if gate.arguments.get("ratio_formula") == "relative_diff" else 1.01), math.nan
    if gate.kind == "metric_anomaly":
        return 0.1, 0.1
    if gate.kind != "distribution_drift":
        return -math.inf, math.nan
    warn, fail = map(min, _scores(gate, segment), _marks(gate))
    return warn, fail


def may_be_noise(gate: Gate, row: Row) -> bool:
    """Say whether a drift may be within its own noise: then no threshold makes it an alarm."""
    return gate.kind == "distribution_drift" and row["statistic"] <= row["upper_bound"]


def is_noise(gate: Gate, row: Row) -> bool:
    """Say whether a drift is within its own noise for sure: the bound is the larger of the noise's and the gate's."""
    if not may_be_noise(gate, row):
        return False
    return bool(row["upper_bound"] > _scores(gate, row["segment"])[0])


def _bounded(gate: Gate, row: Row, bound: str) -> float | None:
    """Return the number of a row that is compared with a bound; None where it has none, or has no rows."""
    if gate.kind == "value_range":
        return float(row["current_value"]) if row["reason"] in ("ok", "out_of_bounds") else None
    if row["statistic"] is None or row["reason"] == "no_current":
        return None
    if bound == USUAL:
        return float(row["reference_value"]) if row["reason"] == "missing_category" else 0.0
    return float(row["statistic"])


def _own_range(gate: Gate, metric: str) -> Mapping[str, Any]:
    """Return min_value and max_value of a metric of value_range, those that it has."""
    own: Mapping[str, Any] = (
        gate.arguments
        if shares_bounds(gate, metric)
        else gate.arguments["expression"].get(expression(gate, metric), {})
    )
    return own


def _marks(gate: Gate) -> tuple[float, float]:
    return MARKS[gate.arguments.get("method", "psi")]


def _scores(gate: Gate, segment: str) -> list[float]:
    """Return from which score a drift now warns and fails for a segment."""
    own = gate.segments.get(segment, {})
    named = zip(SCORE.levels, _marks(gate), strict=True)
    return [float(own.get(name) or gate.arguments.get(name) or mark) for name, mark in named]
