"""The ledger of the gates on the warehouse of the pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from psycopg import sql
from psycopg.rows import dict_row

from gates.ledger import evidence
from training_pipeline.warehouse.postgres import connect

if TYPE_CHECKING:
    import datetime as dt

    import psycopg

    from training_pipeline.config import Settings


def latest(
    settings: Settings, run_date: dt.date, node_ids: Iterable[str] | None = None
) -> dict[str, list[evidence.Row]]:
    """Return the rows that each test wrote last for a run date, see `gates.ledger.evidence.latest`; none without a ledger."""
    name = sql.Identifier(settings.schema, evidence.LEDGER)
    with connect(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        if not exists(connection, name):
            return {}
        return evidence.latest(
            lambda statement: cursor.execute(statement.encode()).fetchall(),
            name.as_string(connection),
            run_date,
            node_ids,
        )


def exists(connection: psycopg.Connection, relation: sql.Identifier) -> bool:
    """Say whether a table or view is there."""
    row = connection.execute("select to_regclass(%s)", [relation.as_string(connection)]).fetchone()
    return row is not None and row[0] is not None
