"""The tables of the ledger, created and migrated by the role that owns them: who writes evidence may not change it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from gates.ledger.evidence import LEDGER
from training_pipeline.roles import Role
from training_pipeline.warehouse.address import one_line
from training_pipeline.warehouse.dbt import compile_inline
from training_pipeline.warehouse.postgres import PASSWORDS, connect
from training_pipeline.warehouse.roles.creation import place_of

if TYPE_CHECKING:
    from training_pipeline.config import Settings

logger = logging.getLogger(__name__)

# While dbt parses, the state of the ledger is not known, and an answer would be kept.
_STATEMENTS = (
    "{% if execute %}{{ tojson([gates.lock_sql()] + gates.prepare_ledger_statements()) }}{% endif %}"
)


def prepare(settings: Settings) -> None:
    """Create or migrate the ledger as its owner unless it is current; nothing where one login does everything.

    Where that fails, dbt tries as the role `build` and says what is wrong, so that verdicts are given in any case.

    Raises
    ------
    PipelineError
        The warehouse cannot be reached.
    GatesError
        The dbt project does not compile.
    """
    if settings.target != "embedded" and not os.environ.get(PASSWORDS):
        return
    owner, table = replace(settings, role=Role.LEDGER), _table(settings)
    with connect(owner) as connection:
        found = connection.execute(
            "select obj_description(to_regclass(%s), 'pg_class')", [table.as_string(connection)]
        ).fetchone()
    if found == (_mark(settings),):
        return
    try:
        with connect(owner) as connection:
            for statement in statements(settings):
                connection.execute(statement.encode())
    except psycopg.Error as error:
        logger.warning(
            "%s cannot be prepared by its owner: %s; run `training-pipeline db roles`",
            table.as_string(),
            one_line(str(error)),
        )


def statements(settings: Settings) -> list[str]:
    """Return the SQL that creates or migrates the ledger, which the dbt package defines."""
    # the statements are about tables, not about a day
    found: list[str] = json.loads(compile_inline(settings, _STATEMENTS, dt.date(2000, 1, 1)))
    mark = sql.SQL("comment on table {} is {}").format(_table(settings), sql.Literal(_mark(settings)))
    return [*found, mark.as_string()]


def _mark(settings: Settings) -> str:
    """Return a text that changes with whatever defines the tables."""
    definition = hashlib.sha256()
    for file in sorted((settings.root / "macros").glob("*/*.sql")):
        if file.parent.name in ("ledger", "days"):
            definition.update(file.read_bytes())
    return f"ledger of the dbt package gates, {definition.hexdigest()[:16]}"


def _table(settings: Settings) -> sql.Identifier:
    return sql.Identifier(place_of(settings).ledger, LEDGER)
