"""Thresholds for a budget of false alarms, fitted on the first part of a table's past and checked on the rest."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import yaml
from scipy.stats import binom

from training_pipeline.backtest import Backtest, share
from training_pipeline.errors import PipelineError
from training_pipeline.replay import Gate, Row

FITTED_PART = 0.75
CONFIDENCE = 0.95
NEUTRAL = {"max_over_min": 1.01, "relative_diff": 0.01}
EFFECT = {"psi": 0.1, "js": 0.018}  # the gate's own defaults: a smaller shift does not matter
SEEN = 0.5  # a fault that is found on fewer days than this is not seen
# The argument that bounds the statistic, for each kind of gate that has one to choose.
THRESHOLDS = {"interval_ratio": "metrics", "metric_anomaly": "warn_z", "distribution_drift": "warn_score"}


@dataclass(frozen=True)
class Suggestion:
    """A threshold for one metric of one gate.

    Attributes
    ----------
    threshold : float
        The statistic from which it alarms, rounded up to three digits; best is the lowest.
    fitted, checked : tuple of int
        Healthy days that alarm, and days, in the part that it was fitted on and in the rest.
    detection : mapping
        Share of days, 0 to 1, on which each fault alarms.
    """

    gate: Gate
    metric: str
    threshold: float
    fitted: tuple[int, int]
    checked: tuple[int, int]
    detection: Mapping[str, float] = field(default_factory=dict)

    @property
    def seen(self) -> list[str]:
        """Return the faults that it sees on at least half of the days."""
        return [fault for fault, part in self.detection.items() if part >= SEEN]


def suggestions(
    gates: Sequence[Gate],
    past: Backtest,
    faults: Mapping[str, Sequence[Row]],
    budget: float,
) -> list[Suggestion]:
    """Choose for each gate and metric the lowest threshold that the days it is fitted on prove to keep to the budget.

    Parameters
    ----------
    past : Backtest
        What the gates say of healthy days.
    faults : mapping
        What they say of the same days with a fault, by its name.
    budget : float
        Share of healthy days, 0 to 1, on which one metric may alarm.

    Raises
    ------
    PipelineError
        When there are too few days for such a budget to mean anything.
    """
    days = past.days[: int(FITTED_PART * len(past.days))]
    if budget * len(days) < 1:
        raise PipelineError(
            f"{len(days)} days to fit on cannot tell a budget of {100 * budget:g} % of false alarms:"
            f" give at least {math.ceil(100 / max(len(days), 1))} %, or build more history"
        )
    tunable = {gate.node_id: gate for gate in gates if gate.kind in THRESHOLDS}
    healthy = _statistics(past.rows, tunable)
    faulty = {fault: _statistics(rows, tunable) for fault, rows in faults.items()}
    found = []
    for (node_id, metric), by_day in sorted(healthy.items()):
        fitted = sorted((by_day[day] for day in days if day in by_day), reverse=True)
        checked = [by_day[day] for day in past.days[len(days) :] if day in by_day]
        if not fitted or not checked:
            continue
        threshold = max(_round_up(fitted[_allowed(len(fitted), budget)]), _least(tunable[node_id]))
        detection = {
            fault: _exceeding(list(by_key.get((node_id, metric), {}).values()), threshold)
            for fault, by_key in faulty.items()
        }
        counts = [(sum(value > threshold for value in part), len(part)) for part in (fitted, checked)]
        found.append(Suggestion(tunable[node_id], metric, threshold, counts[0], counts[1], detection))
    return found


def to_yaml(found: Sequence[Suggestion]) -> str:
    """Return the gates with the suggested thresholds, each with what it costs and finds, and what nothing sees."""
    by_gate: dict[str, list[Suggestion]] = defaultdict(list)
    for suggestion in found:
        by_gate[suggestion.gate.node_id].append(suggestion)
    blocks = [_block(of_gate) for of_gate in by_gate.values()]
    faults = {fault for suggestion in found for fault in suggestion.detection}
    best = {fault: max(found, key=lambda suggestion: suggestion.detection[fault]) for fault in faults}
    unseen = [
        f"# No threshold sees {fault!r} within the budget: on data this noisy {suggestion.gate.name} finds it best, on"
        f" {100 * suggestion.detection[fault]:.0f} % of the days.\n"
        "# What would: a control total from the source, a longer window, a gate per segment."
        for fault, suggestion in sorted(best.items())
        if suggestion.detection[fault] < SEEN
    ]
    return "\n".join(["data_tests:", *blocks, *unseen])


def _block(of_gate: Sequence[Suggestion]) -> str:
    gate = of_gate[0].gate
    arguments = dict(gate.arguments)
    name = THRESHOLDS[gate.kind]
    if gate.kind == "interval_ratio":
        arguments[name] = dict(arguments[name]) | {_expression(each): each.threshold for each in of_gate}
    else:
        arguments[name] = max(each.threshold for each in of_gate)
        second = name.replace("warn", "fail")
        arguments[second] = max(float(arguments.get(second, 0)), round(1.5 * arguments[name], 3))
    config = {"severity": gate.severity} | ({"where": gate.where} if gate.where else {})
    test = {f"gates.{gate.kind}": {"name": gate.name, "arguments": arguments, "config": config}}
    text = yaml.safe_dump([test], sort_keys=False, width=110)
    comments = [line for each in of_gate for line in _comment(each)]
    return "\n".join(f"  {line}" for line in [*comments, *text.splitlines()])


def _comment(each: Suggestion) -> list[str]:
    alarms, days = each.fitted
    later_alarms, later_days = each.checked
    found = ", ".join(f"{fault} {100 * each.detection[fault]:.0f} %" for fault in each.seen)
    return [
        f"# {_expression(each)}: {each.threshold:g}; false alarms {share(range(alarms), range(days))} of {days} days fitted,"
        f" {share(range(later_alarms), range(later_days))} of {later_days} checked",
        f"#   finds {found}" if found else "#   noise: it sees no fault of the catalogue on half of the days",
    ]


def _expression(each: Suggestion) -> str:
    scope = f" where {each.gate.where}" if each.gate.where else ""
    return each.metric.removesuffix(scope)


def _statistics(
    rows: Sequence[Row], gates: Mapping[str, Gate]
) -> dict[tuple[str, str], dict[dt.date, float]]:
    """Return the largest statistic of each gate and metric on each day, infinite where it cannot be told at all."""
    found: dict[tuple[str, str], dict[dt.date, float]] = defaultdict(dict)
    for row in rows:
        if row["node_id"] not in gates or row["reason"] == "insufficient_history":
            continue
        value = row["statistic"]
        if (
            gates[row["node_id"]].kind == "distribution_drift"
            and value is not None
            and value <= row["upper_bound"]
        ):
            value = 0.0  # within its own noise: no threshold makes it an alarm
        if value is None:
            value = 0.0 if row["verdict"] == "pass" else math.inf
        key = row["node_id"], row["metric"]
        found[key][row["run_date"]] = max(value, found[key].get(row["run_date"], 0.0))
    return found


def _allowed(days: int, budget: float) -> int:
    """Return how many of the days may exceed a threshold that, with 95 % confidence, keeps to the budget on others.

    The order statistic that bounds a quantile (Wilks 1941, Annals of Mathematical Statistics 12); the largest of all
    where there are too few days for that confidence.

    Examples
    --------
    >>> _allowed(300, 0.01), _allowed(100, 0.01), _allowed(300, 0.05)
    (0, 0, 8)
    """
    return max(int(binom.ppf(1 - CONFIDENCE, days, budget)) - 1, 0)


def _least(gate: Gate) -> float:
    """Return the threshold below which a gate alarms about what does not matter, or refuses its arguments."""
    if gate.kind == "interval_ratio":
        return NEUTRAL[gate.arguments.get("ratio_formula", "max_over_min")]
    if gate.kind == "distribution_drift":
        return float(gate.arguments.get("warn_score") or EFFECT[gate.arguments.get("method", "psi")])
    return 0.1


def _exceeding(values: Sequence[float], threshold: float) -> float:
    return sum(value > threshold for value in values) / len(values) if values else 0.0


def _round_up(value: float) -> float:
    """Round up to three significant digits, strictly, so that the value itself does not alarm."""
    if value in (0.0, math.inf):
        return value
    scale = 10.0 ** (2 - math.floor(math.log10(value)))
    return (math.floor(value * scale) + 1) / scale
