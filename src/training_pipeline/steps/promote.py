"""Decide whether the challenger becomes the champion, and record the decision.

The champion is the version with MLflow's alias `champion`; `ml.promotion_history` holds the decisions that
led to it. Both change together under one lock, and only if the champion is still the version that the
challenger was compared with (compare-and-swap).
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from gates.ledger import evidence, seals
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.registry import models as registry
from training_pipeline.registry import provenance
from training_pipeline.registry.models import CHAMPION, Registered
from training_pipeline.roles import Role, acting_as
from training_pipeline.steps.gating import failure_cards
from training_pipeline.warehouse import ledger, ml_tables
from training_pipeline.warehouse.dbt import compile_inline, read_manifest
from training_pipeline.warehouse.postgres import connect
from training_pipeline.warehouse.required_gates import MODEL_GATE, required_model_gates

PROMOTED = "promoted"
KEPT = "kept"
ROLLED_BACK = "rolled_back"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decision:
    """A decision about the champion.

    Attributes
    ----------
    decision : str
        'promoted', 'kept' or 'rolled_back'.
    model_version : str
        The version that the decision is about.
    previous_version : str or None
        The champion before the decision, None if there was none.
    """

    decision: str
    reason: str
    model_version: str
    previous_version: str | None


@acting_as(Role.PROMOTE)
def promote(settings: Settings, run_date: dt.date) -> Decision:
    """Promote the challenger of a run date if its gates passed, or give the reason to keep the champion.

    The first champion needs only the model gates, which compare it with the baselines. A champion is not
    replaced by itself or by a model of the same rows and code. A model that was rolled back does not return.

    Returns
    -------
    Decision
        'promoted' or 'kept', with its reason.

    Raises
    ------
    GateStopped
        A model gate failed or has not run since the challenger was evaluated, or the champion has changed
        since then.
    PipelineError
        There is no challenger of this run date, or it has not been evaluated.
    """
    challenger = registry.challenger(settings, run_date)
    with connect(settings) as connection, connection.transaction():
        _lock(connection)
        compared_with, evaluated_at = _evaluation(connection, challenger, run_date)
        gates = _passed_gates(settings, run_date, evaluated_at)
        champion = registry.with_alias(settings, CHAMPION)
        decision = _decide(settings, ml_tables.history(connection), challenger, champion, compared_with)
        _append(connection, run_date, decision, challenger, gates)
        if decision.decision == PROMOTED:
            # Last, so that only the commit can fail after it
            registry.set_alias(settings, CHAMPION, challenger.version)
    logger.info("version %s is %s: %s", decision.model_version, decision.decision, decision.reason)
    return decision


@acting_as(Role.PROMOTE)
def rollback(settings: Settings) -> Decision:
    """Make the previous champion the champion again.

    Two rollbacks go back two champions. `promote` does not promote the replaced model again.

    Returns
    -------
    Decision
        'rolled_back', with its reason.

    Raises
    ------
    PipelineError
        There is no champion or no previous one, or the alias and the history differ.
    """
    with connect(settings) as connection, connection.transaction():
        _lock(connection)
        champions = _champions(ml_tables.history(connection))
        present = registry.with_alias(settings, CHAMPION)
        by_history = champions[-1] if champions else None
        by_alias = present.version if present else None
        if by_history != by_alias:
            raise PipelineError(
                f"the alias {CHAMPION} must be on the champion of ml.promotion_history, version "
                f"{by_history or 'none'}; it is on version {by_alias or 'none'}, so somebody moved it. Move it back."
            )
        if len(champions) < 2:
            raise PipelineError(
                f"a rollback needs a previous champion; there is none before version {by_alias or 'none'}"
            )
        target = registry.with_version(settings, champions[-2])
        decision = Decision(
            ROLLED_BACK,
            f"the previous champion replaces version {by_alias}",
            model_version=target.version,
            previous_version=by_alias,
        )
        _append(connection, target.run_date, decision, target, ())
        registry.set_alias(settings, CHAMPION, target.version)
    logger.info("version %s is the champion again, instead of %s", target.version, by_alias)
    return decision


def _decide(
    settings: Settings,
    history: Sequence[evidence.Row],
    challenger: Registered,
    champion: Registered | None,
    compared_with: str | None,
) -> Decision:
    version, previous = challenger.version, champion.version if champion else None
    champions = _champions(history)
    if champion is not None and version == previous:
        if champions[-1:] != [version]:
            reason = (
                "all model gates passed; completes a promotion that was interrupted before it was recorded"
            )
            return Decision(PROMOTED, reason, version, champions[-1] if champions else None)
        return Decision(
            KEPT, "it is the champion already; a champion is not replaced by itself", version, previous
        )
    if previous != compared_with:
        raise GateStopped(
            f"promotion stopped: version {version} was compared with champion {compared_with or 'none'}, but "
            f"the champion is {previous or 'none'} now. Evaluate it again and run the model gates."
        )
    if champion is not None and champion.tags["model_hash"] == challenger.tags["model_hash"]:
        return Decision(
            KEPT, f"it is the same model as champion {previous}: same rows, same code", version, previous
        )
    rolled_back = {row["previous_version"] for row in history if row["decision"] == ROLLED_BACK}
    same_model = registry.versions(settings, {"model_hash": challenger.tags["model_hash"]})
    if again := rolled_back.intersection(same_model):
        return Decision(
            KEPT, f"the same model was rolled back as version {min(again, key=int)}", version, previous
        )
    reference = f"champion {previous}" if previous else "the baselines only: it is the first champion"
    return Decision(PROMOTED, f"all model gates passed; compared with {reference}", version, previous)


def _evaluation(
    connection: psycopg.Connection, challenger: Registered, run_date: dt.date
) -> tuple[str | None, dt.datetime]:
    """Return the champion that the challenger was compared with, and the time of the evaluation."""
    latest = connection.execute(
        "select model_version, evaluated_at, max(reference_version) filter (where reference = %s)"
        " from ml.model_evaluation where run_date = %s and model_name = %s"
        " group by model_version, evaluated_at order by evaluated_at desc limit 1",
        [CHAMPION, run_date, challenger.name],
    ).fetchone()
    if latest is None or latest[0] != challenger.version:
        raise PipelineError(
            f"the last version evaluated for run date {run_date} must be {challenger.version}; it is "
            f"{'none' if latest is None else latest[0]}. Evaluate first: "
            f"training-pipeline evaluate --run-date {run_date}"
        )
    return latest[2], latest[1]


def _passed_gates(settings: Settings, run_date: dt.date, evaluated_at: dt.datetime) -> list[evidence.Row]:
    """Return the ledger rows of all model gates; each gate must have passed after the evaluation."""
    required = required_model_gates(read_manifest(settings))
    latest = ledger.latest(settings, run_date, required)
    rows = [row for found in latest.values() for row in found if row["recorded_at"] > evaluated_at]
    if failed := evidence.failed(rows):
        raise GateStopped(
            "\n".join([f"promotion stopped on {run_date}", *failure_cards(settings, failed)]), failed
        )
    if absent := sorted(set(required) - {row["node_id"] for row in rows}):
        raise GateStopped(
            f"promotion stopped on {run_date}: {len(absent)} of {len(required)} model gates have not run "
            f"since the evaluation at {evaluated_at:%Y-%m-%d %H:%M:%S %Z}: {evidence.names(absent)}. "
            f"Run them: dbt build --select tag:{MODEL_GATE}",
            rows,
        )
    question = f"{{{{ {seals.question({row['invocation_id'] for row in rows})} }}}}"
    if broken := ledger.broken_seals(settings, compile_inline(settings, question, run_date)):
        raise GateStopped(f"promotion stopped on {run_date}: {seals.summary(broken)}", rows)
    return rows


def _lock(connection: psycopg.Connection) -> None:
    """Hold the lock until the transaction ends, so that one process at a time decides."""
    ml_tables.ensure(connection)
    connection.execute("select pg_advisory_xact_lock(%s)", [registry.LOCK])


def _champions(history: Iterable[evidence.Row]) -> list[str]:
    """Return the champions, the present one last, without those that were rolled back."""
    champions: list[str] = []
    for row in history:
        if row["decision"] == PROMOTED:
            champions.append(row["model_version"])
        elif row["decision"] == ROLLED_BACK:
            champions.pop()
    return champions


def _append(
    connection: psycopg.Connection,
    run_date: dt.date,
    decision: Decision,
    model: Registered,
    gates: Iterable[evidence.Row],
) -> None:
    """Append to the history unless it ends with this decision, so that a repeated run adds nothing."""
    last = connection.execute(
        "select run_date, model_version, decision, reason from ml.promotion_history where model_name = %s"
        " order by decided_at desc limit 1",
        [model.name],
    ).fetchone()
    if last == (run_date, decision.model_version, decision.decision, decision.reason):
        return
    gate_results: list[dict[str, Any]] = [
        {name: row[name] for name in ("node_id", "gate", "metric", "segment", "verdict", "invocation_id")}
        for row in gates
    ]
    connection.execute(
        "insert into ml.promotion_history (decided_at, run_date, model_name, model_version, previous_version,"
        " decision, reason, gates, data_fingerprint, git_commit, manifest_hash, decided_by)"
        " values (clock_timestamp(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            run_date,
            model.name,
            decision.model_version,
            decision.previous_version,
            decision.decision,
            decision.reason,
            Jsonb(gate_results),
            model.tags["data_fingerprint"],
            model.tags["git_commit"],
            model.tags["manifest_hash"],
            provenance.decided_by(),
        ],
    )
