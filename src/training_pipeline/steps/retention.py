"""Forget what is old: ledger, evaluations, certificates, model versions with their files, reports.

What a champion of the last year rests on stays, however old, and so does what a registered version that stays
rests on: its evaluation, its certificate, the runs of its gates, its files. The history of promotions is never
pruned, and a day that loses its verdict with an old run is judged again, in one statement for all such days.
Each part is removed by itself and found again by itself: after an interruption the same command finishes.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from gates.ledger.evidence import Row
from gates.text import counted
from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.model.comparability import ANCHOR_AGE
from training_pipeline.registry import removal
from training_pipeline.registry.history import PROMOTED, ROLLED_BACK
from training_pipeline.registry.removal import Training
from training_pipeline.roles import Role, acting_as
from training_pipeline.steps import certificate, past_days
from training_pipeline.warehouse import ledger, ml_tables
from training_pipeline.warehouse.dbt import compile_inline
from training_pipeline.warehouse.lock import one_at_a_time
from training_pipeline.warehouse.postgres import connect


@dataclass(frozen=True)
class Removed:
    """One kind of thing, how much of it is removed, or would be in a dry run, and how many bytes it has."""

    kind: str
    count: str
    bytes: int


@dataclass(frozen=True)
class Pruned:
    """What is removed, and why what is old stays.

    Attributes
    ----------
    first_kept : datetime.date
        The first run date of which everything stays.
    kept : dict of str to str
        Why a version stays, by version; only those whose run date is before `first_kept`.
    """

    first_kept: dt.date
    removed: list[Removed]
    kept: dict[str, str]


@dataclass(frozen=True)
class _Protected:
    """What stays, however old."""

    versions: frozenset[str]
    run_dates: frozenset[dt.date]
    invocation_ids: frozenset[str]


@acting_as(Role.LEDGER)
@one_at_a_time("prune")
def prune(settings: Settings, run_date: dt.date, keep_days: int, *, dry_run: bool = False) -> Pruned:
    """Remove what is about run dates more than `keep_days` before a run date.

    Parameters
    ----------
    dry_run : bool
        Say what would be removed, and remove nothing.

    Raises
    ------
    PipelineError
        `keep_days` is below the look-back of the gates.
    """
    first_kept = run_date - dt.timedelta(days=keep_days)
    with connect(settings) as connection:
        ml_tables.ensure(connection)
        connection.commit()
        history = ml_tables.history(connection)
        found = removal.trainings(settings)
        reasons = _reasons(settings, history, run_date) | _challengers(connection, first_kept)
        outdated = removal.outdated(found, first_kept, reasons)
        protected = _protected(history, [one for one in found if one not in outdated], reasons)
        plan = _plan(settings, run_date, keep_days, protected.invocation_ids)
        judged = frozenset() if dry_run else past_days.judged_days(settings, run_date)
        removed = [
            *_prune_ledger(settings, connection, plan),
            *_prune_tables(settings, connection, first_kept, protected),
        ]
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
        removed += [
            *_prune_models(settings, outdated, dry_run),
            *_prune_reports(settings, first_kept, protected, dry_run),
        ]
    past_days.judge_again(settings, run_date, judged)
    old = removal.versions_of(one for one in found if one.run_date is not None and one.run_date < first_kept)
    return Pruned(first_kept, removed, {version: why for version, why in reasons.items() if version in old})


def lines(pruned: Pruned, *, dry_run: bool) -> list[str]:
    """Return what a person reads: a line for each kind, what stays, and the sum."""
    verb = "would be removed" if dry_run else "removed"
    shown = [f"{one.kind:<13} {one.count:<28} {_size(one.bytes):>9}" for one in pruned.removed]
    shown += [f"kept          version {version}: {why}" for version, why in pruned.kept.items()]
    total = sum(one.bytes for one in pruned.removed)
    return [*shown, f"{verb}: {_size(total)} of run dates before {pruned.first_kept}"]


def _reasons(settings: Settings, history: Sequence[Row], run_date: dt.date) -> dict[str, str]:
    """Return why a version stays whatever its age, by version."""
    champions = champions_since(history, run_date - ANCHOR_AGE)
    reasons = {
        str(row["previous_version"]): f"a rollback of version {row['model_version']} brings it back"
        for row in history
        if row["decision"] == PROMOTED
        and row["model_version"] in champions
        and row["previous_version"] is not None
    }
    reasons |= dict.fromkeys(champions, "champion in the last year")
    return reasons | {
        version: f"alias {alias}" for alias, version in sorted(removal.aliases(settings).items())
    }


def champions_since(history: Iterable[Mapping[str, Any]], day: dt.date) -> list[str]:
    """Return the versions that were champion on a run date after a day, earliest first, also those that were rolled back.

    Parameters
    ----------
    history : iterable of mapping
        Rows of `ml.promotion_history`, earliest first.

    Examples
    --------
    >>> def row(decision, version, month):
    ...     return {"decision": decision, "model_version": version, "run_date": dt.date(2017, month, 1)}
    >>> past = [row("promoted", "1", 1), row("promoted", "2", 2), row("promoted", "3", 6), row("rolled_back", "2", 7)]
    >>> champions_since(past, dt.date(2017, 3, 31))
    ['2', '3']
    """
    reigns: list[tuple[str, dt.date]] = []
    for row in history:
        moves_champion = row["decision"] in (PROMOTED, ROLLED_BACK)
        if moves_champion or (reigns and row["model_version"] == reigns[-1][0]):
            if reigns:
                reigns[-1] = (reigns[-1][0], max(reigns[-1][1], row["run_date"]))
            if moves_champion:
                reigns.append((row["model_version"], row["run_date"]))
    if reigns:
        reigns[-1] = (reigns[-1][0], dt.date.max)
    return list(dict.fromkeys(version for version, end in reigns if end > day))


def _challengers(connection: psycopg.Connection, first_kept: dt.date) -> dict[str, str]:
    """Return the versions that were trained for a run date of which everything stays: one may have been fitted long before."""
    rows = connection.execute(
        "select model_version, max(run_date) from ml.challenger where run_date >= %s group by 1", [first_kept]
    )
    return {version: f"challenger of {run_date}" for version, run_date in rows}


def _protected(history: Sequence[Row], staying: Iterable[Training], reasons: Collection[str]) -> _Protected:
    staying = list(staying)
    versions = removal.versions_of(staying) | set(reasons)
    invocation_ids = {
        str(gate["invocation_id"])
        for row in history
        if row["model_version"] in versions
        for gate in row["gates"]
    }
    for training in staying:
        invocation_ids |= set(json.loads(training.tags.get("certificate_invocations", "[]")))
    run_dates = {training.run_date for training in staying if training.run_date is not None}
    run_dates |= {row["run_date"] for row in history if row["model_version"] in versions}
    return _Protected(frozenset(versions), frozenset(run_dates), frozenset(invocation_ids))


def _plan(settings: Settings, run_date: dt.date, keep_days: int, kept: Iterable[str]) -> dict[str, Any]:
    """Return the statements for the ledger, which the dbt package defines."""
    question = f"{{{{ tojson(gates.prune_plan({keep_days}, {json.dumps(sorted(kept))})) }}}}"
    plan: dict[str, Any] = json.loads(compile_inline(settings, question, run_date))
    least = plan["look_back_days"]
    if keep_days < least:
        raise PipelineError(
            f"--keep-days must be at least {least}, because the gates ask the ledger which of the {least} days before"
            f" the run date were rejected; received {keep_days}"
        )
    return plan


def _prune_ledger(settings: Settings, connection: psycopg.Connection, plan: dict[str, Any]) -> list[Removed]:
    for statement in plan["prepare"]:
        connection.execute(statement.encode())
    runs, rows, size = ledger.size_of(connection, ledger.address(settings), sql.Identifier(plan["runs"]))
    for statement in plan["remove"]:
        connection.execute(statement.encode())
    return [Removed("ledger", f"{counted(rows, 'row')} of {counted(runs, 'run')}", size)]


def _prune_tables(
    settings: Settings, connection: psycopg.Connection, first_kept: dt.date, protected: _Protected
) -> list[Removed]:
    """Remove evaluations of versions and certificates of run dates that go."""
    tables = {
        "evaluations": (sql.Identifier("ml", "model_evaluation"), "model_version", protected.versions),
        "certificates": (
            sql.Identifier(settings.schema, certificate.TABLE),
            "run_date",
            protected.run_dates,
        ),
    }
    removed = []
    for kind, (table, column, kept) in tables.items():
        rows, size = 0, 0
        if ledger.exists(connection, table):
            statement = sql.SQL(
                "with gone as (delete from {} as pruned where run_date < %s and {} <> all(%s) returning pruned.*)"
                " select count(*), coalesce(sum(pg_column_size(gone.*)), 0) from gone"
            ).format(table, sql.Identifier(column))
            rows, size = connection.execute(statement, [first_kept, list(kept)]).fetchone() or (0, 0)
        removed.append(Removed(kind, counted(rows, "row"), int(size)))
    return removed


def _prune_models(settings: Settings, outdated: list[Training], dry_run: bool) -> list[Removed]:
    versions = len(removal.versions_of(outdated))
    count = f"{counted(versions, 'version')}, {counted(len(outdated), 'training')}"
    removed = [Removed("models", count, sum(training.bytes for training in outdated))]
    if not dry_run:
        removal.remove(settings, outdated)
    return removed


def _prune_reports(
    settings: Settings, first_kept: dt.date, protected: _Protected, dry_run: bool
) -> list[Removed]:
    files = _reports(settings, lambda day: day < first_kept and day not in protected.run_dates)
    removed = [Removed("reports", counted(len(files), "file"), sum(file.stat().st_size for file in files))]
    if not dry_run:
        for file in files:
            file.unlink(missing_ok=True)
    return removed


def _reports(settings: Settings, wanted: Callable[[dt.date], bool]) -> list[Path]:
    """Return the reports of some run dates; a file of another name is not ours."""
    found = []
    for file in sorted((settings.state_dir / "reports").glob("*.html")):
        try:
            day = dt.date.fromisoformat(file.stem)
        except ValueError:
            continue
        if wanted(day):
            found.append(file)
    return found


def _size(number: int) -> str:
    """Return a number of bytes as people read it.

    Examples
    --------
    >>> _size(0), _size(999), _size(340_200), _size(4_250_000_000)
    ('0 B', '999 B', '340.2 kB', '4.2 GB')
    """
    size, units = float(number), ["B", "kB", "MB", "GB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"
