"""The suggested thresholds as YAML to paste, with what each costs and finds, and what would see the faults that none sees."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from training_pipeline.backtest import Backtest
from training_pipeline.remedies import Evidence, nearest, remedies
from training_pipeline.replay import Gate, Row
from training_pipeline.scales import SCALES, scale_of, shares_bounds
from training_pipeline.suggest import SEEN, Count, Suggestion


def to_yaml(
    found: Sequence[Suggestion],
    past: Backtest,
    faults: Mapping[str, Sequence[Row]],
    budget: float,
) -> str:
    """Return the gates with the suggested thresholds, each with what it costs and finds, and what nothing sees.

    Parameters
    ----------
    past : Backtest
        The past that they were fitted on, with all gates that were asked about the faults.
    """
    by_gate: dict[str, list[Suggestion]] = defaultdict(list)
    for suggestion in found:
        by_gate[suggestion.gate.node_id].append(suggestion)
    kept = [
        f"# {gate.name} keeps its thresholds: too few of its days could be judged to fit others."
        for gate in past.gates
        if gate.kind in SCALES and gate.node_id not in by_gate
    ]
    seen = {fault for suggestion in found for fault in suggestion.seen}
    healthy = Evidence.of(row for row in past.rows if row["run_date"] in set(past.days))
    unseen = [
        line
        for fault, rows in sorted(faults.items())
        if fault not in seen
        for line in _unseen(fault, rows, past.gates, healthy, found, budget)
    ]
    return "\n".join(["data_tests:", *map(_block, by_gate.values()), *kept, *unseen])


def _block(of_gate: Sequence[Suggestion]) -> str:
    gate, arguments = of_gate[0].gate, _arguments(of_gate)
    config = {"severity": gate.severity} | ({"where": gate.where} if gate.where else {})
    test = {f"gates.{gate.kind}": {"name": gate.name, "arguments": arguments, "config": config}}
    text = yaml.safe_dump([test], sort_keys=False, width=110)
    comments = [line for each in of_gate for line in _comment(each)]
    return "\n".join(f"  {line}" for line in [*comments, *text.splitlines()])


def _arguments(of_gate: Sequence[Suggestion]) -> dict[str, Any]:
    """Return the arguments of a gate, with the bounds that were fitted: its own, and those of its metrics or segments."""
    gate, scale = of_gate[0].gate, scale_of(of_gate[0].gate)
    arguments, own = dict(gate.arguments), dict[str, Any]()
    for each in of_gate:
        levels = dict(zip(scale.levels, (each.threshold, each.fail), strict=False))
        if scale.by == "segments" and each.segment != "all":
            own[each.segment] = levels
        elif scale.by == "segments" or shares_bounds(gate, each.metric):
            arguments |= levels
        else:
            own[each.expression] = levels or each.threshold
    return arguments | ({scale.by: dict(arguments[scale.by]) | own} if own else {})


def _comment(each: Suggestion) -> list[str]:
    alone = f" (alone {each.alone:g})" if each.alone < each.threshold else ""
    fails = f", {100 * each.failed.share:.1f} % fail from {each.fail:g}" if scale_of(each.gate).levels else ""
    lines = [
        f"# {each.name}: {each.threshold:g}{alone}; false alarms on {_days(each.fitted)} fitted,"
        f" {_days(each.checked)} checked{fails}"
    ]
    if each.marked.days:
        lines.append(
            f"#   with the days that the calendar marks: {_days(each.checked + each.marked)} checked"
        )
    if each.untold:
        lines.append(f"#   on {each.untold} days it cannot be told, and alarms at any threshold")
    if each.largest == 0:
        return [*lines, "#   says nothing: 0 on every healthy day"]
    if each.seen:
        lines.append(f"#   finds {_found(each.detection, each.seen)}")
    if each.seen_alone:
        also = _found(each.alone_detection, each.seen_alone)
        lines.append(f"#   with bounds of its own, from {each.alone:g}, it would also find {also}")
    if each.seen or each.seen_alone:
        return lines
    best = max(each.detection, key=lambda fault: each.detection[fault], default=None)
    nothing = "#   noise: it sees no fault of the catalogue on half of the days"
    return [*lines, f"{nothing}; most often {_found(each.detection, [best])}" if best else nothing]


def _unseen(
    fault: str,
    rows: Sequence[Row],
    gates: Sequence[Gate],
    healthy: Evidence,
    found: Sequence[Suggestion],
    budget: float,
) -> list[str]:
    """Return who sees a fault that no threshold sees, or else what comes nearest and what would see it."""
    days = {row["run_date"] for row in rows}
    if not days:
        return [
            f"# {fault!r} changes no row of this table: mend it in the YAML of the faults, or leave it out."
        ]
    by_id, alarms = {gate.node_id: gate for gate in gates}, defaultdict[str, set[dt.date]](set)
    for row in rows:
        gate = by_id[row["node_id"]]
        if row["verdict"] != "pass" and (gate.kind not in SCALES or row["statistic"] is None):
            alarms[gate.name].add(row["run_date"])
    by = max(alarms, key=lambda name: len(alarms[name]), default=None)
    if by and len(alarms[by]) >= SEEN * len(days):
        return [
            f"# {fault!r} needs no threshold: {by} finds it on {100 * len(alarms[by]) / len(days):.0f} % of the days."
        ]
    faulty = Evidence.of(rows)
    lines = [f"# No threshold sees {fault!r} within the budget of {100 * budget:g} %."]
    if best := nearest(faulty, healthy, found):
        lines.append(
            f"#   Nearest is {best.suggestion.expression} of {best.suggestion.gate.part(best.suggestion.segment)}: "
            f"{100 * best.suggestion.detection.get(fault, 0):.0f} % of the days. To see it on half of them, it would alarm on"
            f" {100 * best.false_alarms:.1f} % of the healthy days."
        )
    ways = [f"#   What would: {way}." for way in remedies(faulty, healthy, found, budget)]
    nothing = ["#   It moves no total, no mean of a week and no share that these gates look at."]
    return lines + (ways or nothing)


def _found(detection: Mapping[str, float], faults: Sequence[str]) -> str:
    return ", ".join(f"{fault} {100 * detection[fault]:.0f} %" for fault in faults)


def _days(count: Count) -> str:
    return f"{100 * count.share:.1f} % of {count.days} days"
