"""What bounds the statistic of each kind of gate that has a threshold to choose, and on which scale its effects add up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from training_pipeline.replay import Gate, Row

MARKS = {"psi": (0.1, 0.25), "js": (0.018, 0.045)}  # the gate's own defaults: a smaller shift does not matter


@dataclass(frozen=True)
class Scale:
    """How the statistic of a kind of gate is bounded, and how it is made additive: a multiple of a log ratio.

    Attributes
    ----------
    warn, fail : str
        The arguments of the gate; no ``fail`` where it knows only one bound.
    additive, back : callable
        To the additive scale and from it.
    at_threshold : bool
        Whether a statistic of just the threshold alarms.
    """

    warn: str
    fail: str | None
    additive: Callable[[float], float]
    back: Callable[[float], float]
    at_threshold: bool = False

    def alarms(self, values: Iterable[float], threshold: float) -> int:
        """Count the values that alarm."""
        return sum(value > threshold or (self.at_threshold and value == threshold) for value in values)


# A relative difference of d is a ratio of 1 + d. PSI and JS are the square of a log ratio, the one between the shares of a
# category, averaged over the categories: (p - q) ln(p / q) is about p ln(p / q)^2.
SCALES = {
    "interval_ratio": Scale("metrics", None, lambda value: math.log(max(value, 1)), math.exp, True),
    "metric_anomaly": Scale("warn_z", "fail_z", float, float),
    "distribution_drift": Scale("warn_score", "fail_score", math.sqrt, lambda value: value**2),
}
RELATIVE = Scale("metrics", None, math.log1p, math.expm1, True)


def scale_of(gate: Gate) -> Scale:
    """Return what bounds the statistic of a gate, for the kinds of `SCALES`."""
    relative = gate.arguments.get("ratio_formula") == "relative_diff"
    return RELATIVE if relative else SCALES[gate.kind]


def least_bounds(gate: Gate) -> tuple[float, float]:
    """Return the bounds to warn and to fail below which a gate alarms about what does not matter, or refuses its arguments.

    For a drift the usual marks, or the gate's own where those are lower.
    """
    if gate.kind == "interval_ratio":
        return (0.01 if scale_of(gate) is RELATIVE else 1.01), math.nan
    if gate.kind == "metric_anomaly":
        return 0.1, 0.1
    warn, fail = MARKS[gate.arguments.get("method", "psi")]
    given = gate.arguments.get("warn_score") or warn, gate.arguments.get("fail_score") or fail
    return min(float(given[0]), warn), min(float(given[1]), fail)


def may_be_noise(gate: Gate, row: Row) -> bool:
    """Say whether a drift may be within its own noise: then no threshold makes it an alarm."""
    return gate.kind == "distribution_drift" and row["statistic"] <= row["upper_bound"]


def is_noise(gate: Gate, row: Row) -> bool:
    """Say whether a drift is within its own noise for sure: the bound is the larger of the noise's and the gate's."""
    if not may_be_noise(gate, row):
        return False
    warn = gate.arguments.get("warn_score") or MARKS[gate.arguments.get("method", "psi")][0]
    return bool(row["upper_bound"] > float(warn))
