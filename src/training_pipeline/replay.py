"""The gates of the project, each asked about many past days in one statement.

A gate's SQL is compiled with a column in the place of the run date and joined laterally with the days. So each day is
judged by the very SQL of `dbt test`, from the rows up to that day only. What a gate rejected serves it as a reference
on no later day, as if it had been asked day by day.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from training_pipeline import dbt
from training_pipeline.certificate import MODEL_GATE
from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.evidence import LEDGER, PASSED, exists
from training_pipeline.incidents import ACCEPTED
from training_pipeline.warehouse import connect

DAY = "replay.day"
REACH = 400  # days: more than any gate looks back
_REJECTED = "pg_temp.replay_ledger"

Row = dict[str, Any]


@dataclass(frozen=True)
class Gate:
    """A gate of the project that judges one day at a time.

    Attributes
    ----------
    kind : str
        Which of the package's gates it is.
    relation : str
        What it looks at, as it stands in its SQL.
    date_column : str
        The column that says which day a row of the relation is on.
    severity : str
        ``error`` or ``warn``; a gate of severity warn never stops a run.
    where : str or None
        SQL condition on the rows that it looks at.
    statement : str
        A select of evidence rows for the day ``replay.day``.
    """

    node_id: str
    name: str
    kind: str
    arguments: Mapping[str, Any]
    relation: str
    date_column: str
    severity: str
    where: str | None
    statement: str


def compile_gates(settings: Settings) -> tuple[Gate, ...]:
    """Compile every gate on the data that judges one day at a time.

    Those that judge a whole relation or its columns (`schema_match`, no ``date_column``) have no past to be asked about.

    Raises
    ------
    PipelineError
        When the project does not compile, or nothing has been built and judged yet.
    """
    with connect(settings) as connection:
        if not exists(connection, sql.Identifier(settings.schema, LEDGER)):
            raise PipelineError(
                f"{settings.schema}.{LEDGER} does not exist: nothing has been judged yet. Run dbt build first"
            )
    nodes = dbt.compile_nodes(settings, ["--select", "test_type:data", "--exclude", f"tag:{MODEL_GATE}"], DAY)
    manifest = dbt.read_manifest(settings)
    gates = [gate for node in nodes if (gate := _gate(settings, node, manifest)) is not None]
    return tuple(sorted(gates, key=lambda gate: gate.name))


def replay(
    settings: Settings,
    gates: Sequence[Gate],
    days: Sequence[dt.date],
    patch: Mapping[str, str] | None = None,
    on_progress: Callable[[], None] = lambda: None,
) -> list[Row]:
    """Ask each gate about each day and return all evidence, with ``node_id``, ``severity`` and ``blocks``.

    Parameters
    ----------
    days : sequence of date
        The days that are judged, as if no other day had been.
    patch : mapping, optional
        For some relations the table that holds their rows on the judged day; the days before stay as they are.

    Returns
    -------
    list of dict
        The columns of the evidence; ``blocks`` says whether the row stops a run. A gate that says nothing about a
        day has proven nothing: it has a row of its own that blocks.
    """

    def ask(gate: Gate) -> list[Row]:
        rows = _ask(settings, gate, sorted(days), patch or {})
        on_progress()
        return rows

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return [row for rows in pool.map(ask, gates) for row in rows]


def _gate(settings: Settings, node: Any, manifest: Mapping[str, Any]) -> Gate | None:
    metadata = node.test_metadata
    if metadata is None or metadata.namespace != "gates" or not metadata.kwargs.get("date_column"):
        return None
    arguments = {name: value for name, value in metadata.kwargs.items() if name != "model"}
    tested = node.attached_node or node.depends_on.nodes[0]
    table = manifest["nodes"].get(tested) or manifest["sources"][tested]
    name = table.get("identifier") or table["alias"]
    return Gate(
        node_id=node.unique_id,
        name=node.name,
        kind=metadata.name,
        arguments=arguments,
        relation=f'"{settings.database}"."{table["schema"]}"."{name}"',
        date_column=arguments["date_column"],
        severity=node.config.severity.lower(),
        where=node.config.where,
        statement=node.compiled_code.replace(
            f'"{settings.database}"."{settings.schema}"."{LEDGER}"', _REJECTED
        ),
    )


def _ask(settings: Settings, gate: Gate, days: Sequence[dt.date], patch: Mapping[str, str]) -> list[Row]:
    """Ask one gate; again about the days behind each day that it rejects, until it rejects no further one."""
    statement = gate.statement
    for relation, table in patch.items():
        column = gate.date_column if relation == gate.relation else None
        if column is not None:
            statement = statement.replace(relation, _patched(relation, table, column))
    found: dict[dt.date, list[Row]] = {}
    rejected: set[dt.date] = set()
    with connect(settings) as connection:
        _prepare(settings, connection)
        waiting: Collection[dt.date] = days
        while waiting:
            found.update(_judge(connection, gate, statement, waiting))
            # A fault that lasts one day is judged against healthy days: it is no reference for the next one.
            failing = set() if patch else {day for day in days if any(row["blocks"] for row in found[day])}
            changed = failing ^ rejected
            rejected = failing
            _reject(connection, gate, rejected)
            first = min(changed, default=None)
            waiting = [
                day for day in days if first is not None and first < day <= first + dt.timedelta(REACH)
            ]
            if _REJECTED not in statement:
                break
    return [row for day in days for row in found[day]]


def _patched(relation: str, table: str, date_column: str) -> str:
    return (
        f'(select * from {relation} where "{date_column}" < {DAY}'
        f' union all select * from {table} where "{date_column}" = {DAY}) as patched'
    )


def _prepare(settings: Settings, connection: psycopg.Connection) -> None:
    connection.execute("set jit = off")  # compiling takes longer than these statements
    connection.execute(
        "create temporary table replay_ledger (run_date date, status text, recorded_at timestamptz, node_id text)"
    )
    connection.execute(
        sql.SQL(
            "insert into pg_temp.replay_ledger select run_date, status, recorded_at, node_id from {} where node_id = {}"
        ).format(sql.Identifier(settings.schema, LEDGER), ACCEPTED)
    )


def _reject(connection: psycopg.Connection, gate: Gate, days: Collection[dt.date]) -> None:
    connection.execute("delete from pg_temp.replay_ledger where node_id = %s", [gate.node_id])
    connection.execute(
        "insert into pg_temp.replay_ledger select unnest(%s::date[]), 'fail', now(), %s",
        [sorted(days), gate.node_id],
    )
    connection.execute("analyze pg_temp.replay_ledger")


def _judge(
    connection: psycopg.Connection, gate: Gate, statement: str, days: Collection[dt.date]
) -> dict[dt.date, list[Row]]:
    listed = ", ".join(f"date '{day}'" for day in sorted(days))
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            f"select evidence.* from unnest(array[{listed}]) as replay (day)"
            f" cross join lateral (\n{statement}\n) as evidence".encode()
        )
        answers = cursor.fetchall()
    found: dict[dt.date, list[Row]] = {day: [] for day in days}
    for row in answers:
        blocks = row["verdict"] not in PASSED and gate.severity == "error"
        found[row["run_date"]].append(
            row | {"node_id": gate.node_id, "severity": gate.severity, "blocks": blocks}
        )
    for day, rows in found.items():
        if not rows:
            rows.append(_silent(gate, day))
    return found


def _silent(gate: Gate, day: dt.date) -> Row:
    return {
        "gate": gate.kind,
        "metric": "no evidence",
        "segment": "all",
        "run_date": day,
        **dict.fromkeys(
            ("current_value", "reference_value", "statistic", "lower_bound", "upper_bound", "sample_size")
        ),
        "verdict": "fail",
        "reason": "no_current",
        "node_id": gate.node_id,
        "severity": gate.severity,
        "blocks": gate.severity == "error",
    }
