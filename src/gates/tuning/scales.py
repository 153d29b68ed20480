"""The bounds of a gate that can be fitted, and the scale on which effects on the bounded number are additive: read from its spec."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gates.days.gate import Gate
from gates.ledger.evidence import Row
from gates.spec.spec import FittedBound, by_argument

# The functions to the additive scale and back. On that scale an effect is a multiple of a log ratio. A relative difference d is a
# ratio of 1 + d. PSI and JS are averages over the categories of the squared log ratio between the shares of a category:
# (p - q) ln(p / q) is about p ln(p / q)^2. The inverse hyperbolic sine takes values of any sign: it is linear for a share, and a
# log for values far from zero (Burbidge, Magee and Robb 1988, JASA 83).
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
    """A bound of a gate that can be fitted, with the scale of the number that it bounds.

    Attributes
    ----------
    bound : FittedBound
        The bound as the spec declares it.
    by : str
        The argument with the bounds of each metric or each segment; empty where one bound holds for all.
    by_segment : bool
        Whether that argument holds bounds of segments.
    additive, back : callable
        The functions to the additive scale and back.
    """

    bound: FittedBound
    by: str
    by_segment: bool
    additive: Callable[[float], float]
    back: Callable[[float], float]

    @property
    def levels(self) -> tuple[str, ...]:
        """Return the arguments that hold the bound to warn and to fail, or the only one; empty where it is a number in a mapping."""
        return self.bound.levels

    @property
    def fails_apart(self) -> bool:
        """Say whether there is one bound to warn and another to fail."""
        return len(self.levels) > 1

    @property
    def compares_metric(self) -> bool:
        """Say whether the bounded number is the distance between a metric and its reference."""
        return bool(self.by) and not self.by_segment and self.bound.column == "statistic"

    def argument(self, bound: float) -> float:
        """Return a bound of the statistic with the sign that it has in the gate's arguments."""
        return self.bound.sign * bound + 0.0  # no -0.0

    def alarms(self, values: Iterable[float], bound: float) -> int:
        """Count the values that alarm."""
        return sum(value > bound or (self.bound.bound_alarms and value == bound) for value in values)


def is_tunable(gate: Gate) -> bool:
    """Say whether a gate has a bound that can be fitted."""
    return gate.spec.fitted is not None


def scales_of(gate: Gate, metric: str) -> Mapping[str, Scale]:
    """Return the bounds of a metric that can be fitted, by name; the name is empty where a bound has two levels or none."""
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
    """Return the number that each bound is compared with in a row of evidence, by the name of the bound; None where there is none."""
    return {
        name: None if (value := _bounded(row, scale.bound)) is None else scale.bound.sign * value
        for name, scale in scales_of(gate, row["metric"]).items()
    }


def expression(gate: Gate, metric: str) -> str:
    """Return the SQL of a metric, without the scope that the evidence adds."""
    return metric.removesuffix(f" where {gate.where}" if gate.where else "")


def shares_bounds(gate: Gate, metric: str) -> bool:
    """Say whether a metric has the bounds of its gate, not separate ones."""
    fitted = gate.spec.fitted
    has_names = fitted is not None and fitted.by is not None and all(bound.levels for bound in fitted.bounds)
    if not has_names or any(scale.by_segment for scale in scales_of(gate, metric).values()):
        return False
    return not _own(gate, metric)


def own_segment(gate: Gate, segment: str) -> str:
    """Return the segment where it has separate bounds, else ``all``."""
    return segment if segment in gate.segments else "all"


def rule_of(gate: Gate, metric: str, bound: str) -> float | None:
    """Return a bound that somebody has set as a rule on values or shares, with the sign of the statistic; else None."""
    scale = scales_of(gate, metric)[bound]
    rule = _rule(gate, metric, scale.bound) if scale.bound.is_rule else None
    return None if rule is None else scale.bound.sign * float(rule)


def least_bounds(gate: Gate, metric: str, segment: str, bound: str) -> tuple[float, float]:
    """Return the lowest bounds to warn and to fail that make sense: the gate would refuse lower ones, or alarm about small changes.

    The second is NaN where the gate has one bound.
    """
    scale = scales_of(gate, metric)[bound]
    least = by_argument(scale.bound.least, gate.values)
    if least == "default":
        usual = gate.spec.values({name: gate.arguments[name] for name in _choices(gate)})
        warn, *fail = (min(_present_bound(gate, segment, name), float(usual[name])) for name in scale.levels)
        return warn, fail[0] if fail else math.nan
    if least is None:
        return -math.inf, -math.inf if scale.fails_apart else math.nan
    return float(least), float(least) if scale.fails_apart else math.nan


def may_be_noise(gate: Gate, row: Row) -> bool:
    """Say whether a statistic may be within its noise: then it alarms at no bound of the gate."""
    fitted = gate.spec.fitted
    return fitted is not None and fitted.has_noise_bound and row["statistic"] <= row["upper_bound"]


def is_noise(gate: Gate, row: Row) -> bool:
    """Say whether a statistic is surely within its noise: the bound in the evidence is larger than the gate's."""
    if not may_be_noise(gate, row):
        return False
    (scale,) = scales_of(gate, row["metric"]).values()
    return bool(row["upper_bound"] > _present_bound(gate, row["segment"], scale.levels[0]))


def _bounded(row: Row, bound: FittedBound) -> float | None:
    """Return the number of a row that is compared with a bound; None where the row has no such number or the day has no rows."""
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
    """Return the present bound of a metric; None where it has none."""
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


def _present_bound(gate: Gate, segment: str, name: str) -> float:
    """Return the present bound of a segment."""
    own = gate.segments.get(segment, {})
    return float(own.get(name) or gate.values[name])
