"""Whether suggested thresholds keep to their budget on days and tables that they have not seen: docs/suggest.md."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks.demo import ROOT
from gates.tuning.backtest import Backtest, detect
from gates.tuning.faults import CATALOG, read_faults
from gates.tuning.suggest import judge_past, suggestions
from gates.tuning.suggestion import Count, Suggestion
from training_pipeline.config import Settings
from training_pipeline.source import loading
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.postgres import connect

REPORT = ROOT / "docs" / "suggest.md"
RUN_DATE = dt.date(2017, 12, 31)
FIT_UNTIL = dt.date(2017, 9, 30)
BUDGET = 0.01
EVERY = 5  # days between those on which the detection is measured
PARTS = 8  # tables of an eighth of the customers each
# Last day to fit on and last day to check, always the three months after it.
ORIGINS = [
    (dt.date(2017, 6, 30), dt.date(2017, 9, 30)),
    (dt.date(2017, 7, 31), dt.date(2017, 10, 31)),
    (dt.date(2017, 8, 31), dt.date(2017, 11, 30)),
    (FIT_UNTIL, RUN_DATE),
]
# Three months that are left out, and fitted on the rest of the year.
SEASONS = [
    (dt.date(2017, 3, 1), dt.date(2017, 5, 31)),
    (dt.date(2017, 6, 1), dt.date(2017, 8, 31)),
    (dt.date(2017, 9, 1), dt.date(2017, 11, 30)),
]
DAY = dt.timedelta(1)
Table = list[list[str]]
Test = Callable[[dt.date], bool]


def measure(report: Path | None = REPORT) -> None:
    """Fit and check on the sample year with its calendar and without, and on parts of it; write the report.

    Raises
    ------
    RuntimeError
        When a metric, fitted on the first nine months, alarms on the last three more often than twice the budget allows;
        the report is written all the same.
    """
    folder = Path(tempfile.mkdtemp(prefix="suggest-"))
    folder.chmod(0o755)
    settings = replace(Settings.load(), state_dir=folder, target="embedded", database="warehouse")
    try:
        embedded.start(settings)
        loading.load(settings)
        with connect(settings) as connection:
            connection.execute("create table raw.sample as select * from raw.interaction")
        build(settings)
        text, found = _report(settings)
    finally:
        embedded.stop(settings)
        shutil.rmtree(folder, ignore_errors=True)
    Console().print(text, soft_wrap=True, markup=False)
    if report is not None:
        report.write_text(text)
    if loud := [each for each in found if is_loud(each)]:
        names = ", ".join(f"{each.gate.name}: {each.expression}" for each in loud)
        raise RuntimeError(f"more false alarms than twice the budget: {names}")


def build(settings: Settings, part: int | None = None) -> None:
    """Build the profile of the sample, or of the customers of one part of it; the ledger is made by the first of them."""
    select = ["--select", "+interaction_daily", "--full-refresh", "--exclude", "resource_type:unit_test"]
    with connect(settings) as connection:
        connection.execute("truncate raw.interaction")
        scope = "true" if part is None else f"customer_id % {PARTS} = {part}"
        connection.execute(f"insert into raw.interaction select * from raw.sample where {scope}".encode())
    dbt.invoke(settings, ["build", *select, *([] if part is None else ["resource_type:test"])], RUN_DATE)


def is_loud(each: Suggestion) -> bool:
    """Say whether it alarms on more than twice the budget of the days that check it."""
    return each.checked.share > 2 * BUDGET


def _report(settings: Settings) -> tuple[str, list[Suggestion]]:
    """Judge the sample with its calendar, without it, and its parts; return the page and the suggestions of the first."""
    known = judge_past(settings, RUN_DATE)
    faulty = detect(settings, read_faults(ROOT / CATALOG), known.days[::EVERY])
    with connect(settings) as connection:
        connection.execute(f"truncate {settings.schema}.calendar".encode())
    unknown = judge_past(settings, RUN_DATE)
    parts = []
    for part in range(PARTS):
        build(settings, part)
        parts.append(judge_past(settings, RUN_DATE))
    found, without = (
        suggestions(past, faults, BUDGET, [day for day in past.days if day <= FIT_UNTIL])
        for past, faults in ((known, faulty), (unknown, {}))
    )
    sections = [
        "# Suggest: false alarms on days and tables not seen",
        "Written by `python -m benchmarks suggest`; do not edit. How the thresholds are fitted is in [backtest.md](backtest.md).",
        "## The last three months of the sample",
        _introduction(known, unknown),
        markdown(_thresholds(found, without)),
        "## Other months, other tables",
        f"The same for other days to fit on and to check, and for {PARTS} tables with an eighth of the customers each. *Loud*:"
        f" metrics that alarm on more than twice the budget of the days that check them; false alarms and fails in percent of"
        f" all days of all metrics, those left out that say nothing; the budget is {100 * BUDGET:g} of false alarms, a tenth"
        " of that of fails. The thresholds hold with 95 % confidence, so a few metrics of many are loud by chance.",
        markdown(_splits({"sample": [known], "without calendar": [unknown], f"{PARTS} parts": parts})),
    ]
    return "\n\n".join(sections) + "\n", found


def _introduction(known: Backtest, unknown: Backtest) -> str:
    marked, checked = ([day for day in days if day > FIT_UNTIL] for days in (known.marked, known.days))
    return (
        f"Fitted on the healthy days from {known.days[0]} to {FIT_UNTIL}, checked on those from then to {RUN_DATE}, for"
        f" {100 * BUDGET:g} % of false alarms. The calendar marks {len(known.marked)} of the"
        f" {len(unknown.days) + len(unknown.marked)} days that were judged, {len(marked)} of them in the last three months."
        " They are left out of what is fitted; *with marked* counts them as if an alarm on them were false. *Without"
        " calendar* knows no day: neither is one left out nor kept from being a reference. A day without rows"
        f" (2017-12-25, closed) is left out there too. Twice the budget is {int(2 * BUDGET * len(checked))} of {len(checked)} checked days."
        " *Alone*: what the metric would have with bounds of its own, where it shares those of its gate, the largest. *Fails from*:"
        " the bound for a tenth of the budget; `like_last_week` stops the run at its only threshold, so that is this bound."
        f" *Finds*: the percent of every {EVERY}th day on which it alarms about a fault, from half of them."
    )


def _thresholds(found: Sequence[Suggestion], without: Sequence[Suggestion]) -> Table:
    plain = {each.key: each for each in without}
    head = [
        "gate",
        "metric",
        "threshold",
        "alone",
        "fitted",
        "checked",
        "with marked",
        "fails from",
        "fail, checked",
    ]
    table = [[*head, "without calendar: threshold", "checked", "finds"]]
    for each in found:
        other, fails = plain[each.key], each.scale.fails_apart
        finds = _found(each.detection, each.seen)
        alone = _found(each.alone_detection, each.seen_alone)
        table.append(
            [
                f"`{each.gate.name.removeprefix('interaction_')}`",
                each.name.replace(each.expression, f"`{each.expression}`", 1),
                f"{each.argument:g}",
                f"{each.alone:g}" if each.alone < each.threshold else "",
                *map(percent, (each.fitted, each.checked, each.checked + each.marked)),
                f"{each.fail:g}" if fails else "",
                percent(each.failed) if fails else "",
                f"{other.argument:g}",
                percent(other.checked),
                (finds or "nothing") + f" (alone also {alone})" * bool(alone),
            ]
        )
    return table


def _found(detection: Mapping[str, float], faults: Sequence[str]) -> str:
    return ", ".join(f"{fault} {100 * detection[fault]:.0f}" for fault in faults)


def _splits(tables: Mapping[str, Sequence[Backtest]]) -> Table:
    """Fit and check on other days, for each of some tables; all metrics of all tables of a name together."""
    columns = [f"{name}: {what}" for name in tables for what in ("loud", "false alarms", "fail")]
    table = [["fitted", "checked", *columns]]
    for fitted, checked, is_fitted, is_checked in _cuts():
        row = [fitted, checked]
        for pasts in tables.values():
            found = []
            for past in pasts:
                fit = [day for day in past.days if is_fitted(day)]
                cut = replace(past, days=tuple(day for day in past.days if is_fitted(day) or is_checked(day)))
                found += [each for each in suggestions(cut, {}, BUDGET, fit) if each.largest > 0]
            fails = [each for each in found if each.scale.fails_apart]
            row += [
                f"{sum(map(is_loud, found))} of {len(found)}",
                percent(sum((each.checked for each in found), Count(0, 0))),
                percent(sum((each.failed for each in fails), Count(0, 0)), 2),
            ]
        table.append(row)
    return table


def _cuts() -> Iterator[tuple[str, str, Test, Test]]:
    """Yield what is fitted and checked, in words and as tests of a day."""
    for last, until in ORIGINS:
        yield (
            f"until {last}",
            f"until {until}",
            partial(within, dt.date.min, last),
            partial(within, last + DAY, until),
        )
    for first, last in SEASONS:
        yield "the others", f"{first} to {last}", partial(outside, first, last), partial(within, first, last)


def within(first: dt.date, last: dt.date, day: dt.date) -> bool:
    """Say whether a day lies between two others, both included."""
    return first <= day <= last


def outside(first: dt.date, last: dt.date, day: dt.date) -> bool:
    """Say whether a day lies before the first of two or after the second."""
    return not within(first, last, day)


def percent(count: Count, digits: int = 1) -> str:
    """Return a share in percent, without the sign."""
    return f"{100 * count.share:.{digits}f}"


def markdown(table: Table) -> str:
    """Return a table, its first row the head."""
    rows = [f"| {' | '.join(row)} |" for row in table]
    return "\n".join([rows[0], "|---" * len(table[0]) + "|", *rows[1:]])
