"""What bounds each gate that has a bound to choose, and on which scale the effects on what it bounds add up: read from its spec."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gates.ledger.evidence import Row
from gates.spec.spec import FittedBound, by_argument
from gates.tuning.replay import Gate

# To the additive scale, on which an effect is a multiple of a log ratio, and from it. A relative difference of d is a ratio of
# 1 + d. PSI and JS are the square of a log ratio, the one between the shares of a category, averaged over the categories:
# (p - q) ln(p / q) is about p ln(p / q)^2. The inverse hyperbolic sine is for a value of any sign: it is linear for a share, and a
# log for what is far from zero (Burbidge, Magee and Robb 1988, JASA 83).
ADDITIVE: Mapping[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "log": (lambda value: math.log(max(value, 1)), math.exp),
    "log1p": (math.log1p, math.expm1),
    "linear": (float, float),
    "sqrt": (math.sqrt, lambda value: value**2),
    "asinh": (math.asinh, math.sinh),
}
UNUSABLE = ("no_current", "null_value", "insufficient_history")  # reasons of a row whose value is not judged


@dataclass(frozen=True)
class Scale:
    """How a bound of a gate is given, and how what it bounds is made additive.

    Attributes
    ----------
    bound : FittedBound
        What the spec says of it.
    by : str
        The argument with the bounds of each metric or each segment; empty where the gate has one for all.
    by_segment : bool
        Whether that argument holds bounds of segments.
    additive, back : callable
        To the additive scale and from it.
    """

    bound: FittedBound
    by: str
    by_segment: bool
    additive: Callable[[float], float]
    back: Callable[[float], float]

    @property
    def levels(self) -> tuple[str, ...]:
        """Return the names of the bounds to warn and to fail, or of the only one; empty where that has no name."""
        return self.bound.levels

    @property
    def fails_apart(self) -> bool:
        """Say whether there is one bound to warn and another to fail."""
        return len(self.levels) > 1

    @property
    def compares_metric(self) -> bool:
        """Say whether it bounds how far a metric is from its reference."""
        return bool(self.by) and not self.by_segment and self.bound.column == "statistic"

    def argument(self, bound: float) -> float:
        """Return a bound of the statistic as the gate's arguments have it."""
        return self.bound.sign * bound + 0.0  # no -0.0

    def alarms(self, values: Iterable[float], bound: float) -> int:
        """Count the values that alarm."""
        return sum(value > bound or (self.bound.bound_alarms and value == bound) for value in values)


def is_tunable(gate: Gate) -> bool:
    """Say whether a gate has a bound that can be fitted."""
    return gate.spec.fitted is not None


def scales_of(gate: Gate, metric: str) -> Mapping[str, Scale]:
    """Return what bounds a metric of a gate, by the name of the bound; without a name where the metric has only one."""
    fitted = gate.spec.fitted
    if fitted is None:
        return {}
    values = gate.values
    by_segment = fitted.by is not None and gate.spec.arguments[fitted.by].kind == "segments"
    found = {}
    for bound in fitted.bounds:
        is_used = bound.only_if is None or values[bound.only_if]
        if is_used and not (bound.is_rule and _rule(gate, metric, bound) is None):
            additive, back = ADDITIVE[by_argument(bound.scale, values)]
            name = bound.levels[0] if len(bound.levels) == 1 else ""
            found[name] = Scale(bound, fitted.by or "", by_segment, additive, back)
    return found


def statistics_of(gate: Gate, row: Row) -> dict[str, float | None]:
    """Return what each bound of a row of evidence bounds, by the name of the bound; None where it cannot be told."""
    return {
        name: None if (value := _bounded(row, scale.bound)) is None else scale.bound.sign * value
        for name, scale in scales_of(gate, row["metric"]).items()
    }


def expression(gate: Gate, metric: str) -> str:
    """Return a metric of the evidence as the gate's arguments have it."""
    return metric.removesuffix(f" where {gate.where}" if gate.where else "")


def shares_bounds(gate: Gate, metric: str) -> bool:
    """Say whether a metric has the bounds of its gate, not separate ones."""
    fitted = gate.spec.fitted
    has_names = fitted is not None and fitted.by is not None and all(bound.levels for bound in fitted.bounds)
    if not has_names or any(scale.by_segment for scale in scales_of(gate, metric).values()):
        return False
    return not _own(gate, metric)


def own_segment(gate: Gate, segment: str) -> str:
    """Return a segment that has separate bounds, or ``all``, which stands for all others."""
    return segment if segment in gate.segments else "all"


def rule_of(gate: Gate, metric: str, bound: str) -> float | None:
    """Return a bound that somebody has set as a rule on values or shares, with the sign of the statistic; else None."""
    scale = scales_of(gate, metric)[bound]
    rule = _rule(gate, metric, scale.bound) if scale.bound.is_rule else None
    return None if rule is None else scale.bound.sign * float(rule)


def least_bounds(gate: Gate, metric: str, segment: str, bound: str) -> tuple[float, float]:
    """Return the bounds to warn and to fail below which a gate alarms about what does not matter, or refuses its arguments.

    NaN for the second where there is only one.
    """
    scale = scales_of(gate, metric)[bound]
    least = by_argument(scale.bound.least, gate.values)
    if least == "default":
        usual = gate.spec.values({name: gate.arguments[name] for name in _choices(gate)})
        warn, *fail = (min(_level(gate, segment, name), float(usual[name])) for name in scale.levels)
        return warn, fail[0] if fail else math.nan
    if least is None:
        return -math.inf, -math.inf if scale.fails_apart else math.nan
    return float(least), float(least) if scale.fails_apart else math.nan


def may_be_noise(gate: Gate, row: Row) -> bool:
    """Say whether a statistic may be within its own noise: then no bound makes it an alarm."""
    fitted = gate.spec.fitted
    return fitted is not None and fitted.has_noise_bound and row["statistic"] <= row["upper_bound"]


def is_noise(gate: Gate, row: Row) -> bool:
    """Say whether a statistic is within its own noise for sure: the bound is the larger of the noise's and the gate's."""
    if not may_be_noise(gate, row):
        return False
    (scale,) = scales_of(gate, row["metric"]).values()
    return bool(row["upper_bound"] > _level(gate, row["segment"], scale.levels[0]))


def _bounded(row: Row, bound: FittedBound) -> float | None:
    """Return the number of a row that is compared with a bound; None where it has none, or has no rows."""
    if bound.column == "current_value":
        return (
            None if row["reason"] in UNUSABLE or row["current_value"] is None else float(row["current_value"])
        )
    if row["statistic"] is None or row["reason"] == "no_current":
        return None
    if bound.on_reason is not None and row["reason"] != bound.on_reason:
        return 0.0
    return float(row[bound.column])


def _rule(gate: Gate, metric: str, bound: FittedBound) -> Any:
    """Return a bound of a metric as it is set now; None where it has none."""
    (name,) = bound.levels
    by = gate.spec.fitted.by if gate.spec.fitted else None
    if by is not None and isinstance(gate.arguments[by], Mapping):
        return _own(gate, metric).get(name)
    return gate.values[name]


def _own(gate: Gate, metric: str) -> Mapping[str, Any]:
    """Return the bounds that belong to one metric alone, by name."""
    by = gate.spec.fitted.by if gate.spec.fitted else None
    bounds = gate.arguments.get(by, {}) if by else {}
    own: Mapping[str, Any] = (isinstance(bounds, Mapping) and bounds.get(expression(gate, metric))) or {}
    return own


def _choices(gate: Gate) -> list[str]:
    """Return the arguments of a test on which defaults may depend."""
    return [
        name for name, one in gate.spec.arguments.items() if one.kind == "choice" and name in gate.arguments
    ]


def _level(gate: Gate, segment: str, name: str) -> float:
    """Return a bound as it is set now for a segment."""
    own = gate.segments.get(segment, {})
    return float(own.get(name) or gate.values[name])
