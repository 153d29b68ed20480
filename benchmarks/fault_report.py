"""The tables of docs/faults.md."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

BLOCKED_BUDGET, WARNED_BUDGET = 2.0, 6.0  # percent of healthy days, all gates together
HEALTHY, ALL_LOST = "healthy", "all rows lost"
Table = list[list[str]]


@dataclass(frozen=True)
class Findings:
    """What each gate and check said of each fault on each day.

    Attributes
    ----------
    levels : DataFrame
        Columns fault, gate, day and level: 2 where a run would have stopped, 1 a warning, 0 neither.
    gates, checks : tuple of str
        The project's gates, and the checks that they are compared with.
    closed : tuple of date
        Days without rows, which are left out.
    schema : mapping
        What the schema gate said of each change of the source's columns.
    """

    levels: pd.DataFrame
    gates: tuple[str, ...]
    checks: tuple[str, ...]
    days: tuple[dt.date, ...]
    closed: tuple[dt.date, ...]
    schema: Mapping[str, str]

    def together(self) -> pd.DataFrame:
        """Return the worst level of the project's gates for each fault and day."""
        own = self.levels[self.levels["gate"].isin(self.gates)]
        return own.groupby(["fault", "day"])["level"].max().reset_index()

    def asked(self) -> list[str]:
        """Return the gates that were asked about faults, not about healthy days only."""
        of_faults = set(self.levels[self.levels["fault"] != HEALTHY]["gate"])
        return [gate for gate in self.gates if gate in of_faults]

    def seeing(self) -> list[str]:
        """Return the gates that see more than the loss of everything."""
        seen = self.levels[(self.levels["level"] > 0) & (self.levels["fault"] != ALL_LOST)]["gate"]
        return [gate for gate in self.gates if gate in set(seen)]


def report(findings: Findings) -> str:
    """Return the page as markdown."""
    blocked, warned = healthy_shares(findings)
    seeing = findings.seeing()
    blind = ", ".join(f"`{gate}`" for gate in findings.asked() if gate not in seeing)
    unmoved = f" No other fault than {ALL_LOST} is seen by {blind}." if blind else ""
    sections = [
        "# Faults: what the gates find",
        "Written by `python -m benchmarks faults`; do not edit.",
        f"Each fault of [faults.yml](../dbt_project/faults.yml) is injected into each of the {len(findings.days)} days of the sample "
        f"that have 56 days of history ({min(findings.days)} to {max(findings.days)}), one day at a time: the day is judged against "
        "the healthy days before it, where the fault changes a row of it. The gates are those of the demo project, with the "
        "arguments, scopes and severities of its YAML, compiled by dbt; the interactions are broken and profiled anew. The "
        "calendar is empty here, so no holiday is "
        f"excused. {', '.join(map(str, findings.closed)) or 'No day'} has no rows (closed) and is left out; `interaction_has_rows` "
        "would stop it. Gates on the source look at something before the faults, and are asked about healthy days only.",
        "## All gates together, and the textbook checks",
        "Share of the days, in percent. *Stopped*: a gate of severity error failed; *seen*: at least a warning. The textbook "
        "checks are COUNT 1.5, MAX 1.3, MIN 1.4 and SUM 1.3 as the largest ratio to 5, or 7, days back, and COUNT within 20 % "
        "of the median of 28 days. A check that fails on most healthy days has not found a fault when it fails on a faulty one.",
        _markdown(_summary(findings)),
        "## False alarms",
        f"Of the healthy days {blocked:.1f} % are blocked (budget {BLOCKED_BUDGET:g} %) and {warned:.1f} % warned (budget "
        f"{WARNED_BUDGET:g} %), all gates together. Holidays are among them: the gates are right that such a day is unlike others.",
        _markdown(_false_alarms(findings)),
        "## By gate",
        "Share of the days that failed, and where a gate also warns, those that warned: `failed + warned`. Empty: none. Names "
        f"without `interaction_`. All of these fail when {ALL_LOST}.{unmoved}",
        _markdown(_by_gate(findings, seeing)),
        "## Changes of the source's columns",
        "Judged by `raw_interaction_schema`, on any day alike.",
        _markdown([["change", "verdict"], *([name, verdict] for name, verdict in findings.schema.items())]),
        "## What no gate can find",
        "A fifth of the rows lost is within what a day's volume varies by itself: only a control total from the source can see "
        "it. A fault that begins slowly, or on the first day of the data, becomes its own reference. A wrong value that is as "
        "likely as a right one (a customer's rows given to another, new numbers for all customers) changes no metric of the day.",
    ]
    return "\n\n".join(sections) + "\n"


def healthy_shares(findings: Findings) -> tuple[float, float]:
    """Return the percent of healthy days on which a gate blocks, and on which the worst is a warning."""
    levels = findings.together().query("fault == @HEALTHY")["level"]
    return 100 * float((levels == 2).mean()), 100 * float((levels == 1).mean())


def _summary(findings: Findings) -> Table:
    together = findings.together()
    stopped, seen = _shares(together, ["fault"], 2), _shares(together, ["fault"], 1)
    by_gate = findings.levels, ["fault", "gate"]
    gate_stopped, gate_seen = _shares(*by_gate, 2), _shares(*by_gate, 1)
    table = [["fault", "stopped", "seen", "seen most by", *findings.checks]]
    for fault in findings.levels["fault"].unique():
        best = max(
            findings.gates,
            key=lambda gate: (gate_seen.get((fault, gate), 0.0), gate_stopped.get((fault, gate), 0.0)),
        )
        checks = (f"{gate_stopped[fault, check]:g}" for check in findings.checks)
        by = "" if fault == HEALTHY else f"`{best}`"
        table.append([fault, f"{stopped[fault]:g}", f"{seen[fault]:g}", by, *checks])
    return table


def _false_alarms(findings: Findings) -> Table:
    own = findings.levels[findings.levels["gate"].isin(findings.gates)]
    loud = own[(own["fault"] == HEALTHY) & (own["level"] > 0)]
    rows = [
        [str(day), "fail" if group["level"].max() == 2 else "warn", ", ".join(sorted(group["gate"]))]
        for day, group in loud.groupby("day")
    ]
    return [["day", "verdict", "gates"], *rows]


def _by_gate(findings: Findings, gates: Sequence[str]) -> Table:
    by_gate = findings.levels, ["fault", "gate"]
    failed, seen = _shares(*by_gate, 2), _shares(*by_gate, 1)
    table = [["fault", *(f"`{gate.removeprefix('interaction_')}`" for gate in gates)]]
    for fault in findings.levels["fault"].unique():
        if fault != ALL_LOST:
            table.append([fault, *(_cell(failed, seen, (fault, gate)) for gate in gates)])
    return table


def _cell(failed: Mapping[Any, float], seen: Mapping[Any, float], key: tuple[str, str]) -> str:
    fails, warns = failed.get(key, 0.0), round(seen.get(key, 0.0) - failed.get(key, 0.0), 1)
    if fails == 0 and warns <= 0:
        return ""
    return f"{fails:g} + {warns:g}" if warns > 0 else f"{fails:g}"


def _shares(levels: pd.DataFrame, keys: list[str], least: int) -> dict[Any, float]:
    """Return the percent of days with at least that level, by the keys."""
    reached = (levels["level"] >= least).groupby([levels[key] for key in keys]).mean()
    return {key: round(100 * float(share), 1) for key, share in reached.items()}


def _markdown(table: Table) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([lines[0], "|" + "---|" * len(table[0]), *lines[1:]])
