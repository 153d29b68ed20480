"""Fit bounds to a budget of false alarms on the first part of a table's past, and check them on the rest."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from gates.days.gate import Gate
from gates.days.replay import Replay
from gates.errors import GatesError
from gates.ledger.evidence import Row
from gates.tuning.backtest import Backtest, Progress, judged
from gates.tuning.past import past_days
from gates.tuning.scales import (
    Scale,
    is_noise,
    is_tunable,
    least_bounds,
    may_be_noise,
    own_segment,
    rule_of,
    scales_of,
    shares_bounds,
    statistics_of,
)
from gates.tuning.suggestion import Count, Key, Suggestion
from gates.tuning.tail import quantile_limit

FITTED_PART = 0.75
FAIL_PART = 0.1  # share of the budget on which a gate may stop the run

ByDay = dict[dt.date, float]


def judge_past(replay: Replay, last_day: dt.date, on_progress: Progress = lambda *_: None) -> Backtest:
    """Ask the gates about each past day, as if no gate had rejected any of them.

    Every day that neither the calendar nor a person has marked is taken as healthy. So the suggestions do not depend on the
    present bounds: bounds that reject every other day would leave no reference.

    Raises
    ------
    GatesError
        When nothing has been built yet.
    """
    never_blocking = [replace(gate, severity="warn") for gate in replay.gates]
    return judged(replay, never_blocking, past_days(replay, None, last_day), on_progress)


def fitted_days(past: Backtest, fit_until: dt.date | None = None) -> list[dt.date]:
    """Return the healthy days to fit on: the days until a date, or the first three quarters.

    Raises
    ------
    GatesError
        When no healthy day is before the date, or none after it.
    """
    if fit_until is None:
        return list(past.days[: int(FITTED_PART * len(past.days))])
    days = [day for day in past.days if day <= fit_until]
    if len(days) in (0, len(past.days)):
        raise GatesError(
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
    """Choose for each gate and metric the lowest bound that the fitted days prove to keep to the budget.

    Parameters
    ----------
    past : Backtest
        The evidence of the gates on healthy and on marked days.
    faults : mapping
        The evidence of the gates on healthy days with a fault, by the name of the fault.
    budget : float
        Share of healthy days, 0 to 1, on which one metric may alarm.
    fitted : collection of date
        The healthy days to fit on; the other healthy days check the bounds.

    Raises
    ------
    GatesError
        When the days are too few for the budget: it would allow less than one alarm.
    """
    if budget * len(fitted) < 1:
        raise GatesError(
            f"{len(fitted)} days to fit on cannot tell a budget of {100 * budget:g} % of false alarms:"
            f" give at least {math.ceil(100 / max(len(fitted), 1))} %, or build more history"
        )
    tunable = {gate.node_id: gate for gate in past.gates if is_tunable(gate)}
    raw = _statistics(past.rows, tunable, lambda *_: False)
    alone = {
        key: _bounds(tunable[key.node_id], key, by_day, set(fitted), budget)
        for key, by_day in raw.items()
        if budget * sum(map(math.isfinite, _of(by_day, fitted))) >= 1
    }
    statistics = _statistics(past.rows, tunable, is_noise)
    faulty = {fault: _statistics(rows, tunable, may_be_noise) for fault, rows in faults.items()}
    later = sorted(set(past.days) - set(fitted))
    marked = [day for day in past.marked if day > max(fitted)]
    found = []
    for key, own in sorted(alone.items()):
        gate, by_day = tunable[key.node_id], statistics[key]
        scale, rule = scales_of(gate, key.metric)[key.bound], rule_of(gate, key.metric, key.bound)
        warn, fail = _together(tunable, alone, key)
        healthy = _of(by_day, past.days)
        with_fault = {fault: list(by_key.get(key, {}).values()) for fault, by_key in faulty.items()}
        suggestion = Suggestion(
            gate,
            key,
            scale,
            alone=own[0],
            warn=warn,
            fail=fail,
            fitted=_count(scale, _of(by_day, fitted), warn),
            checked=_count(scale, _of(by_day, later), warn),
            marked=_count(scale, list(filter(math.isfinite, _of(by_day, marked))), warn),
            failed=_count(scale, _of(by_day, later), fail),
            untold=sum(map(math.isinf, healthy)),
            rule=rule,
            ruled=Count(0, 0) if rule is None else _count(scale, healthy, rule),
            largest=max(filter(math.isfinite, _of(raw[key], past.days))),
            detection=_detection(scale, with_fault, warn),
            alone_detection=_detection(scale, with_fault, own[0]),
        )
        found.append(suggestion)
    return found


def _together(
    gates: Mapping[str, Gate], alone: Mapping[Key, tuple[float, float]], key: Key
) -> tuple[float, float]:
    """Return the fitted bounds of a metric: its separate bounds, or the largest of the metrics that share the bounds of the gate."""
    gate = gates[key.node_id]
    if not shares_bounds(gate, key.metric):
        return alone[key]
    same = [
        bounds
        for other, bounds in alone.items()
        if (other.node_id, other.bound) == (key.node_id, key.bound) and shares_bounds(gate, other.metric)
    ]
    return max(warn for warn, _ in same), max(fail for _, fail in same)


def _of(by_day: ByDay, days: Iterable[dt.date]) -> list[float]:
    return [by_day[day] for day in sorted(days) if day in by_day]


def _count(scale: Scale, values: Collection[float], bound: float) -> Count:
    return Count(scale.alarms(values, bound), len(values))


def _detection(scale: Scale, with_fault: Mapping[str, Sequence[float]], bound: float) -> dict[str, float]:
    return {
        fault: Count(scale.alarms(filter(math.isfinite, values), bound), len(values)).share
        for fault, values in with_fault.items()
    }


def _bounds(
    gate: Gate, key: Key, by_day: ByDay, fitted: Collection[dt.date], budget: float
) -> tuple[float, float]:
    """Return the statistics from which a metric warns and fails; where the gate has one bound, the second is NaN.

    A single bound of a gate that stops the run is fitted like a bound to fail. A rule on values or shares (at most 1 % are NULL)
    that keeps to the budget stays as it is, or is narrowed where the value is zero on no day.
    """
    scale = scales_of(gate, key.metric)[key.bound]
    days = [day for day in sorted(fitted) if math.isfinite(by_day.get(day, math.inf))]
    values, numbers = [by_day[day] for day in days], [day.toordinal() for day in days]
    least, rule = least_bounds(gate, key.metric, key.segment, key.bound), rule_of(gate, key.metric, key.bound)
    warn, fail = (
        _round_up(scale.back(quantile_limit([*map(scale.additive, values)], numbers, part * budget)))
        for part in (1, FAIL_PART)
    )
    if not scale.fails_apart:
        only = max(fail if gate.severity == "error" else warn, least[0])
        if rule is not None and scale.alarms(values, rule) <= budget * len(values):
            only = rule if 0 in values else min(only, rule)
        return only, math.nan
    return max(warn, least[0]), max(fail, least[1], warn, least[0])


def _statistics(
    rows: Iterable[Row], gates: Mapping[str, Gate], passes_anyway: Callable[[Gate, Row], bool]
) -> dict[Key, ByDay]:
    """Return the largest statistic on each day, for each gate, metric, segment with separate bounds, and bound.

    It is infinite where the day has no statistic and the gate alarms.
    """
    found: dict[Key, ByDay] = defaultdict(dict)
    for row in rows:
        gate, day = gates.get(row["node_id"]), row["run_date"]
        if gate is None or row["reason"] == "insufficient_history":
            continue
        for bound, value in statistics_of(gate, row).items():
            passes = row["verdict"] == "pass" if value is None else passes_anyway(gate, row)
            statistic = 0.0 if passes else math.inf if value is None else value
            key = Key(gate.node_id, row["metric"], own_segment(gate, row["segment"]), bound)
            found[key][day] = max(statistic, found[key].get(day, -math.inf))
    return found


def _round_up(value: float) -> float:
    """Return the next larger number with three significant digits, so that the value itself does not alarm."""
    if value == 0.0:
        return value
    scale = 10.0 ** (2 - math.floor(math.log10(abs(value))))
    return (math.floor(value * scale) + 1) / scale
