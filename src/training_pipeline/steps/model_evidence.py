"""The proof that a challenger may be promoted: every model gate passed, on exactly this version and evaluation."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from gates.ledger import evidence, seals
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.registry.models import CHAMPION, Registered
from training_pipeline.steps.gating import failure_cards
from training_pipeline.warehouse import ledger
from training_pipeline.warehouse.dbt import compile_inline, read_manifest
from training_pipeline.warehouse.postgres import connect
from training_pipeline.warehouse.required_gates import MODEL_GATE, required_model_gates

COLUMN_GATE = "schema_match"

# dbt answers in one go, with the macros that the gates used.
_QUESTION = """
{{ tojson({
    "evaluated_sql": evaluated_versions(),
    "config_hashes": config_hashes(),
    "broken_seals_sql": BROKEN_SEALS_SQL
}) }}
"""


_RUN = f"Run them: dbt build --select tag:{MODEL_GATE}"


@dataclass(frozen=True)
class Proof:
    """What the promotion of a challenger rests on.

    Attributes
    ----------
    evaluation : str
        The model version and its evaluation, as the gates recorded it (`subject_version`).
    compared_with : str or None
        The champion that the challenger was compared with, None if there was none.
    rows : list of mapping
        The ledger rows of the gates.
    """

    evaluation: str
    compared_with: str | None
    rows: list[evidence.Row]


def proof(settings: Settings, run_date: dt.date, challenger: Registered) -> Proof:
    """Return the proof of a challenger; there is no way to promote without one.

    A gate counts by what it said last about the run date, with the configuration that it has now, if all its rows are
    about this version and about the evaluation as it is now.

    Raises
    ------
    GateStopped
        A gate has failed, has not run, has another configuration now, or judged another version or evaluation.
    PipelineError
        The challenger has not been evaluated.
    """
    required = required_model_gates(read_manifest(settings))
    latest = ledger.latest(settings, run_date, required)
    rows = [row for found in latest.values() for row in found]
    relied_on = seals.question({row["invocation_id"] for row in rows})
    answer = json.loads(compile_inline(settings, _QUESTION.replace("BROKEN_SEALS_SQL", relied_on), run_date))
    evaluated = _evaluation(settings, answer["evaluated_sql"], run_date, challenger)
    if evaluated["digest"] != challenger.digest:
        raise _stopped(
            run_date,
            f"the evaluation of version {challenger.version} is about other files than those that were trained. "
            f"Evaluate again: training-pipeline evaluate --run-date {run_date}",
            rows,
        )
    if absent := sorted(set(required) - set(latest)):
        raise _stopped(
            run_date,
            f"{len(absent)} of {len(required)} model gates have not run: {evidence.names(absent)}. {_RUN}",
            rows,
        )
    if strangers := [row for row in rows if not _is_about(row, evaluated)]:
        raise _stopped(run_date, _about_others(strangers, len(required), challenger), rows)
    if failed := evidence.failed(rows):
        raise GateStopped(
            "\n".join([f"promotion stopped on {run_date}", *failure_cards(settings, failed)]), failed
        )
    hashes = answer["config_hashes"]
    if changed := sorted(
        {row["node_id"] for row in rows if row["config_hash"] != hashes.get(row["node_id"])}
    ):
        raise _stopped(
            run_date, f"the configuration of {evidence.names(changed)} has changed since it ran. {_RUN}", rows
        )
    if broken := ledger.broken_seals(settings, answer["broken_seals_sql"]):
        raise _stopped(run_date, seals.summary(broken), rows)
    return Proof(evaluated["subject_version"], evaluated["compared_with"], rows)


def _evaluation(
    settings: Settings, evaluated_sql: str, run_date: dt.date, challenger: Registered
) -> dict[str, Any]:
    """Return the evaluation of a challenger as it is now, with the champion that it was compared with."""
    query = sql.SQL(
        "select subject_version, digest, evaluated_at,"
        " max(reference_version) filter (where reference = %s) as compared_with"
        " from ({evaluated}) as evaluated join ml.model_evaluation using (run_date, model_name, model_version)"
        " where run_date = %s and model_name = %s and model_version = %s group by 1, 2, 3"
    ).format(evaluated=sql.SQL(evaluated_sql))
    with connect(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(query, [CHAMPION, run_date, challenger.name, challenger.version]).fetchall()
    if len(found) != 1:
        raise PipelineError(
            f"version {challenger.version} must have been evaluated for run date {run_date}, at once; it has "
            f"{len(found)} evaluations. Evaluate first: training-pipeline evaluate --run-date {run_date}"
        )
    return found[0]


def _is_about(row: evidence.Row, evaluated: Mapping[str, Any]) -> bool:
    """Whether a row of evidence is about an evaluation. One about columns names no rows: it must be later."""
    if row["gate"] == COLUMN_GATE:
        return bool(row["recorded_at"] > evaluated["evaluated_at"])
    return bool(row["subject_version"] == evaluated["subject_version"])


def _about_others(strangers: Iterable[evidence.Row], required: int, challenger: Registered) -> str:
    """Say what the gates have judged instead of the challenger's evaluation."""
    judged = {_subject(row, challenger.version) for row in strangers}
    gates = sorted({row["node_id"] for row in strangers})
    return (
        f"{len(gates)} of {required} model gates have judged {' and '.join(sorted(judged))}, not version "
        f"{challenger.version} as it was evaluated last: {evidence.names(gates)}. {_RUN}"
    )


def _subject(row: evidence.Row, version: str) -> str:
    if row["gate"] == COLUMN_GATE:
        return f"an earlier evaluation of version {version}"
    if row["subject_version"] is None:
        return "a version that they do not name (argument `version`)"
    judged = row["subject_version"].split(" ", 1)[0]
    return f"an earlier evaluation of version {version}" if judged == version else f"version {judged}"


def _stopped(run_date: dt.date, what: str, rows: Iterable[evidence.Row]) -> GateStopped:
    return GateStopped(f"promotion stopped on {run_date}: {what}", list(rows))
