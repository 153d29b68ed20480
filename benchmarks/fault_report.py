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
    """The verdicts of each gate and check for each fault and day.

    Attributes
    ----------
    levels : DataFrame
        Columns fault, gate, day and level: 2 if a run would have stopped, 1 for a warning, 0 for neither.
    gates : tuple of str
        The gates of the project.
    checks : tuple of str
        The checks that the gates are compared with.
    days : tuple of date
        The judged days.
    closed : tuple of date
        Days without rows, which are left out.
    schema : Mapping of str to str
        The verdict of the schema gate for each change of the source's columns.
    """

    levels: pd.DataFrame
    gates: tuple[str, ...]
    checks: tuple[str, ...]
    days: tuple[dt.date, ...]
    closed: tuple[dt.date, ...]
    schema: Mapping[str, str]

    def together(self) -> pd.DataFrame:
        """Return the worst level of the project's gates for each fault and day."""
        of_project = self.levels[self.levels["gate"].isin(self.gates)]
        return of_project.groupby(["fault", "day"])["level"].max().reset_index()

    def asked(self) -> list[str]:
        """Return the gates that judged faults and not only healthy days."""
        of_faults = set(self.levels[self.levels["fault"] != HEALTHY]["gate"])
        return [gate for gate in self.gates if gate in of_faults]

    def seeing(self) -> list[str]:
        """Return the gates that see another fault than the loss of all rows."""
        seen = self.levels[(self.levels["level"] > 0) & (self.levels["fault"] != ALL_LOST)]["gate"]
        return [gate for gate in self.gates if gate in set(seen)]


def report(findings: Findings) -> str:
    """Return the page as markdown."""
    blocked, warned = healthy_shares(findings)
    seeing = findings.seeing()
    blind = ", ".join(f"`{gate}`" for gate in findings.asked() if gate not in seeing)
    unmoved = f" Of the faults, {blind} see only {ALL_LOST!r}." if blind else ""
    sections = [
        "# Faults that the gates find",
        "Written by `python -m benchmarks faults`; do not edit.",
        "The benchmark injects each fault of [faults.yml](../dbt_project/faults.yml) into each of the "
        f"{len(findings.days)} days of the sample that have 56 days of history ({min(findings.days)} to {max(findings.days)}), "
        "one day at a time, changes the interactions and profiles them again. The gates compare the day with the healthy days "
        "before it. A fault counts only on the days on which it changes a row. The gates have the arguments, scopes and "
        "severities of the demo project, compiled by dbt. The calendar is empty here, so no holiday is excused. "
        f"{', '.join(map(str, findings.closed)) or 'No day'} has no rows (shops closed) and is left out; `interaction_has_rows` "
        "would stop it. Gates on the source judge the rows before a fault changes them, so they judge healthy days only.",
        "## All gates together, and the textbook checks",
        "Unit: percent of the days. *Stopped*: a gate of severity error failed; *seen*: a gate failed or warned. The textbook "
        "checks allow a ratio to 5 (or 7) days back of at most COUNT 1.5, MAX 1.3, MIN 1.4 and SUM 1.3, or a COUNT within 20 % "
        "of the median of 28 days. A check that fails on most healthy days has not found a fault when it fails on a faulty day.",
        _markdown(_summary(findings)),
        "## False alarms",
        f"All gates together block {blocked:.1f} % of the healthy days (budget {BLOCKED_BUDGET:g} %) and warn on {warned:.1f} % "
        f"(budget {WARNED_BUDGET:g} %). Some of these days are holidays: the gates are right that such a day is unlike other days.",
        _markdown(_false_alarms(findings)),
        "## By gate",
        "Unit: percent of the days on which the gate failed, or `failed + warned` if it also warned. An empty cell means none. The "
        f"names leave out the prefix `interaction_`. All of these gates fail if all rows are lost.{unmoved}",
        _markdown(_by_gate(findings, seeing)),
        "## Changes of the source's columns",
        "`raw_interaction_schema` judges these changes; the verdict does not depend on the day.",
        _markdown([["change", "verdict"], *([name, verdict] for name, verdict in findings.schema.items())]),
        "## Faults that no gate can find",
        "The volume of a day varies by about a fifth, so only a control total from the source reliably sees the loss of a fifth "
        "of the rows. A fault that begins slowly, or on the first day of the data, becomes its own reference. A wrong value that "
        "is as likely as a right one (the rows of a customer assigned to another, new numbers for all customers) changes no "
        "metric of the day.",
    ]
    return "\n\n".join(sections) + "\n"


def healthy_shares(findings: Findings) -> tuple[float, float]:
    """Return the percent of healthy days on which a gate blocks, and on which gates only warn."""
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
    of_project = findings.levels[findings.levels["gate"].isin(findings.gates)]
    alarms = of_project[(of_project["fault"] == HEALTHY) & (of_project["level"] > 0)]
    rows = [
        [str(day), "fail" if group["level"].max() == 2 else "warn", ", ".join(sorted(group["gate"]))]
        for day, group in alarms.groupby("day")
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
    """Return the percent of days with at least this level, by the keys."""
    reached = (levels["level"] >= least).groupby([levels[key] for key in keys]).mean()
    return {key: round(100 * float(share), 1) for key, share in reached.items()}


def _markdown(table: Table) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([lines[0], "|" + "---|" * len(table[0]), *lines[1:]])
