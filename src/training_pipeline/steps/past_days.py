"""The days before the run date that training reads: each is proven, or a person has decided about it, or training does not start."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gates.days import calendar, decisions, statuses, window
from gates.days.calendar import Calendar
from gates.days.replay import Replay
from gates.days.statuses import REJECTED, UNJUDGED
from gates.render.days import against_lines
from gates.text import counted
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped
from training_pipeline.warehouse import ledger
from training_pipeline.warehouse.dbt import project, read_manifest
from training_pipeline.warehouse.postgres import connect
from training_pipeline.warehouse.required_gates import gates_of_past_days

FILE = "decisions.csv"  # of the dbt project: decisions that were made before the days were judged here

Progress = Callable[[int, int | None, str], None]


def judge(settings: Settings, run_date: dt.date, progress: Progress = lambda *_: None) -> str:
    """Judge the days that training reads and that no gate has judged as they are now, and return in words what the days are.

    Days are those from the first with rows to the run date. What gates reject and the file of decisions knows is decided by it.
    With them the run date is judged once more, because a day that is rejected now may have been its reference.

    Raises
    ------
    GateStopped
        When a day is rejected; the message has the days in ranges, the reasons and the command for each way out, its evidence
        the rows of the ledger.
    """
    required = gates_of_past_days(read_manifest(settings))
    if not required:
        return "no gate judges a day at a time"
    replay = Replay(project(settings), required)
    found = _read(replay, run_date, required)
    waiting = _days(found, UNJUDGED)
    if waiting:
        done = iter(range(1, len(replay.gates) + 1))
        total = len(replay.gates)
        days = {*waiting, run_date}
        window.judge(replay, replay.gates, days, lambda: progress(next(done, total), total, ""))
        found = _read(replay, run_date, required)
    if (rejected := _days(found, REJECTED)) and _decide_by_file(settings, replay, run_date, rejected):
        found = _read(replay, run_date, required)
    require_fit(run_date, found)
    return _in_words(found, len(waiting))


def judged_days(settings: Settings, run_date: dt.date) -> frozenset[dt.date]:
    """Return the days whose status rests on verdicts of the ledger; none where no table of them exists any more."""
    manifest = read_manifest(settings)
    required = gates_of_past_days(manifest)
    if not required or not _exist(settings, manifest, required):
        return frozenset()
    found = _read(Replay(project(settings), required), run_date, required)
    return frozenset(each.day for each in found.days if each.status != UNJUDGED)


def judge_again(settings: Settings, run_date: dt.date, days: frozenset[dt.date]) -> None:
    """Judge those of the days that nobody has judged any more: their status must not be lost with old evidence."""
    if not days:
        return
    required = gates_of_past_days(read_manifest(settings))
    replay = Replay(project(settings), required)
    lost = days.intersection(_days(_read(replay, run_date, required), UNJUDGED))
    if lost:
        window.judge(replay, replay.gates, lost)


def require_fit(run_date: dt.date, found: Calendar) -> None:
    """Compare the status of each day with what training may read.

    Raises
    ------
    GateStopped
        When a day is neither proven nor decided about.
    """
    unfit = {
        day for day, of_day in statuses.of_days(found.days).items() if not statuses.fit_for_training(of_day)
    }
    if not unfit:
        return
    days = len({each.day for each in found.days})
    against = Calendar(
        tuple(each for each in found.days if each.day in unfit),
        tuple(row for row in found.evidence if row["run_date"] in unfit),
        found.declared,
    )
    message = f"training stopped on {run_date}: {len(unfit)} of the {counted(days, 'day')} that it reads are not proven"
    raise GateStopped("\n".join([message, *against_lines(against)]), against.evidence)


def _read(replay: Replay, run_date: dt.date, required: list[str]) -> Calendar:
    with replay.connect(run_date) as opened:
        first = calendar.first_day(opened, required) or run_date
        return calendar.read(opened, replay.manifest, first, run_date, gates=required)


def _exist(settings: Settings, manifest: Mapping[str, Any], required: Iterable[str]) -> bool:
    """Say whether all relations exist that these gates look at, and a ledger."""
    looked_at = {parent for test in required for parent in manifest["nodes"][test]["depends_on"]["nodes"]}
    names = [
        manifest["nodes"][parent]["relation_name"] for parent in looked_at if parent in manifest["nodes"]
    ]
    with connect(settings) as connection:
        known = [connection.execute("select to_regclass(%s)", [name]).fetchone() for name in names]
        return all(row != (None,) for row in known) and ledger.exists(connection, ledger.address(settings))


def _days(found: Calendar, status: str) -> list[dt.date]:
    """Return the days with that status of a relation, without those that training leaves out."""
    return [
        day
        for day, of_day in sorted(statuses.of_days(found.days).items())
        if not statuses.fit_for_training(of_day) and any(each.status == status for each in of_day)
    ]


def _decide_by_file(settings: Settings, replay: Replay, run_date: dt.date, rejected: list[dt.date]) -> int:
    """Record what the file says of rejected days, once; return how many days it has decided about now."""
    path = settings.dbt_project / FILE
    if not path.is_file():
        return 0
    with replay.connect(run_date) as opened:
        return decisions.record_prepared(opened, decisions.read_file(path), rejected)


def _in_words(found: Calendar, judged: int) -> str:
    kinds = Counter(
        "excluded" if any(each.status == "excluded" for each in of_day) else _least(of_day)
        for of_day in statuses.of_days(found.days).values()
    )
    parts = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    return f"{counted(sum(kinds.values()), 'day')}: {parts}; {judged} judged now"


def _least(of_day: list[statuses.DayStatus]) -> str:
    return max((each.status for each in of_day), key=statuses.STATUSES.index)
