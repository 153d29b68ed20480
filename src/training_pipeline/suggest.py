"""Thresholds for a budget of false alarms, fitted on the first part of a table's past and checked on the rest."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from training_pipeline.backtest import Backtest, Progress, past_days
from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.replay import Gate, Row, compile_gates, replay
from training_pipeline.scales import (
    SCALES,
    Scale,
    expression,
    is_noise,
    least_bounds,
    may_be_noise,
    own_segment,
    scale_of,
    shares_bounds,
)
from training_pipeline.tail import quantile_limit

FITTED_PART = 0.75
FAIL_PART = 0.1  # share of the budget on which a gate may stop the run
SEEN = 0.5  # a fault that is found on fewer days than this is not seen

ByDay = dict[dt.date, float]
Key = tuple[str, str, str]  # node_id of a gate, metric, segment


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
    """A threshold for one metric of one gate, and one segment of it where the gate has thresholds for each.

    Attributes
    ----------
    segment : str
        A segment that has thresholds of its own, or ``all``.
    alone : float
        The statistic from which this metric alone would alarm, three digits; best is the lowest.
    threshold, fail : float
        What it takes: the largest of those metrics that have the bounds of the gate, or its own where it has some. ``fail`` is
        NaN where the gate knows only one.
    fitted, checked, marked : Count
        Days that alarm: the healthy ones that it was fitted on, the other healthy ones, the marked ones after the fitted.
    failed : Count
        Healthy days that it was not fitted on and that fail.
    untold : int
        Healthy days on which there is no statistic, so that no threshold keeps them from being an alarm.
    largest : float
        The largest statistic of a healthy day.
    detection : mapping
        Share of days, 0 to 1, on which each fault makes the statistic alarm. A day without a statistic alarms at any
        threshold, and is not counted.
    alone_detection : mapping
        The same for the threshold that it would have alone.
    """

    gate: Gate
    metric: str
    segment: str
    alone: float
    threshold: float
    fail: float
    fitted: Count
    checked: Count
    marked: Count
    failed: Count
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
        """Return the further faults that it would see with bounds of its own."""
        seen = [fault for fault, part in self.alone_detection.items() if part >= SEEN]
        return [fault for fault in seen if fault not in self.seen]

    @property
    def key(self) -> Key:
        """Return whose evidence it bounds."""
        return self.gate.node_id, self.metric, self.segment

    @property
    def expression(self) -> str:
        """Return the metric as the gate's arguments have it."""
        return expression(self.gate, self.metric)

    @property
    def name(self) -> str:
        """Return the metric and, where it is one of several, the segment."""
        return self.expression if self.segment == "all" else f"{self.expression} of {self.segment}"


def judge_past(settings: Settings, last_day: dt.date, on_progress: Progress = lambda *_: None) -> Backtest:
    """Ask the gates that have a threshold to fit about each past day, as if none of these had been rejected.

    Every day that nothing marks is taken as healthy. So the statistics, and with them what is suggested, do not depend
    on the thresholds of today: those that reject every other day would leave no reference.

    Raises
    ------
    PipelineError
        When nothing has been built yet.
    """
    healthy, marked = past_days(settings, None, last_day)
    judged = sorted([*healthy, *marked])
    gates = compile_gates(settings, judged[0], judged[-1])
    asked = [replace(gate, severity="warn") for gate in gates if gate.kind in SCALES]
    done = iter(range(1, len(asked) + 1))
    rows = replay(settings, asked, judged, on_progress=lambda: on_progress("gates", next(done), len(asked)))
    return Backtest(tuple(healthy), tuple(marked), tuple(rows), gates)


def fitted_days(past: Backtest, fit_until: dt.date | None = None) -> list[dt.date]:
    """Return the healthy days to fit on: those until a day, or the first three quarters.

    Raises
    ------
    PipelineError
        When no day is left on one of the two sides.
    """
    if fit_until is None:
        return list(past.days[: int(FITTED_PART * len(past.days))])
    days = [day for day in past.days if day <= fit_until]
    if len(days) in (0, len(past.days)):
        raise PipelineError(
            f"--fit-until must leave healthy days before and after it, of {past.days[0]} to {past.days[-1]};"
            f" received {fit_until}"
        )
    return days


def suggestions(
    past: Backtest,
    faults: Mapping[str, Sequence[Row]],
    budget: float,
    fitted: Collection[dt.date],
) -> list[Suggestion]:
    """Choose for each gate and metric the lowest threshold that the fitted days prove to keep to the budget.

    Parameters
    ----------
    past : Backtest
        What the gates say of healthy days, and of marked ones.
    faults : mapping
        What they say of healthy days with a fault, by its name.
    budget : float
        Share of healthy days, 0 to 1, on which one metric may alarm.
    fitted : collection of date
        The healthy days to fit on; on the other days of the past it is checked.

    Raises
    ------
    PipelineError
        When there are too few days for such a budget to mean anything.
    """
    if budget * len(fitted) < 1:
        raise PipelineError(
            f"{len(fitted)} days to fit on cannot tell a budget of {100 * budget:g} % of false alarms:"
            f" give at least {math.ceil(100 / max(len(fitted), 1))} %, or build more history"
        )
    tunable = {gate.node_id: gate for gate in past.gates if gate.kind in SCALES}
    raw = _statistics(past.rows, tunable, lambda *_: False)
    alone = {
        key: _bounds(tunable[key[0]], key[2], by_day, set(fitted), budget)
        for key, by_day in raw.items()
        if budget * sum(map(math.isfinite, _of(by_day, fitted))) >= 1
    }
    judged = _statistics(past.rows, tunable, is_noise)
    faulty = {fault: _statistics(rows, tunable, may_be_noise) for fault, rows in faults.items()}
    later = sorted(set(past.days) - set(fitted))
    marked = [day for day in past.marked if day > max(fitted)]
    found = []
    shared = [key for key in alone if shares_bounds(tunable[key[0]], key[1])]
    for key, own in sorted(alone.items()):
        node_id, metric, segment = key
        gate, scale, by_day = tunable[node_id], scale_of(tunable[node_id]), judged[key]
        together = [alone[other] for other in shared if other[0] == node_id] if key in shared else [own]
        threshold, fail = (max(bounds[index] for bounds in together) for index in (0, 1))
        healthy = _of(by_day, past.days)
        with_fault = {fault: list(by_key.get(key, {}).values()) for fault, by_key in faulty.items()}
        suggestion = Suggestion(
            gate,
            metric,
            segment,
            alone=own[0],
            threshold=threshold,
            fail=fail,
            fitted=_count(scale, _of(by_day, fitted), threshold),
            checked=_count(scale, _of(by_day, later), threshold),
            marked=_count(scale, _of(by_day, marked), threshold),
            failed=_count(scale, _of(by_day, later), fail),
            untold=sum(map(math.isinf, healthy)),
            largest=max(filter(math.isfinite, _of(raw[key], past.days))),
            detection=_detection(scale, with_fault, threshold),
            alone_detection=_detection(scale, with_fault, own[0]),
        )
        found.append(suggestion)
    return found


def _of(by_day: ByDay, days: Iterable[dt.date]) -> list[float]:
    return [by_day[day] for day in sorted(days) if day in by_day]


def _count(scale: Scale, values: Collection[float], threshold: float) -> Count:
    return Count(scale.alarms(values, threshold), len(values))


def _detection(scale: Scale, with_fault: Mapping[str, Sequence[float]], threshold: float) -> dict[str, float]:
    return {
        fault: Count(scale.alarms(filter(math.isfinite, values), threshold), len(values)).share
        for fault, values in with_fault.items()
    }


def _bounds(
    gate: Gate, segment: str, by_day: ByDay, fitted: Collection[dt.date], budget: float
) -> tuple[float, float]:
    """Return from which statistic a metric may warn and fail; where the gate has one bound, the second is NaN.

    A gate that has one bound and stops the run at it is fitted as others are to fail.
    """
    scale, least = scale_of(gate), least_bounds(gate, segment)
    days = [day for day in sorted(fitted) if math.isfinite(by_day.get(day, math.inf))]
    values, numbers = [scale.additive(by_day[day]) for day in days], [day.toordinal() for day in days]
    warn, fail = (
        _round_up(scale.back(quantile_limit(values, numbers, part * budget))) for part in (1, FAIL_PART)
    )
    if not scale.levels:
        return max(fail if gate.severity == "error" else warn, least[0]), math.nan
    return max(warn, least[0]), max(fail, least[1], warn, least[0])


def _statistics(
    rows: Iterable[Row], gates: Mapping[str, Gate], passes_anyway: Callable[[Gate, Row], bool]
) -> dict[Key, ByDay]:
    """Return the largest statistic of each gate, metric and segment with bounds of its own on each day.

    Infinite where it cannot be told at all.
    """
    found: dict[Key, ByDay] = defaultdict(dict)
    for row in rows:
        if row["node_id"] not in gates or row["reason"] == "insufficient_history":
            continue
        value = row["statistic"]
        if value is None:
            value = 0.0 if row["verdict"] == "pass" else math.inf
        elif passes_anyway(gates[row["node_id"]], row):
            value = 0.0
        key = row["node_id"], row["metric"], own_segment(gates[row["node_id"]], row["segment"])
        found[key][row["run_date"]] = max(value, found[key].get(row["run_date"], 0.0))
    return found


def _round_up(value: float) -> float:
    """Round up to three significant digits, strictly, so that the value itself does not alarm."""
    if value == 0.0:
        return value
    scale = 10.0 ** (2 - math.floor(math.log10(value)))
    return (math.floor(value * scale) + 1) / scale
