"""Recompute the chain of proof of a run date from the rows: what holds, what does not, and what cannot be said any more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from gates.ledger import seals
from gates.project import dbt as projects
from gates.project import warehouse
from gates.text import counted
from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.registry import challenger, champion, loading
from training_pipeline.roles import Role, acting_as
from training_pipeline.steps import certificate
from training_pipeline.warehouse import ledger
from training_pipeline.warehouse.address import one_line
from training_pipeline.warehouse.dbt import project
from training_pipeline.warehouse.postgres import connect

DESTINATION = "training_set"


@dataclass(frozen=True)
class Finding:
    """Whether one link of the chain holds.

    Attributes
    ----------
    link : str
        What was looked at.
    holds : bool or None
        None where it cannot be said any more.
    """

    link: str
    holds: bool | None
    detail: str


@acting_as(Role.REPORT)
def verify(settings: Settings, run_date: dt.date) -> list[Finding]:
    """Recompute the chain of a run date: ledger, certificate, tables, model files, champion.

    A table is compared with what its own SQL gives from the tables before it, from the raw rows to `training_set`. The tables are
    those of the newest certificate, so that of an older run date only the ledger, the model files and the history can be judged.

    Returns
    -------
    list of Finding
        One for each link, in the order of the data.

    Raises
    ------
    PipelineError
        The warehouse cannot be reached, or the project does not parse.
    """
    newest = _newest_certificate(settings)
    findings = [_ledger(settings, run_date)]
    if newest == run_date:
        findings += _tables(settings, run_date)
        findings.append(_held("certificate", lambda: _certificate(settings, run_date)))
    else:
        why = f"the tables are those of {newest} now" if newest else "nothing was certified yet"
        findings.append(Finding("tables and certificate", None if newest else False, why))
    findings.append(_held("challenger", lambda: _challenger(settings, run_date)))
    findings.append(_held("champion", lambda: _champion(settings)))
    return findings


def _held(link: str, look: Callable[[], str]) -> Finding:
    """Return what a look says that holds, or the first line of what it raises."""
    try:
        return Finding(link, True, look())
    except PipelineError as error:
        return Finding(link, False, str(error).partition("\n")[0])


def _ledger(settings: Settings, run_date: dt.date) -> Finding:
    described = project(settings)
    with warehouse.connect(described, projects.parse(described), {"run_date": run_date}) as opened:
        broken = seals.verify(opened)
    if broken:
        return Finding("ledger", False, seals.summary(broken))
    return Finding("ledger", True, "every row is as the run that wrote it has sealed it")


def _certificate(settings: Settings, run_date: dt.date) -> str:
    found = certificate.check(settings, run_date)
    return f"{counted(len(found.rows), 'row')} of evidence and {counted(len(found.versions), 'version')} of data as then"


def _challenger(settings: Settings, run_date: dt.date) -> str:
    model = challenger.challenger(settings, run_date)
    with loading.checked_files(settings, model):
        return f"the files of model version {model.version} are those that were registered"


def _champion(settings: Settings) -> str:
    with champion.opened(settings) as record:
        record.require_agreement()
        present = record.standing.present
    if present is None:
        return "no version was ever promoted, and none has the alias"
    with loading.checked_files(settings, champion.registered(settings, present)):
        return f"model version {present.version} by history and alias, its files those that were promoted"


def _tables(settings: Settings, run_date: dt.date) -> Iterator[Finding]:
    """Compare each relation on the way to the training set with what its SQL gives."""
    described = project(settings)
    manifest = projects.parse(described)
    models = _on_the_way(manifest)
    nodes = projects.compile_nodes(described, manifest, models, {"run_date": run_date})
    for unique_id in models:
        node = nodes[unique_id]
        try:
            with connect(settings) as connection:
                differing = _differing(connection, node.schema, node.alias, node.compiled_code)
        except psycopg.Error as error:  # it is gone, has other columns, or somebody else owns it by now
            yield Finding(node.alias, False, f"cannot be compared with its SQL: {one_line(str(error))}")
            continue
        found = (
            "as its SQL gives it"
            if not differing
            else f"{counted(differing, 'row')} not as its SQL gives them"
        )
        yield Finding(node.alias, not differing, found)


def _on_the_way(manifest: Any) -> list[str]:
    """Return the models with a relation that lead to the training set, those before others first."""
    ordered: list[str] = []

    def visit(unique_id: str) -> None:
        node = manifest.nodes.get(unique_id)
        if node is None or node.resource_type != "model" or unique_id in ordered:
            return
        for parent in node.depends_on.nodes:
            visit(parent)
        if node.config.materialized != "ephemeral":
            ordered.append(unique_id)

    for unique_id, node in manifest.nodes.items():
        if node.resource_type == "model" and node.name == DESTINATION:
            visit(unique_id)
    return ordered


def _differing(connection: Any, schema: str, name: str, statement: str) -> int:
    """Count the rows that only a relation has or only its SQL gives.

    Floats are compared in nine digits, because the order in which rows are summed changes the last ones.
    """
    columns = connection.execute(
        "select column_name, data_type in ('double precision', 'real') from information_schema.columns"
        " where table_schema = %s and table_name = %s order by ordinal_position",
        [schema, name],
    ).fetchall()
    chosen = sql.SQL(", ").join(
        sql.SQL("to_char({}, '9.99999999EEEE')" if is_float else "{}").format(sql.Identifier(column))
        for column, is_float in columns
    )
    counted_rows = connection.execute(
        sql.SQL(
            "with stored as (select {chosen} from {relation}), given as (select {chosen} from ({statement}) as computed)"
            " select count(*) from ((table stored except all table given) union all (table given except all table stored))"
            " as differing"
        ).format(
            chosen=chosen,
            relation=sql.Identifier(schema, name),
            statement=sql.SQL(statement),
        )
    ).fetchone()
    return int(counted_rows[0])


def _newest_certificate(settings: Settings) -> dt.date | None:
    table = sql.Identifier(settings.schema, certificate.TABLE)
    with connect(settings) as connection:
        if not ledger.exists(connection, table):
            return None
        row = connection.execute(
            sql.SQL("select run_date from {} order by certified_at desc limit 1").format(table)
        ).fetchone()
    return row[0] if row else None
