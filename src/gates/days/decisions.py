"""Accepted incidents: days that a person has marked, with a reason, so that no gate takes them for a reference."""

from __future__ import annotations

import datetime as dt
import getpass
import uuid

from psycopg import sql

from gates.ledger.evidence import LEDGER, exists
from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.warehouse.postgres import connect

ACCEPTED = "accepted_incident"  # the node_id that the gates look for, see macros/ledger/ledger.sql


def accept(settings: Settings, day: dt.date, note: str) -> None:
    """Mark a day: from now on it is no gate's reference. Its own verdicts stay what they were.

    Raises
    ------
    PipelineError
        When the note is empty, the day lies in the future, or there is no ledger yet.
    """
    if not note.strip():
        raise PipelineError("--note must say why the day is accepted as it is, received nothing")
    if day > dt.datetime.now(dt.UTC).date():
        raise PipelineError(
            f"{day} has not happened yet: a day that is known beforehand belongs into seeds/calendar.csv"
        )
    ledger = sql.Identifier(settings.schema, LEDGER)
    with connect(settings) as connection:
        if not exists(connection, ledger):
            raise PipelineError(f"{settings.schema}.{LEDGER} does not exist yet: run dbt build first")
        connection.execute(
            sql.SQL(
                "insert into {} (gate, metric, segment, run_date, current_value, verdict, reason, recorded_at,"
                " invocation_id, node_id, relation, severity, status)"
                " values (%(gate)s, %(note)s, 'all', %(day)s, %(who)s, 'warn', 'accepted', now(), %(id)s, %(gate)s,"
                " '', 'warn', 'accepted')"
            ).format(ledger),
            {"gate": ACCEPTED, "note": note, "day": day, "who": getpass.getuser(), "id": str(uuid.uuid4())},
        )
