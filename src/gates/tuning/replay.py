"""The gates of the project, each asked about all days of a window in one statement.

A gate's SQL judges the run date, or with `JUDGED_FROM` each day from that one to the run date, as it would have been judged
on that day. What a gate rejected serves it as a reference on no later day, as if it had been asked day by day.
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

from gates.days.decisions import ACCEPTED
from gates.ledger.evidence import LEDGER, PASSED, exists
from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.postgres import connect
from training_pipeline.warehouse.required_gates import MODEL_GATE

SHIFT = 100_000  # days: how long before its own date the broken rows of a day stand; no table reaches back 270 years
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
        A select of evidence rows for each day of the window.
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

    @property
    def segments(self) -> Mapping[str, Mapping[str, float]]:
        """Return the segments that have bounds of their own, with these by name."""
        return self.arguments.get("segments") or {}

    def part(self, segment: str) -> str:
        """Return the gate's name, with the segment where that has bounds of its own."""
        return f"{self.name}: {segment}" if segment in self.segments else self.name


def compile_gates(
    settings: Settings, first_day: dt.date, last_day: dt.date, *, broken: bool = False
) -> tuple[Gate, ...]:
    """Compile every gate on the data that judges one day at a time, for all days of a window.

    Those that judge a whole relation or its columns (`schema_match`, no ``date_column``) have no past to be asked about.

    Parameters
    ----------
    broken : bool
        The rows of each judged day stand `SHIFT` days before it, beside the healthy ones.

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
    window = {"JUDGED_FROM": first_day.isoformat(), "JUDGED_SHIFT": str(SHIFT if broken else 0)}
    selection = ["--select", "test_type:data", "--exclude", f"tag:{MODEL_GATE}"]
    nodes = dbt.compile_nodes(settings, selection, last_day, window)
    manifest = dbt.read_manifest(settings)
    gates = [gate for node in nodes if (gate := _gate(settings, node, manifest)) is not None]
    return tuple(sorted(gates, key=lambda gate: gate.name))


def replay(
    settings: Settings,
    gates: Sequence[Gate],
    days: Collection[dt.date],
    broken: Mapping[str, str] | None = None,
    on_progress: Callable[[], None] = lambda: None,
) -> list[Row]:
    """Ask each gate about each day and return all evidence, with ``node_id``, ``severity`` and ``blocks``.

    Parameters
    ----------
    days : collection of date
        The days of the window that are judged, as if no other day had been.
    broken : mapping, optional
        For some relations the table that holds the rows of the judged days, `SHIFT` days before them; the days before
        stay as they are. Gates on other relations are not asked: they see nothing of it.

    Returns
    -------
    list of dict
        The columns of the evidence; ``blocks`` says whether the row stops a run. A gate that says nothing about a
        day has proven nothing: it has a row of its own that blocks.
    """
    asked = [gate for gate in gates if broken is None or gate.relation in broken]

    def ask(gate: Gate) -> list[Row]:
        rows = _ask(settings, gate, set(days), broken[gate.relation] if broken else None)
        on_progress()
        return rows

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return [row for rows in pool.map(ask, asked) for row in rows]


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


def _ask(settings: Settings, gate: Gate, days: Collection[dt.date], broken: str | None) -> list[Row]:
    """Ask one gate; again without the days that it has rejected as references, until it rejects no other ones.

    Each time at least one more day is as it would have been, since a verdict depends on the days before it only.
    """
    statement = gate.statement
    if broken:
        both = f"(select * from {gate.relation} union all select * from {broken}) as healthy_and_broken"
        statement = statement.replace(gate.relation, both)
    rejected: set[dt.date] = set()
    with connect(settings) as connection:
        _prepare(settings, connection)
        while True:
            found = _judge(connection, gate, statement, days)
            failing = {day for day, rows in found.items() if any(row["blocks"] for row in rows)}
            # A fault lasts one day and is judged against healthy ones: it is no reference for the next.
            if broken or failing == rejected or _REJECTED not in statement:
                return [row for day in sorted(found) for row in found[day]]
            rejected = failing
            _reject(connection, gate, rejected)


def _prepare(settings: Settings, connection: psycopg.Connection) -> None:
    connection.execute("set jit = off; set work_mem = '64MB'")  # compiling takes longer than these statements
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
    with connection.cursor(row_factory=dict_row) as cursor:
        answers = cursor.execute(statement.encode()).fetchall()
    found: dict[dt.date, list[Row]] = {day: [] for day in days}
    for row in answers:
        if row["run_date"] in found:
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
