"""A suggestion for one bound of a gate: the bound, its false alarms on healthy days, the faults that it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gates.days.gate import Gate
from gates.tuning.scales import Scale, expression

SEEN = 0.5  # a fault that is found on fewer days than this is not seen


class Key(NamedTuple):
    """Which bound it is: the gate, the metric, the segment, and the name of the bound where the gate has several."""

    node_id: str
    metric: str
    segment: str
    bound: str = ""


@dataclass(frozen=True)
class Count:
    """The number of days, and of the days among them that alarm."""

    alarms: int
    days: int

    @property
    def share(self) -> float:
        """Return the share that alarms, 0 to 1; best is 0.0."""
        return self.alarms / self.days if self.days else 0.0

    def __add__(self, other: Count) -> Count:
        """Return the count over both sets of days."""
        return Count(self.alarms + other.alarms, self.days + other.days)


@dataclass(frozen=True)
class Suggestion:
    """A bound for one metric of one gate, and for one segment where the gate has separate bounds for segments.

    Attributes
    ----------
    key : Key
        Which bound it is. The segment is ``all`` unless it has separate bounds.
    scale : Scale
        The kind of bound.
    alone : float
        The bound that this metric would have alone, with three digits; best is the lowest.
    warn, fail : float
        The suggested bounds: the separate bounds of the metric, or the largest of the metrics that share the bounds of the gate.
        ``fail`` is NaN where the gate has one bound.
    fitted, checked, marked : Count
        Alarms on the healthy days that the bound was fitted on, on the other healthy days, and on the marked days after the
        fitted ones that have a statistic.
    failed : Count
        Failures on the healthy days that the bound was not fitted on.
    rule : float or None
        The present bound, where a person has set it as a rule on values or shares.
    ruled : Count
        Alarms on healthy days with the rule.
    untold : int
        Number of healthy days without a statistic, which alarm at any bound.
    largest : float
        The largest statistic of a healthy day.
    detection : mapping
        By fault, the share of days, 0 to 1, on which the statistic alarms. A day without a statistic alarms at any bound and is
        not counted.
    alone_detection : mapping
        The same share for the bound ``alone``.
    """

    gate: Gate
    key: Key
    scale: Scale
    alone: float
    warn: float
    fail: float
    fitted: Count
    checked: Count
    marked: Count
    failed: Count
    rule: float | None
    ruled: Count
    untold: int
    largest: float
    detection: Mapping[str, float]
    alone_detection: Mapping[str, float]

    @property
    def seen(self) -> list[str]:
        """Return the faults that it sees on at least half of the days."""
        return [fault for fault, part in self.detection.items() if part >= SEEN]

    @property
    def seen_alone(self) -> list[str]:
        """Return the further faults that it would see with separate bounds."""
        seen = [fault for fault, part in self.alone_detection.items() if part >= SEEN]
        return [fault for fault in seen if fault not in self.seen]

    @property
    def argument(self) -> float:
        """Return the bound with the sign that it has in the gate's arguments."""
        return self.scale.argument(self.warn)

    @property
    def replaced(self) -> float | None:
        """Return the rule that the suggestion replaces, with its sign in the gate's arguments; None where it replaces no rule."""
        if self.rule is None or self.rule == self.warn:
            return None
        return self.scale.argument(self.rule)

    @property
    def expression(self) -> str:
        """Return the SQL of the metric."""
        return expression(self.gate, self.key.metric)

    @property
    def name(self) -> str:
        """Return the metric and, where it is one of several, the segment and the bound."""
        segment = "" if self.key.segment == "all" else f" of {self.key.segment}"
        return f"{self.expression}{segment}" + f", {self.key.bound}" * bool(self.key.bound)
