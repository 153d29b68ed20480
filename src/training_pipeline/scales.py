"""What bounds the statistic of each kind of gate that has a threshold to choose, and on which scale its effects add up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from training_pipeline.replay import Gate, Row

MARKS = {"psi": (0.1, 0.25), "js": (0.018, 0.045)}  # the gate's own defaults: a smaller shift does not matter


@dataclass(frozen=True)
class Scale:
    """How the statistic of a kind of gate is bounded, and how it is made additive: a multiple of a log ratio.

    Attributes
    ----------
    by : str
        The argument with the bounds of each metric or each segment.
    levels : tuple of str
        The names of the bounds to warn and to fail; empty where there is only one, which has no name.
    additive, back : callable
        To the additive scale and from it.
    at_threshold : bool
        Whether a statistic of just the threshold alarms.
    """

    by: str
    levels: tuple[str, ...]
    additive: Callable[[float], float]
    back: Callable[[float], float]
    at_threshold: bool = False

    def alarms(self, values: Iterable[float], threshold: float) -> int:
        """Count the values that alarm."""
        return sum(value > threshold or (self.at_threshold and value == threshold) for value in values)


# A relative difference of d is a ratio of 1 + d. PSI and JS are the square of a log ratio, the one between the shares of a
# category, averaged over the categories: (p - q) ln(p / q) is about p ln(p / q)^2.
SCALES = {
    "interval_ratio": Scale("metrics", (), lambda value: math.log(max(value, 1)), math.exp, True),
    "metric_anomaly": Scale("metrics", ("warn_z", "fail_z"), float, float),
    "distribution_drift": Scale("segments", ("warn_score", "fail_score"), math.sqrt, lambda value: value**2),
}
RELATIVE = Scale("metrics", (), math.log1p, math.expm1, True)


def scale_of(gate: Gate) -> Scale:
    """Return what bounds the statistic of a gate, for the kinds of `SCALES`."""
    relative = gate.arguments.get("ratio_formula") == "relative_diff"
    return RELATIVE if relative else SCALES[gate.kind]


def expression(gate: Gate, metric: str) -> str:
    """Return a metric of the evidence as the gate's arguments have it."""
    return metric.removesuffix(f" where {gate.where}" if gate.where else "")


def shares_bounds(gate: Gate, metric: str) -> bool:
    """Say whether a metric has the bounds of its gate, and none of its own."""
    metrics = gate.arguments.get("metrics", {})
    own = metrics.get(expression(gate, metric)) if isinstance(metrics, Mapping) else None
    return gate.kind == "metric_anomaly" and not own


def own_segment(gate: Gate, segment: str) -> str:
    """Return a segment that has bounds of its own, or ``all``, which stands for all others."""
    return segment if segment in gate.segments else "all"


def least_bounds(gate: Gate, segment: str) -> tuple[float, float]:
    """Return the bounds to warn and to fail below which a gate alarms about what does not matter, or refuses its arguments.

    For a drift the usual marks, or the gate's own where those are lower.
    """
    if gate.kind == "interval_ratio":
        return (0.01 if scale_of(gate) is RELATIVE else 1.01), math.nan
    if gate.kind == "metric_anomaly":
        return 0.1, 0.1
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


def _marks(gate: Gate) -> tuple[float, float]:
    return MARKS[gate.arguments.get("method", "psi")]


def _scores(gate: Gate, segment: str) -> list[float]:
    """Return from which score a drift now warns and fails for a segment."""
    own = gate.segments.get(segment, {})
    named = zip(SCALES["distribution_drift"].levels, _marks(gate), strict=True)
    return [float(own.get(name) or gate.arguments.get(name) or mark) for name, mark in named]
