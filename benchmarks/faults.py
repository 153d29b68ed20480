"""What the gates find: every fault on every day of the sample, next to the textbook checks; written to docs/faults.md."""

from __future__ import annotations

import datetime
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.demo import ROOT
from benchmarks.fault_catalog import ALL_LOST, FAULTS, HEALTHY
from benchmarks.fault_data import HISTORY_DAYS
from benchmarks.fault_laboratory import MEDIAN_CHECK, TEXTBOOK, Laboratory

REPORT = ROOT / "docs" / "faults.md"
CHECKED_EVERY = 60  # days between those that each gate's own SQL judges again
BLOCKED_BUDGET, WARNED_BUDGET = 2.0, 6.0  # percent of healthy days, all gates together
Table = list[list[str]]


def measure(only: Sequence[str] = (), report: Path | None = REPORT) -> None:
    """Inject the faults, print the tables and write the report.

    Parameters
    ----------
    only : sequence of str
        Names of faults; all when empty. With some, no report is written.

    Raises
    ------
    RuntimeError
        When the gates block or warn on more healthy days than the budget allows; the report is written all the same.
    """
    console = Console(highlight=False, width=200)
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        laboratory = Laboratory(folder)
        faults = [HEALTHY, *(fault for fault in FAULTS if not only or fault.name in only)]
        for fault in faults:
            started = time.perf_counter()
            laboratory.judge(fault)
            compared = laboratory.check(fault, CHECKED_EVERY)
            console.print(
                f"{fault.name:30} {time.perf_counter() - started:6.1f} s, {compared} verdicts checked one by one"
            )
        text = _report(laboratory, [fault.name for fault in faults])
        console.print(text, soft_wrap=True)
        if report is not None and not only:
            report.write_text(text)
        _insist_on_budget(laboratory)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _report(laboratory: Laboratory, faults: Sequence[str]) -> str:
    gates = _gates_with_findings(laboratory)
    days = laboratory.days
    sections = [
        "# Faults: what the gates find",
        "Written by `python -m benchmarks faults`; do not edit.",
        _introduction(days),
        "## All gates together, and the textbook checks",
        "Share of the days, in percent. *Stopped*: a gate of severity error failed; *seen*: at least a warning. The "
        "textbook checks are COUNT 1.5, MAX 1.3, MIN 1.4 and SUM 1.3 as the largest ratio to 5, or 7, days back, and "
        "COUNT within 20 % of the median of 28 days. A check that fails on most healthy days has not found a fault "
        "when it fails on a faulty one.",
        _markdown(_summary(laboratory, faults)),
        "## False alarms",
        _false_alarms(laboratory),
        "## By gate",
        "Share of the days that failed, and where a gate also warns, those that warned: `failed + warned`. Empty: none. "
        "Names without `interaction_`. "
        f"All gates fail when {ALL_LOST.name}; that is the only one of these faults that is seen by "
        + ", ".join(f"`{gate.name}`" for gate in laboratory.gates if gate.name not in gates)
        + ".",
        _markdown(_by_gate(laboratory, faults, gates)),
        "## Changes of the source's columns",
        "Judged by `raw_interaction_schema`, on any day alike.",
        _markdown([["change", "verdict"], *([n, v] for n, v in laboratory.schema_verdicts().items())]),
        "## What no gate can find",
        "A fifth of the rows lost is within what a day's volume varies by itself: only a control total from the source "
        "can see it. A fault that begins slowly, or on the first day of the data, becomes its own reference. A wrong "
        "value that is as likely as a right one (a customer's rows given to another) changes no metric of the day. Nor does "
        "a day that is cut at another midnight, in UTC and not where the shops are: it has as many rows of the same kinds.",
    ]
    return "\n\n".join(sections) + "\n"


def _introduction(days: Sequence[datetime.date]) -> str:
    return (
        f"Each fault is injected into each of the {len(days)} days of the sample that have at least {HISTORY_DAYS} days "
        f"of history ({days[0]} to {days[-1]}), one day at a time: the day is judged against the healthy days before it. "
        "The gates are those of the demo project, with the arguments, scopes and severities of its YAML: "
        f"their SQL is compiled by dbt and runs in DuckDB, and on every {CHECKED_EVERY}th day each gate's own compiled "
        "statement must give the verdict that the table was made from. 2017-12-25 has no rows (closed) and is left out; "
        "`interaction_has_rows` would stop it."
    )


def _share(level: int) -> str:
    return f"round(100 * avg(cast(level >= {level} as integer)), 1)"


def _project_gates(laboratory: Laboratory) -> str:
    return ", ".join(f"'{gate.name}'" for gate in laboratory.gates)


def _summary(laboratory: Laboratory, faults: Sequence[str]) -> Table:
    together = f"""
        select fault, {_share(2)}, {_share(1)} from (
            select fault, day, max(level) as level from verdicts where gate in ({_project_gates(laboratory)})
            group by fault, day
        ) group by fault
    """
    alone = f"select fault, gate, {_share(2)}, {_share(1)} from verdicts group by fault, gate"
    found = {fault: (stopped, seen) for fault, stopped, seen in laboratory.query(together)}
    each = {(fault, gate): (stopped, seen) for fault, gate, stopped, seen in laboratory.query(alone)}
    checks = [*TEXTBOOK, MEDIAN_CHECK]
    table = [
        ["fault", "stopped", "seen", "seen most by", "textbook, 5 days", "textbook, 7 days", "median, 20 %"]
    ]
    for fault in faults:
        best = max((gate.name for gate in laboratory.gates), key=lambda name: each[fault, name][::-1])
        by = "" if fault == HEALTHY.name else f"`{best}`"
        table.append(
            [fault, *map(_percent, found[fault]), by, *(_percent(each[fault, check][0]) for check in checks)]
        )
    return table


def _gates_with_findings(laboratory: Laboratory) -> list[str]:
    rows = laboratory.query(
        f"select gate from verdicts where level > 0 and fault <> '{ALL_LOST.name}' group by gate"
    )
    found = {gate for (gate,) in rows}
    return [gate.name for gate in laboratory.gates if gate.name in found]


def _by_gate(laboratory: Laboratory, faults: Sequence[str], gates: Iterable[str]) -> Table:
    rows = laboratory.query(
        f"select fault, gate, {_share(2)}, {_share(1)} - {_share(2)} from verdicts group by fault, gate"
    )
    each = {(fault, gate): (failed, warned) for fault, gate, failed, warned in rows}
    table = [["fault", *(f"`{gate.removeprefix('interaction_')}`" for gate in gates)]]
    for fault in faults:
        if fault == ALL_LOST.name:
            continue
        table.append([fault, *(_failed_and_warned(*each[fault, gate]) for gate in gates)])
    return table


def _false_alarms(laboratory: Laboratory) -> str:
    rows = laboratory.query(
        f"""
        select day, max(level) as level, string_agg(gate, ', ' order by gate) from verdicts
        where fault = '{HEALTHY.name}' and level > 0 and gate in ({_project_gates(laboratory)})
        group by day order by day
        """
    )
    blocked, warned = _healthy_shares(laboratory)
    lines = [
        f"Of the healthy days {blocked:.1f} % are blocked (budget {BLOCKED_BUDGET:g} %) and {warned:.1f} % warned "
        f"(budget {WARNED_BUDGET:g} %), all gates together. Holidays are among them: the gates are right that such a day is unlike others.",
        _markdown(
            [["day", "verdict", "gates"], *([str(d), "fail" if v == 2 else "warn", g] for d, v, g in rows)]
        ),
    ]
    return "\n\n".join(lines)


def _healthy_shares(laboratory: Laboratory) -> tuple[float, float]:
    ((blocked, warned),) = laboratory.query(
        f"""
        select 100 * avg(cast(level = 2 as integer)), 100 * avg(cast(level = 1 as integer)) from (
            select max(level) as level from verdicts
            where fault = '{HEALTHY.name}' and gate in ({_project_gates(laboratory)}) group by day
        )
        """
    )
    return blocked, warned


def _insist_on_budget(laboratory: Laboratory) -> None:
    blocked, warned = _healthy_shares(laboratory)
    if blocked > BLOCKED_BUDGET or warned > WARNED_BUDGET:
        raise RuntimeError(
            f"healthy days: {blocked:.1f} % blocked (budget {BLOCKED_BUDGET:g} %), {warned:.1f} % warned "
            f"(budget {WARNED_BUDGET:g} %); loosen the gates named under False alarms"
        )


def _percent(share: float) -> str:
    return f"{share:g}"


def _failed_and_warned(failed: float, warned: float) -> str:
    if failed == 0 and warned == 0:
        return ""
    return f"{failed:g} + {round(warned, 1):g}" if warned > 0 else f"{failed:g}"


def _markdown(table: Table) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([lines[0], "|" + "---|" * len(table[0]), *lines[1:]])
