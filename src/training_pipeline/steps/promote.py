"""Decide whether the challenger becomes the champion, and record the decision."""

from __future__ import annotations

import datetime as dt
import logging

import psycopg

from gates.ledger import evidence
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.registry import champion as champions
from training_pipeline.registry import history, loading
from training_pipeline.registry import models as registry
from training_pipeline.registry.challenger import challenger as challenger_of
from training_pipeline.registry.champion import Record
from training_pipeline.registry.history import Basis, Decision
from training_pipeline.registry.models import Registered
from training_pipeline.roles import Role, acting_as
from training_pipeline.steps.model_evidence import Proof, proof
from training_pipeline.warehouse.lock import one_at_a_time

logger = logging.getLogger(__name__)


@acting_as(Role.PROMOTE)
@one_at_a_time("promote")
def promote(settings: Settings, run_date: dt.date) -> Decision:
    """Promote the challenger of a run date if its gates passed, or give the reason to keep the champion.

    The first champion needs only the model gates, which compare it with the baselines. A champion is replaced by no model
    of an earlier run date, not by itself and not by a model of the same rows and code. A model that was rolled back does
    not return.

    Returns
    -------
    Decision
        'promoted' or 'kept', with its reason.

    Raises
    ------
    GateStopped
        A model gate failed or has judged something else, or the champion has changed since then: the history has it as
        'rejected'. Or somebody has changed the registry by hand.
    PipelineError
        There is no challenger of this run date, or it has not been evaluated.
    """
    challenger = challenger_of(settings, run_date)
    with champions.opened(settings) as record:
        record.require_agreement()
        try:
            proven = proof(settings, run_date, challenger)
            with loading.checked_files(settings, challenger):
                decision = _decide(settings, record, run_date, challenger, proven)
        except GateStopped as stopped:
            _reject(record, run_date, challenger, stopped)
            raise
        basis = _basis(run_date, challenger, proven.evaluation, proven.rows)
        if decision.decision == history.PROMOTED:
            record.change(decision, basis)
        else:
            record.keep(decision, basis)
    return decision


@acting_as(Role.PROMOTE)
def reject(settings: Settings, run_date: dt.date, stopped: GateStopped) -> None:
    """Record that the gates stopped the challenger of a run date, where nobody asks for its promotion any more.

    Where that is not possible the verdict stays what it is, and a warning says why.
    """
    try:
        with champions.opened(settings) as record:
            _reject(record, run_date, challenger_of(settings, run_date), stopped)
    except (PipelineError, psycopg.Error) as error:
        logger.warning("ml.promotion_history has no row of this rejection: %s", error)


@acting_as(Role.PROMOTE)
@one_at_a_time("rollback")
def rollback(settings: Settings, to: str | None = None) -> Decision:
    """Make a previous champion the champion again.

    `promote` does not promote the replaced models again.

    Parameters
    ----------
    to : str, optional
        A version that was champion once; the champion before the present one when None.

    Returns
    -------
    Decision
        'rolled_back', with its reason.

    Raises
    ------
    GateStopped
        Somebody has changed the registry by hand, or the files of that version.
    PipelineError
        There is no champion, or no such previous one.
    """
    with champions.opened(settings) as record:
        standing = record.standing
        if standing.present is None:
            raise PipelineError("a rollback needs a champion; ml.promotion_history has none")
        replaced = standing.present.version
        if registry.find_version(settings, replaced) is not None:
            record.require_agreement()  # a champion that is gone is what a rollback is for
        if to is None and len(standing.champions) < 2:
            raise PipelineError(
                f"a rollback needs a previous champion; there is none before version {replaced}. To a version that "
                f"was rolled back: {champions.ROLLBACK}"
            )
        target = standing.champions[-2] if to is None else standing.once.get(to)
        if target is None or target.version == replaced:
            why = "is the champion now" if target else "was never champion"
            raise PipelineError(
                f"--to must be a version that was champion once ({', '.join(standing.once)}) and is not now; "
                f"version {to} {why}"
            )
        with loading.checked_files(settings, champions.registered(settings, target)):
            decision = Decision(
                history.ROLLED_BACK,
                f"the previous champion replaces version {replaced}",
                target.version,
                replaced,
            )
            record.change(decision, target.basis)
    return decision


def _decide(
    settings: Settings, record: Record, run_date: dt.date, challenger: Registered, proven: Proof
) -> Decision:
    version, present = challenger.version, record.standing.present
    previous = present.version if present else None

    def keep(reason: str) -> Decision:
        return Decision(history.KEPT, reason, version, previous)

    if present is not None and run_date < present.confirmed:
        return keep(
            f"run date {run_date} is earlier than {present.confirmed}, the one of champion {previous}: an earlier run "
            "date never replaces a later champion"
        )
    if version == previous:
        return keep("it is the champion already; a champion is not replaced by itself")
    if previous != proven.compared_with:
        raise GateStopped(
            f"promotion stopped: version {version} was compared with champion {proven.compared_with or 'none'}, but "
            f"the champion is {previous or 'none'} now. Evaluate it again and run the model gates."
        )
    model_hash = challenger.tags["model_hash"]
    if present is not None and champions.registered(settings, present).tags["model_hash"] == model_hash:
        return keep(f"it is the same model as champion {previous}: same rows, same code")
    same_model = {version, *registry.versions(settings, {"model_hash": model_hash})}
    if again := record.standing.rolled_back.intersection(same_model):
        return keep(f"the same model was rolled back as version {min(again, key=int)}")
    reference = f"champion {previous}" if previous else "the baselines only: it is the first champion"
    return Decision(history.PROMOTED, f"all model gates passed; compared with {reference}", version, previous)


def _reject(record: Record, run_date: dt.date, challenger: Registered, stopped: GateStopped) -> None:
    present = record.standing.present
    failed = sorted({row["node_id"] for row in evidence.failed(stopped.evidence)})
    reason = f"{len(failed)} model gates failed: {evidence.names(failed)}" if failed else str(stopped)
    decision = Decision(history.REJECTED, reason, challenger.version, present.version if present else None)
    versions = {row["subject_version"] for row in stopped.evidence}
    evaluation = versions.pop() if len(versions) == 1 else None
    record.keep(decision, _basis(run_date, challenger, evaluation, stopped.evidence))


def _basis(
    run_date: dt.date, challenger: Registered, evaluation: str | None, rows: list[evidence.Row]
) -> Basis:
    columns = ("node_id", "gate", "metric", "segment", "verdict", "invocation_id", "config_hash")
    return Basis(
        run_date=run_date,
        model_name=challenger.name,
        digest=challenger.digest,
        data_fingerprint=challenger.tags["data_fingerprint"],
        git_commit=challenger.tags["git_commit"],
        manifest_hash=challenger.tags["manifest_hash"],
        evaluation=evaluation,
        gates=[{name: row[name] for name in columns} for row in rows],
    )
