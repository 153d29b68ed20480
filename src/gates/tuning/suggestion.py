"""What `suggest` answers for each bound of a gate: the bound, what it costs on healthy days, what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gates.tuning.replay import Gate
from gates.tuning.scales import Scale, expression

SEEN = 0.5  # a fault that is found on fewer days than this is not seen


class Key(NamedTuple):
    """Whose bound it is: a gate's, for a metric and a segment, and one of its bounds where it has several."""

    node_id: str
    metric: str
    segment: str
    bound: str = ""


@dataclass(frozen=True)
class Count:
    """How many of some days alarm."""

    alarms: int
    days: int

    @property
    def share(self) -> float:
        """Return the share that alarms, 0 to 1; best is 0.0."""
        return self.alarms / self.days if self.days else 0.0

    def __add__(self, other: Count) -> Count:
        """Return how many of both kinds of days alarm."""
        return Count(self.alarms + other.alarms, self.days + other.days)


@dataclass(frozen=True)
class Suggestion:
    """A bound for one metric of one gate, and one segment of it where the gate has bounds for each.

    Attributes
    ----------
    key : Key
        Its segment is one that has separate bounds, or ``all``.
    scale : Scale
        What kind of bound it is.
    alone : float
        The statistic from which this metric alone would alarm, three digits; best is the lowest.
    warn, fail : float
        What it takes: the largest of those metrics that have the bounds of the gate, or its own where it has some. ``fail`` is
        NaN where the gate knows only one.
    fitted, checked, marked : Count
        Days that alarm: the healthy ones that it was fitted on, the other healthy ones, the marked ones after the fitted on
        which there is a statistic.
    failed : Count
        Healthy days that it was not fitted on and that fail.
    rule : float or None
        What it now is, where that is a rule on values or shares that somebody has set.
    ruled : Count
        Healthy days that alarm with that.
    untold : int
        Healthy days on which there is no statistic, so that no bound keeps them from being an alarm.
    largest : float
        The largest statistic of a healthy day.
    detection : mapping
        Share of days, 0 to 1, on which each fault makes the statistic alarm. A day without a statistic alarms at any
        bound, and is not counted.
    alone_detection : mapping
        The same for the bound that it would have alone.
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
        """Return the bound as the gate's arguments have it: that of a lower bound with its own sign."""
        return self.scale.argument(self.warn)

    @property
    def replaced(self) -> float | None:
        """Return the rule that it would replace, as the gate's arguments have it; None where it keeps that."""
        if self.rule is None or self.rule == self.warn:
            return None
        return self.scale.argument(self.rule)

    @property
    def expression(self) -> str:
        """Return the metric as the gate's arguments have it."""
        return expression(self.gate, self.key.metric)

    @property
    def name(self) -> str:
        """Return the metric and, where it is one of several, the segment and the bound."""
        segment = "" if self.key.segment == "all" else f" of {self.key.segment}"
        return f"{self.expression}{segment}" + f", {self.key.bound}" * bool(self.key.bound)
