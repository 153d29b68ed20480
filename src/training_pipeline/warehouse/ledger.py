"""The ledger of the gates on the warehouse of the pipeline."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import sql
from psycopg.rows import dict_row

from gates.ledger import evidence, runs, seals
from gates.ledger.evidence import Row
from training_pipeline.errors import PipelineError
from training_pipeline.warehouse.dbt import read_manifest
from training_pipeline.warehouse.postgres import connect

if TYPE_CHECKING:
    import datetime as dt

    import psycopg

    from training_pipeline.config import Settings

Answer = TypeVar("Answer")


def latest(
    settings: Settings, run_date: dt.date, node_ids: Iterable[str] | None = None, mode: str | None = None
) -> dict[str, list[Row]]:
    """Return the rows that each test wrote last for a run date, see `gates.ledger.evidence.latest`; none without a ledger."""
    return _read(settings, {}, lambda query, table: evidence.latest(query, table, run_date, node_ids, mode))


def of_invocation(settings: Settings, invocation_id: str) -> list[Row]:
    """Return the rows that a dbt invocation recorded; none without a ledger."""
    return _read(settings, [], lambda query, table: runs.of_invocation(query, table, invocation_id))


def past(settings: Settings, rows: Sequence[Row]) -> dict[runs.Key, dict[dt.date, object]]:
    """Return what the metrics of some rows were on the days before, see `gates.ledger.runs.past`; nothing without a ledger."""
    return _read(settings, {}, lambda query, table: runs.past(query, table, rows))


def _read(settings: Settings, absent: Answer, ask: Callable[[runs.Query, str], Answer]) -> Answer:
    """Ask the ledger something; the answer is `absent` where there is none."""
    name = address(settings)
    with connect(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        if not exists(connection, name):
            return absent
        return ask(
            lambda statement: cursor.execute(statement.encode()).fetchall(), name.as_string(connection)
        )


def address(settings: Settings, table: str = evidence.LEDGER) -> sql.Identifier:
    """Return the address of the ledger, or of the seals beside it, as dbt keeps it in its manifest with each gate.

    Raises
    ------
    PipelineError
        When there is no manifest yet, or no gate in it.
    """
    for node in read_manifest(settings)["nodes"].values():
        if node["resource_type"] == "test" and (text := node["config"]["meta"].get(evidence.LEDGER)):
            schema, _ = re.findall(r'"((?:[^"]|"")+)"', text)[-2:]
            return sql.Identifier(schema.replace('""', '"'), table)
    raise PipelineError(
        "the dbt project must have a gate, and its manifest has none: add gates to the models"
    )


def broken_seals(settings: Settings, statement: str) -> list[dict[str, Any]]:
    """Run the query that `gates.ledger.seals.question` compiles to and return its findings."""
    with connect(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        if not exists(connection, address(settings, evidence.SEALS)):
            return [dict(seals.MISSING)]
        return cursor.execute(statement.encode()).fetchall()


def size_of(
    connection: psycopg.Connection, ledger: sql.Identifier, runs: sql.Identifier
) -> tuple[int, int, int]:
    """Return how many runs, rows and bytes of the ledger are of the runs that a table lists."""
    statement = sql.SQL(
        "select count(distinct recorded.invocation_id), count(*), coalesce(sum(pg_column_size(recorded.*)), 0)"
        " from {} as recorded join {} as listed using (invocation_id)"
    ).format(ledger, runs)
    row = connection.execute(statement).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


def exists(connection: psycopg.Connection, relation: sql.Identifier) -> bool:
    """Say whether a table or view is there."""
    row = connection.execute("select to_regclass(%s)", [relation.as_string(connection)]).fetchone()
    return row is not None and row[0] is not None
