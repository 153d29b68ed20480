"""Write the suggested bounds as YAML to paste, with comments: false alarms, found faults, and what would find the other faults."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from gates.days.gate import Gate
from gates.ledger.evidence import Row
from gates.tuning.backtest import Backtest
from gates.tuning.remedies import Evidence, nearest, remedies
from gates.tuning.scales import is_tunable, shares_bounds, statistics_of
from gates.tuning.suggestion import SEEN, Count, Suggestion


def to_yaml(
    found: Sequence[Suggestion],
    past: Backtest,
    faults: Mapping[str, Sequence[Row]],
    budget: float,
) -> str:
    """Return the gates with the suggested bounds as YAML; comments give false alarms, found faults and faults that no bound finds.

    Parameters
    ----------
    past : Backtest
        The past that the bounds were fitted on.
    """
    by_gate: dict[str, list[Suggestion]] = defaultdict(list)
    for suggestion in found:
        by_gate[suggestion.gate.node_id].append(suggestion)
    alarms = _alarms(past)
    kept = [_kept(gate, alarms[gate.node_id], budget) for gate in past.gates if gate.node_id not in by_gate]
    seen = {fault for suggestion in found for fault in suggestion.seen}
    days = set(past.days)
    healthy = Evidence.of((row for row in past.rows if row["run_date"] in days), past.gates)
    unseen = [
        line
        for fault, rows in sorted(faults.items())
        if fault not in seen
        for line in _unseen(fault, rows, past, healthy, found, budget)
    ]
    return "\n".join(["data_tests:", *map(_block, by_gate.values()), *kept, *unseen])


def _alarms(past: Backtest) -> dict[str, Count]:
    """Return on how many of the healthy days each gate, as it is now, does not pass."""
    days: dict[str, set[dt.date]] = {gate.node_id: set() for gate in past.gates}
    healthy = set(past.days)
    for row in past.rows:
        if row["verdict"] != "pass" and row["run_date"] in healthy:
            days[row["node_id"]].add(row["run_date"])
    return {node_id: Count(len(alarmed), len(past.days)) for node_id, alarmed in days.items()}


def _kept(gate: Gate, alarms: Count, budget: float) -> str:
    why = (
        "keeps its bounds, too few of its days could be judged to fit others"
        if is_tunable(gate)
        else "has no bound that is fitted here"
    )
    return f"# {gate.name} {why}; false alarms on {_days(alarms)}{_over(alarms, budget)}."


def _over(alarms: Count, budget: float) -> str:
    return ", which is more than the budget" if alarms.share > budget else ""


def _block(of_gate: Sequence[Suggestion]) -> str:
    gate, arguments = of_gate[0].gate, _arguments(of_gate)
    config = {"severity": gate.severity} | ({"where": gate.where} if gate.where else {})
    test = {f"gates.{gate.kind}": {"name": gate.name, "arguments": arguments, "config": config}}
    text = yaml.safe_dump([test], sort_keys=False, width=110)
    comments = [line for each in of_gate for line in _comment(each)]
    return "\n".join(f"  {line}" for line in [*comments, *text.splitlines()])


def _arguments(of_gate: Sequence[Suggestion]) -> dict[str, Any]:
    """Return the arguments of a gate with the fitted bounds, for the gate and for its metrics or segments."""
    gate, scale = of_gate[0].gate, of_gate[0].scale
    by = scale.by
    arguments, own = dict(gate.arguments), dict[str, Any]()
    for each in of_gate:
        levels = dict(zip(each.scale.levels, (each.argument, each.fail), strict=False))
        part = each.key.segment if scale.by_segment else each.expression
        if not by or part == "all" or shares_bounds(gate, each.key.metric):
            arguments |= levels
        elif levels:
            own[part] = own.get(part, {}) | levels
        else:
            own[part] = each.argument
    if not own:
        return arguments
    now = arguments[by]
    # the other bounds of a metric or segment stay as they are
    both = {part: now[part] | bounds for part, bounds in own.items() if isinstance(bounds, dict)}
    return arguments | {by: now | own | both}


def _comment(each: Suggestion) -> list[str]:
    by_itself = f"{each.scale.argument(each.alone):g}"
    alone = f" (alone {by_itself})" if each.alone < each.warn else ""
    now = "" if each.replaced is None else f" (now {each.replaced:g}: false alarms on {_days(each.ruled)})"
    fails = f", {100 * each.failed.share:.1f} % fail from {each.fail:g}" if each.scale.fails_apart else ""
    lines = [
        f"# {each.name}: {each.argument:g}{alone}{now}; false alarms on {_days(each.fitted)} fitted,"
        f" {_days(each.checked)} checked{fails}"
    ]
    if each.marked.days:
        lines.append(
            f"#   with the days that the calendar marks: {_days(each.checked + each.marked)} checked"
        )
    if each.untold:
        lines.append(f"#   on {each.untold} days it cannot be told, and alarms at any bound")
    if each.largest == 0 and not any(each.detection.values()):
        return [*lines, "#   0 on every healthy day, and with each fault of the catalogue"]
    if each.seen:
        lines.append(f"#   finds {_found(each.detection, each.seen)}")
    if each.seen_alone:
        also = _found(each.alone_detection, each.seen_alone)
        lines.append(f"#   with separate bounds, from {by_itself}, it would also find {also}")
    if each.seen or each.seen_alone:
        return lines
    best = max(each.detection, key=lambda fault: each.detection[fault], default=None)
    nothing = "#   noise: it sees no fault of the catalogue on half of the days"
    most = f"; most often {_found(each.detection, [best])}" if best and each.detection[best] else ""
    return [*lines, nothing + most]


def _unseen(
    fault: str,
    rows: Sequence[Row],
    past: Backtest,
    healthy: Evidence,
    found: Sequence[Suggestion],
    budget: float,
) -> list[str]:
    """Return which gate without a fitted bound sees a fault, or else the nearest metric and what would see the fault."""
    days = {row["run_date"] for row in rows}
    if not days:
        return [
            f"# {fault!r} changes no row of this table: fix it in the YAML of the faults, or leave it out."
        ]
    by_id, alarms = {gate.node_id: gate for gate in past.gates}, defaultdict[str, set[dt.date]](set)
    for row in rows:
        is_told = any(value is not None for value in statistics_of(by_id[row["node_id"]], row).values())
        if row["verdict"] != "pass" and not is_told:
            alarms[row["node_id"]].add(row["run_date"])
    by = max(alarms, key=lambda node_id: len(alarms[node_id]), default=None)
    if by and len(alarms[by]) >= SEEN * len(days):
        part, false = 100 * len(alarms[by]) / len(days), _alarms(past)[by]
        also = f", and alarms on {_days(false)} without it{_over(false, budget)}" if false.alarms else ""
        return [f"# {fault!r} needs no bound: {by_id[by].name} finds it on {part:.0f} % of the days{also}."]
    faulty = Evidence.of(rows, past.gates)
    lines = [f"# No bound sees {fault!r} within the budget of {100 * budget:g} %."]
    if best := nearest(faulty, healthy, found):
        lines.append(
            f"#   Nearest is {best.suggestion.expression} of {best.suggestion.gate.part(best.suggestion.key.segment)}: "
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
