"""The champion: the history of promotions decides who it is, and MLflow's alias follows.

Each change is an intent in the history, the alias, and a row that closes the intent. A process that was killed in between
leaves an open intent, and the next command that asks for the champion settles it: it completes the decision if the files of
the version are those that were decided on, and otherwise undoes it. Where alias and history differ in any other way,
somebody has changed the registry by hand: nothing is decided until `registry repair` or a rollback.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.registry import challenger, history, loading
from training_pipeline.registry import models as registry
from training_pipeline.registry.history import Basis, Champion, Decision, Standing
from training_pipeline.registry.models import CHAMPION, Registered
from training_pipeline.roles import Role, acting_as
from training_pipeline.warehouse import lock, ml_tables
from training_pipeline.warehouse.postgres import connect

REPAIR = "training-pipeline registry repair"
RETIRE = "training-pipeline registry retire --why TEXT"
ROLLBACK = "training-pipeline rollback --to VERSION"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """The history with the connection to write to it, while the lock is held.

    Attributes
    ----------
    alias : str or None
        The version on which MLflow's alias is.
    settled : list of str
        What a killed process had left and was settled, a sentence each.
    """

    settings: Settings
    connection: psycopg.Connection
    standing: Standing
    alias: str | None
    settled: list[str]

    def require_agreement(self) -> None:
        """Compare the alias with the history.

        Raises
        ------
        GateStopped
            They differ: somebody has changed the registry by hand.
        """
        if problem := self.disagreement():
            raise GateStopped(problem)

    def disagreement(self) -> str | None:
        """Return how the alias differs from the history, and the way out; None where they agree."""
        present = self.standing.present
        expected = present.version if present else None
        if expected == self.alias:
            return None
        if expected is None:
            return (
                f"MLflow's alias {CHAMPION} is on version {self.alias}, and no version was ever promoted by "
                f"ml.promotion_history: somebody has set it by hand. Take it away: {REPAIR}"
            )
        if registry.find_version(self.settings, expected) is None:
            return (
                f"version {expected} is the champion by ml.promotion_history, and somebody has deleted it in MLflow. "
                f"Restore MLflow's database, or {self.ways_out()}"
            )
        moved = "removed" if self.alias is None else f"moved to version {self.alias}"
        return (
            f"version {expected} is the champion by ml.promotion_history, and somebody has {moved} MLflow's alias "
            f"{CHAMPION}. Put it back: {REPAIR}"
        )

    def ways_out(self) -> str:
        """Return what a person can do about a champion that is lost."""
        present = self.standing.present
        others = [version for version in self.standing.once if present is None or version != present.version]
        back = f"go back to version {' or '.join(others)} ({ROLLBACK}), or " if others else ""
        return f"{back}go on without a champion: {RETIRE}"

    def change(self, decision: Decision, basis: Basis) -> None:
        """Carry out a decision that moves the champion: intent, alias, closing row."""
        intent = history.append(self.connection, decision, basis, history.INTENT)
        registry.set_alias(self.settings, CHAMPION, _target(decision))
        history.append(self.connection, decision, basis, history.DONE, intent)

    def keep(self, decision: Decision, basis: Basis) -> None:
        """Record a decision that does not move the champion."""
        history.append(self.connection, decision, basis)


@contextmanager
def opened(settings: Settings, *, by_hand: bool = False) -> Iterator[Record]:
    """Take the lock, settle what a killed process has left, and give the history.

    Who may not write the history, such as the role `evaluate`, is given what it will be once it is settled.

    Parameters
    ----------
    by_hand : bool
        Settle also where somebody has moved the alias since: a person has asked for it.

    Raises
    ------
    GateStopped
        An intent is open, and somebody has moved the alias since.
    """
    with lock.held(settings, "registry"), connect(settings) as connection:
        ml_tables.ensure(connection)
        connection.commit()
        connection.autocommit = True  # each row of the history counts as soon as it is written
        found = registry.with_alias(settings, CHAMPION)
        alias = found.version if found else None
        rows = ml_tables.history(connection)
        settlements = list(_open_intent(settings, connection, alias, by_hand))
        settlements += _without_digest(settings, [*rows, *(row for one in settlements for row in one.rows)])
        for one in settlements:
            alias = one.alias if one.moves_alias else alias
            rows += one.rows
            if ml_tables.may_decide(connection):
                if one.moves_alias:
                    registry.set_alias(settings, CHAMPION, one.alias)
                history.append(connection, one.decision, one.basis, one.step, one.intent)
                logger.warning("%s", one.sentence)
        yield Record(
            settings, connection, history.standing(rows), alias, [one.sentence for one in settlements]
        )


def registered(settings: Settings, champion: Champion) -> Registered:
    """Return a champion as MLflow has it, with the digest of the history and the facts of its training.

    Raises
    ------
    PipelineError
        MLflow has no such version.
    """
    found, digest = registry.with_version(settings, champion.version), champion.basis.digest
    facts = challenger.facts(settings, champion.version, digest)
    return replace(found, digest=digest, tags={**found.tags, **facts})


@acting_as(Role.PROMOTE)
def repair(settings: Settings) -> list[str]:
    """Settle what a killed process has left, and put the alias where the history says.

    Returns
    -------
    list of str
        What was done, a sentence each.

    Raises
    ------
    PipelineError
        The champion's version is gone, or its files are not those that were promoted.
    """
    with opened(settings, by_hand=True) as record:
        present = record.standing.present
        if record.disagreement() is None:
            return record.settled
        if present is None:
            registry.set_alias(settings, CHAMPION, None)
            return [
                *record.settled,
                f"the alias {CHAMPION} is taken away from version {record.alias}: the history has no champion",
            ]
        if registry.find_version(settings, present.version) is None:
            raise GateStopped(str(record.disagreement()))
        with loading.checked_files(settings, registered(settings, present)):
            registry.set_alias(settings, CHAMPION, present.version)
        return [*record.settled, f"the alias {CHAMPION} is on version {present.version} again"]


@acting_as(Role.PROMOTE)
def retire(settings: Settings, why: str) -> Decision:
    """Go on without a champion: the next challenger is judged as a first one. For a champion that is lost.

    Raises
    ------
    PipelineError
        There is no champion.
    """
    with opened(settings, by_hand=True) as record:
        present = record.standing.present
        if present is None:
            raise PipelineError("there is no champion to retire: ml.promotion_history has none")
        decision = Decision(history.RETIRED, why, present.version, present.version)
        record.change(decision, replace(present.basis, run_date=present.confirmed, evaluation=None, gates=()))
        return decision


@dataclass(frozen=True)
class _Settlement:
    """A row that the history lacks, and the alias that goes with it.

    Attributes
    ----------
    sentence : str
        What is done, and why.
    moves_alias : bool
        Whether MLflow's alias is put on the version `alias`, on none where that is None.
    """

    sentence: str
    decision: Decision
    basis: Basis
    step: str = history.DONE
    intent: int | None = None
    moves_alias: bool = False
    alias: str | None = None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The row as the history will have it; none of a decision that is not carried out."""
        return [vars(self.decision) | vars(self.basis)] if self.step == history.DONE else []


def _open_intent(
    settings: Settings, connection: psycopg.Connection, alias: str | None, by_hand: bool
) -> Iterator[_Settlement]:
    """Complete the open intent, or undo it where the files of its version are not those that were decided on."""
    found = history.open_intent(connection)
    if found is None:
        return
    number, decision, basis = found
    target = _target(decision)
    what = f"{decision.decision} version {decision.model_version}"
    if alias not in (target, decision.previous_version) and not by_hand:
        raise GateStopped(
            f"a command was killed while it {what}, and since then somebody has put MLflow's alias {CHAMPION} on "
            f"{'no version' if alias is None else f'version {alias}'}. Let the history decide: {REPAIR}"
        )
    problem = None if target is None else _problem(settings, target, basis)
    if problem is None:
        sentence = f"completed what a killed command had begun: {what} ({decision.reason})"
        yield _Settlement(sentence, decision, basis, history.DONE, number, True, target)
    else:
        sentence = f"undid what a killed command had begun: {what}: {problem}"
        undone = replace(decision, reason=problem)
        before = _existing(settings, decision)
        yield _Settlement(sentence, undone, basis, history.UNDONE, number, True, before)


def _problem(settings: Settings, version: str, basis: Basis) -> str | None:
    """Return why a version cannot become champion; None when it can."""
    found = registry.find_version(settings, version)
    if found is None:
        return f"MLflow has no version {version} any more"
    try:
        with loading.checked_files(settings, replace(found, digest=basis.digest)):
            return None
    except PipelineError as error:
        return str(error)


def _existing(settings: Settings, decision: Decision) -> str | None:
    """Return the champion before a decision, None where there was none or MLflow does not have it any more."""
    version = decision.previous_version
    return version if version and registry.find_version(settings, version) else None


def _without_digest(settings: Settings, rows: list[dict[str, Any]]) -> Iterator[_Settlement]:
    """Record the digest of champions from before there were digests: their files as they are now."""
    champions = history.standing(rows).champions
    for champion in {one.version: one for one in champions if one.basis.digest is None}.values():
        found = registry.find_version(settings, champion.version)
        if found is None:
            continue  # whoever needs it is told that it is gone
        try:
            digest = loading.digest_now(settings, found)
        except PipelineError:
            continue
        reason = "it was promoted before files were recorded: they are recorded as they are now"
        decision = Decision(history.ADOPTED, reason, champion.version, champion.version)
        basis = replace(champion.basis, digest=digest, evaluation=None, gates=())
        yield _Settlement(f"version {champion.version}: {reason}", decision, basis)


def _target(decision: Decision) -> str | None:
    return None if decision.decision == history.RETIRED else decision.model_version
