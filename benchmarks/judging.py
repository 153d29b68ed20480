"""What the model gates of the project say of many challengers at once, none of which is registered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg.rows import dict_row

from gates.project.dbt import compile_nodes, parse
from training_pipeline.config import Settings
from training_pipeline.model.measurement import Measurement
from training_pipeline.registry.fitness import Fitness
from training_pipeline.steps.evaluate import row_of
from training_pipeline.warehouse import dbt, ml_tables
from training_pipeline.warehouse.postgres import connect
from training_pipeline.warehouse.required_gates import MODEL_GATE

# What a fresh process says of a healthy model.
PREDICTED = np.linspace(0, 1, 1_000)
FIT = Fitness(PREDICTED, 0.0, (), row_seconds=0.02, batch_seconds=0.05, memory=500 * 2**20)

_FIRST_DAY = dt.date(2100, 1, 1)  # each challenger has a separate run date, which no real one has


@dataclass(frozen=True)
class Verdict:
    """What one gate says of one challenger in one segment.

    Attributes
    ----------
    gate : str
        Its name in the project.
    verdict, reason : str
        As in the ledger.
    blocks : bool
        Whether the gate stops the promotion: it failed, and its severity is error.
    """

    gate: str
    segment: str
    verdict: str
    reason: str
    current_value: float | None
    blocks: bool


def judge(settings: Settings, challengers: Mapping[str, Sequence[Measurement]]) -> dict[str, list[Verdict]]:
    """Let the model gates judge each challenger; the evaluations are gone afterwards.

    The gates are compiled for a window of days, one for each challenger, so a gate is one statement for all.
    """
    days = {name: _FIRST_DAY + dt.timedelta(days=number) for number, name in enumerate(challengers)}
    last = max(days.values())
    with connect(settings) as connection:
        ml_tables.ensure(connection)
    dbt.invoke(settings, ["run", "--select", "challenger_evaluation"], last)
    project = dbt.project(settings)
    manifest = parse(project)
    judging = [unique_id for unique_id, node in manifest.nodes.items() if _judges_a_day(node)]
    gates = compile_nodes(
        project, manifest, judging, {"run_date": str(last)}, {"JUDGED_FROM": str(_FIRST_DAY)}
    )
    names = {day: name for name, day in days.items()}
    verdicts: dict[str, list[Verdict]] = {name: [] for name in challengers}
    with connect(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        for name, measurements in challengers.items():
            cursor.executemany(
                ml_tables.INSERT_EVALUATION,
                [(days[name], "judged", "1", None, _FIRST_DAY, *row_of(row)) for row in measurements],
            )
        for gate in gates.values():
            for row in cursor.execute(gate.compiled_code).fetchall():
                verdicts[names[row["run_date"]]].append(_verdict(gate.name, str(gate.config.severity), row))
        connection.rollback()
    return verdicts


def blocking(verdicts: Sequence[Verdict]) -> set[str]:
    """The gates that stop the promotion."""
    return {verdict.gate for verdict in verdicts if verdict.blocks}


def _judges_a_day(node: Any) -> bool:
    """Whether a node is a model gate that asks about a run date; `schema_match` asks about the table."""
    metadata = getattr(node, "test_metadata", None)
    return metadata is not None and MODEL_GATE in node.tags and metadata.name != "schema_match"


def _verdict(gate: str, severity: str, row: Mapping[str, object]) -> Verdict:
    value = row["current_value"]
    return Verdict(
        gate=gate,
        segment=str(row["segment"]),
        verdict=str(row["verdict"]),
        reason=str(row["reason"]),
        current_value=None if value is None else float(str(value)),
        blocks=row["verdict"] == "fail" and severity.lower() == "error",
    )
