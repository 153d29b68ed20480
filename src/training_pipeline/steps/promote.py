"""Decide whether the challenger becomes the champion, and keep the decision.

The champion is the version that carries MLflow's alias `champion`; `ml.promotion_history` says how it came to
be. Both change together under one lock, from the version that the challenger was compared with
(compare-and-swap).
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from gates.ledger import evidence
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.registry import models as registry
from training_pipeline.registry import provenance
from training_pipeline.registry.models import CHAMPION, Registered
from training_pipeline.steps.certificate import MODEL_GATE, is_blocking_test
from training_pipeline.warehouse import ml_tables
from training_pipeline.warehouse.dbt import read_manifest
from training_pipeline.warehouse.postgres import connect

PROMOTED = "promoted"
KEPT = "kept"
ROLLED_BACK = "rolled_back"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decision:
    """What was decided about the champion.

    Attributes
    ----------
    decision : 'promoted', 'kept' or 'rolled_back'
    model_version : that the decision is about
    previous_version : the champion before, None when there was none
    """

    decision: str
    reason: str
    model_version: str
    previous_version: str | None


def promote(settings: Settings, run_date: dt.date) -> Decision:
    """Make the challenger of a run date the champion when its gates passed, or say why the champion is kept.

    Policy: the first champion needs no more than the gates, which compare it with the baselines. A champion
    is not replaced by itself, nor by a model of the same rows and code. A model that was rolled back does not
    return.

    Raises
    ------
    GateStopped
        A model gate failed, or did not run since the challenger was evaluated, or the champion is no longer
        the one that the challenger was compared with.
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
            # Last, so that nothing but the commit can fail after it
            registry.set_alias(settings, CHAMPION, challenger.version)
    logger.info("version %s is %s: %s", decision.model_version, decision.decision, decision.reason)
    return decision


def rollback(settings: Settings) -> Decision:
    """Make the champion before the present one the champion again.

    Going back twice goes back two champions. The model that was left does not return by itself; see
    `promote`.

    Raises
    ------
    PipelineError
        There is no champion, none before it, or the alias is not what the history says.
    """
    with connect(settings) as connection, connection.transaction():
        _lock(connection)
        champions = _champions(ml_tables.history(connection))
        present = registry.with_alias(settings, CHAMPION)
        by_history = champions[-1] if champions else None
        by_alias = present.version if present else None
        if by_history != by_alias:
            raise PipelineError(
                f"the champion must be version {by_history or 'none'} as in ml.promotion_history, but its "
                f"alias is on {by_alias or 'none'}: somebody set it by hand. Set it back."
            )
        if len(champions) < 2:
            raise PipelineError(f"there is no champion before version {by_alias or 'none'} to go back to")
        target = registry.with_version(settings, champions[-2])
        decision = Decision(
            ROLLED_BACK,
            f"version {by_alias} is replaced by the champion before it",
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
    left = {row["previous_version"] for row in history if row["decision"] == ROLLED_BACK}
    if same := left.intersection(registry.versions(settings, {"model_hash": challenger.tags["model_hash"]})):
        return Decision(
            KEPT, f"the same model was rolled back as version {min(same, key=int)}", version, previous
        )
    compared = f"champion {previous}" if previous else "the baselines only: it is the first champion"
    return Decision(PROMOTED, f"all model gates passed; compared with {compared}", version, previous)


def _evaluation(
    connection: psycopg.Connection, challenger: Registered, run_date: dt.date
) -> tuple[str | None, dt.datetime]:
    """The champion that the challenger was compared with, and when."""
    latest = connection.execute(
        "select model_version, evaluated_at, max(reference_version) filter (where reference = %s)"
        " from ml.model_evaluation where run_date = %s and model_name = %s"
        " group by model_version, evaluated_at order by evaluated_at desc limit 1",
        [CHAMPION, run_date, challenger.name],
    ).fetchone()
    if latest is None or latest[0] != challenger.version:
        raise PipelineError(
            f"version {challenger.version} must be the last one evaluated for run date {run_date}; "
            f"{'none' if latest is None else 'version ' + latest[0]} is. Evaluate it first: "
            f"training-pipeline evaluate --run-date {run_date}"
        )
    return latest[2], latest[1]


def required_model_gates(manifest: Mapping[str, Any]) -> list[str]:
    """The unique ids of the tests that have to pass before promotion: severity error, tagged `model_gate`.

    Raises
    ------
    PipelineError
        The project has none.
    """
    required = [
        unique_id
        for unique_id, node in manifest["nodes"].items()
        if is_blocking_test(node) and MODEL_GATE in node["tags"]
    ]
    if not required:
        raise PipelineError(
            f"at least one test of severity error must be tagged {MODEL_GATE}; the dbt project has none, so "
            "nothing could prove a model fit for promotion"
        )
    return required


def _passed_gates(settings: Settings, run_date: dt.date, evaluated_at: dt.datetime) -> list[evidence.Row]:
    """The ledger rows of all model gates, each of which passed after the evaluation."""
    required = required_model_gates(read_manifest(settings))
    latest = evidence.latest(settings, run_date, required)
    rows = [row for found in latest.values() for row in found if row["recorded_at"] > evaluated_at]
    if failed := evidence.failed(rows):
        raise GateStopped(
            f"promotion stopped on {run_date}: {evidence.summary(failed)}",
            failed,
        )
    if absent := sorted(set(required) - {row["node_id"] for row in rows}):
        raise GateStopped(
            f"promotion stopped on {run_date}: {len(absent)} of {len(required)} model gates have not run "
            f"since the evaluation at {evaluated_at:%Y-%m-%d %H:%M:%S %Z}: {evidence.names(absent)}. "
            f"Run them: dbt build --select tag:{MODEL_GATE}",
            rows,
        )
    return rows


def _lock(connection: psycopg.Connection) -> None:
    """One decision at a time; the lock goes with the transaction."""
    ml_tables.ensure(connection)
    connection.execute("select pg_advisory_xact_lock(%s)", [registry.LOCK])


def _champions(history: Iterable[evidence.Row]) -> list[str]:
    """The champions that led to the present one, which is the last; those that were rolled back are gone."""
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
    """Append to the history, unless it ends with this decision already: a repeated run adds nothing."""
    last = connection.execute(
        "select run_date, model_version, decision, reason from ml.promotion_history where model_name = %s"
        " order by decided_at desc limit 1",
        [model.name],
    ).fetchone()
    if last == (run_date, decision.model_version, decision.decision, decision.reason):
        return
    kept: list[dict[str, Any]] = [
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
            Jsonb(kept),
            model.tags["data_fingerprint"],
            model.tags["git_commit"],
            model.tags["manifest_hash"],
            provenance.decided_by(),
        ],
    )
