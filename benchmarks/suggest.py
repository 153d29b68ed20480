"""Measure whether suggested bounds keep to their budget on unseen days and tables; write docs/suggest.md."""

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
from gates.commands import FAULTS
from gates.days.replay import Replay
from gates.tuning.backtest import Backtest
from gates.tuning.faults import read_faults
from gates.tuning.injection import detect
from gates.tuning.suggest import judge_past, suggestions
from gates.tuning.suggestion import Count, Suggestion
from training_pipeline.config import Settings
from training_pipeline.roles import Role
from training_pipeline.source import loading
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.postgres import connect

REPORT = ROOT / "docs" / "suggest.md"
RUN_DATE = dt.date(2017, 12, 31)
FIT_UNTIL = dt.date(2017, 9, 30)
BUDGET = 0.01
EVERY = 5  # the detection is measured on every fifth day
PARTS = 8  # number of tables, each with an eighth of the customers
# The last fitted day and the last checked day, three months later.
ORIGINS = [
    (dt.date(2017, 6, 30), dt.date(2017, 9, 30)),
    (dt.date(2017, 7, 31), dt.date(2017, 10, 31)),
    (dt.date(2017, 8, 31), dt.date(2017, 11, 30)),
    (FIT_UNTIL, RUN_DATE),
]
# Three months to check, with the fit on the other days of the year.
SEASONS = [
    (dt.date(2017, 3, 1), dt.date(2017, 5, 31)),
    (dt.date(2017, 6, 1), dt.date(2017, 8, 31)),
    (dt.date(2017, 9, 1), dt.date(2017, 11, 30)),
]
DAY = dt.timedelta(1)
Table = list[list[str]]
Test = Callable[[dt.date], bool]


def measure(report: Path | None = REPORT) -> None:
    """Fit and check bounds on the sample year, with and without its calendar, and on its parts; write the report.

    Raises
    ------
    RuntimeError
        A metric, fitted on the first nine months, alarms on more of the last three months than twice the budget; the
        report is written first.
    """
    folder = Path(tempfile.mkdtemp(prefix="suggest-"))
    folder.chmod(0o755)
    settings = replace(
        Settings.load(), state_dir=folder, target="embedded", database="warehouse", role=Role.ADMINISTRATOR
    )
    try:
        embedded.start(settings)
        loading.load(settings)
        with connect(settings) as connection:
            connection.execute("create table raw.sample as select * from raw.interaction")
        build(settings)
        text, suggested = _report(settings)
    finally:
        embedded.stop(settings)
        shutil.rmtree(folder, ignore_errors=True)
    Console().print(text, soft_wrap=True, markup=False)
    if report is not None:
        report.write_text(text)
    if loud := [each for each in suggested if is_loud(each)]:
        names = ", ".join(f"{each.gate.name}: {each.expression}" for each in loud)
        raise RuntimeError(f"more false alarms than twice the budget: {names}")


def build(settings: Settings, part: int | None = None) -> None:
    """Build the profile of the sample, or of the customers of one part; the first build creates the ledger."""
    select = ["--select", "+interaction_daily", "--full-refresh", "--exclude", "resource_type:unit_test"]
    with connect(settings) as connection:
        connection.execute("truncate raw.interaction")
        scope = "true" if part is None else f"customer_id % {PARTS} = {part}"
        connection.execute(f"insert into raw.interaction select * from raw.sample where {scope}".encode())
    dbt.invoke(settings, ["build", *select, *([] if part is None else ["resource_type:test"])], RUN_DATE)


def is_loud(each: Suggestion) -> bool:
    """Return whether a suggestion alarms on more of the checked days than twice the budget."""
    return each.checked.share > 2 * BUDGET


def _report(settings: Settings) -> tuple[str, list[Suggestion]]:
    """Judge the sample with and without its calendar, and its parts; return the page and the first suggestions."""
    replay = Replay(dbt.project(settings))
    with_calendar = judge_past(replay, RUN_DATE)
    detected = detect(replay, read_faults(settings.dbt_project / FAULTS), with_calendar.days[::EVERY])
    with connect(settings) as connection:
        connection.execute(f"truncate {settings.schema}.calendar".encode())
    without_calendar = judge_past(replay, RUN_DATE)
    parts = []
    for part in range(PARTS):
        build(settings, part)
        parts.append(judge_past(replay, RUN_DATE))
    suggested, without = (
        suggestions(past, faults, BUDGET, [day for day in past.days if day <= FIT_UNTIL])
        for past, faults in ((with_calendar, detected), (without_calendar, {}))
    )
    sections = [
        "# Suggest: false alarms on unseen days and tables",
        "Written by `python -m benchmarks suggest`; do not edit. [backtest.md](backtest.md) says how the command fits bounds.",
        "## The last three months of the sample",
        _introduction(with_calendar, without_calendar),
        markdown(_bounds(suggested, without)),
        "## Other months, other tables",
        f"The same with other fitted and checked days, and for {PARTS} tables with an eighth of the customers each. *Loud* metrics"
        " alarm on more of the checked days than twice the budget. False alarms and fails are in percent of all days of all"
        f" metrics, without metrics that never vary; the budget is {100 * BUDGET:g} for false alarms and a tenth of that for fails."
        " The bounds hold with 95 % confidence, so a few of many metrics are loud by chance.",
        markdown(
            _splits(
                {"sample": [with_calendar], "without calendar": [without_calendar], f"{PARTS} parts": parts}
            )
        ),
    ]
    return "\n\n".join(sections) + "\n", suggested


def _introduction(with_calendar: Backtest, without_calendar: Backtest) -> str:
    past = with_calendar
    marked, checked = ([day for day in days if day > FIT_UNTIL] for days in (past.marked, past.days))
    return (
        f"The bounds are fitted on the healthy days from {past.days[0]} to {FIT_UNTIL} and checked on the healthy days after"
        f" that until {RUN_DATE}, for {100 * BUDGET:g} % of false alarms. Twice the budget is"
        f" {int(2 * BUDGET * len(checked))} of {len(checked)} checked days. The calendar marks {len(past.marked)} of the"
        f" {len(without_calendar.days) + len(without_calendar.marked)} judged days, {len(marked)} of them in the last three months."
        " The fit leaves the marked days out; *with marked* counts alarms on them as false alarms. *Without calendar* marks no"
        " day, so every day is fitted and may be a reference; only the day without rows (2017-12-25, shops closed) is left out."
        " A metric that shares the bounds of its gate has the largest of them; *alone* is the bound that the metric would have"
        " separately. *Fail bound* is fitted to a tenth of the budget. `like_last_week` has one bound and fails on it, so *bound*"
        f" is its fail bound. *Finds* gives the percent of every {EVERY}th day on which the metric alarms for a fault, if that is"
        " at least half of these days."
    )


def _bounds(suggested: Sequence[Suggestion], without: Sequence[Suggestion]) -> Table:
    plain = {each.key: each for each in without}
    head = [
        "gate",
        "metric",
        "bound",
        "alone",
        "fitted",
        "checked",
        "with marked",
        "fail bound",
        "fail, checked",
    ]
    table = [[*head, "without calendar: bound", "checked", "finds"]]
    for each in suggested:
        other, fails = plain[each.key], each.scale.fails_apart
        finds = _shares(each.detection, each.seen)
        alone = _shares(each.alone_detection, each.seen_alone)
        table.append(
            [
                f"`{each.gate.name.removeprefix('interaction_')}`",
                each.name.replace(each.expression, f"`{each.expression}`", 1),
                f"{each.argument:g}",
                f"{each.alone:g}" if each.alone < each.warn else "",
                *map(percent, (each.fitted, each.checked, each.checked + each.marked)),
                f"{each.fail:g}" if fails else "",
                percent(each.failed) if fails else "",
                f"{other.argument:g}",
                percent(other.checked),
                (finds or "nothing") + f" (alone also {alone})" * bool(alone),
            ]
        )
    return table


def _shares(detection: Mapping[str, float], faults: Sequence[str]) -> str:
    return ", ".join(f"{fault} {100 * detection[fault]:.0f}" for fault in faults)


def _splits(tables: Mapping[str, Sequence[Backtest]]) -> Table:
    """Fit and check on other days, for several tables; add up all metrics of the tables of a name."""
    columns = [f"{name}: {what}" for name in tables for what in ("loud", "false alarms", "fail")]
    table = [["fitted", "checked", *columns]]
    for fitted, checked, is_fitted, is_checked in _parts_of_year():
        row = [fitted, checked]
        for pasts in tables.values():
            suggested = []
            for past in pasts:
                fit = [day for day in past.days if is_fitted(day)]
                used = replace(
                    past, days=tuple(day for day in past.days if is_fitted(day) or is_checked(day))
                )
                suggested += [each for each in suggestions(used, {}, BUDGET, fit) if each.largest > 0]
            fails = [each for each in suggested if each.scale.fails_apart]
            row += [
                f"{sum(map(is_loud, suggested))} of {len(suggested)}",
                percent(sum((each.checked for each in suggested), Count(0, 0))),
                percent(sum((each.failed for each in fails), Count(0, 0)), 2),
            ]
        table.append(row)
    return table


def _parts_of_year() -> Iterator[tuple[str, str, Test, Test]]:
    """Yield the fitted and the checked days, in words and as tests of a day."""
    for last, until in ORIGINS:
        yield (
            f"until {last}",
            f"until {until}",
            partial(within, dt.date.min, last),
            partial(within, last + DAY, until),
        )
    for first, last in SEASONS:
        yield (
            "the other days",
            f"{first} to {last}",
            partial(outside, first, last),
            partial(within, first, last),
        )


def within(first: dt.date, last: dt.date, day: dt.date) -> bool:
    """Return whether a day lies between two others, both included."""
    return first <= day <= last


def outside(first: dt.date, last: dt.date, day: dt.date) -> bool:
    """Return whether a day lies before the first of two days or after the second."""
    return not within(first, last, day)


def percent(count: Count, digits: int = 1) -> str:
    """Return a share in percent, without the percent sign."""
    return f"{100 * count.share:.{digits}f}"


def markdown(table: Table) -> str:
    """Return a table as markdown; its first row is the head."""
    rows = [f"| {' | '.join(row)} |" for row in table]
    return "\n".join([rows[0], "|---" * len(table[0]) + "|", *rows[1:]])
