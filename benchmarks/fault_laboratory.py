"""Judges every day of the sample with every fault, by the SQL of the demo project's own gates, in DuckDB.

Most gates judge all days in one statement: each day becomes a segment (`segment_column`) that holds the healthy days before
it and the faulty day itself, moved to one run date. The other gates run once for each day, with the dates of their
compiled SQL moved. `check` runs all gates that second way on some days and insists on the same verdicts.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.demo import (
    ROOT,
    Compiled,
    Gate,
    compile_demo,
    read_manifest,
    run_dbt,
    tests_of_package,
    write_project,
)
from benchmarks.fault_catalog import SCHEMA_FAULTS, Fault
from benchmarks.fault_data import (
    DAILY,
    RUN_DATE,
    SCHEMAS,
    SEGMENT,
    SEGMENTED,
    fill_segmented,
    load_sample,
    make_tables,
)

LEVELS = ("pass", "warn", "fail")
# How bad an evidence row is; anything but pass and warn fails, as in the gates' fail_calc.
LEVEL = "case verdict when 'pass' then 0 when 'warn' then 1 else 2 end"

TEXTBOOK = {
    f"textbook_{days}": {
        "date_column": "profile_date",
        "metrics": {
            "sum(row_count)": 1.5,
            "max(amount_max)": 1.3,
            "min(amount_min)": 1.4,
            "sum(amount_sum)": 1.3,
        },
        "days_back": days,
        "ignore_zero": True,
        "weight": "row_count",
    }
    for days in (5, 7)
}
MEDIAN_CHECK = "textbook_median"


class Laboratory:
    """The sample, the project's gates, and a table `verdicts` (fault, gate, day, level 0 to 2).

    Parameters
    ----------
    folder : Path
        An empty folder for the database and for dbt's output.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "laboratory.duckdb"
        with self._connected() as connection:
            load_sample(connection)
        environment = {
            "DBT_TARGET": "duckdb",
            "DUCKDB_PATH": str(self._path),
            "RUN_DATE": RUN_DATE.isoformat(),
        }
        models = ["run", "--select", "+interaction_daily", "--profiles-dir", str(ROOT)]
        run_dbt(ROOT / "dbt_project", models, environment, folder)
        self.demo: Compiled = compile_demo(environment, folder)
        schema_gates = [gate for gate in self.demo.gates if gate.kind == "schema_match"]
        self.gates = tuple(gate for gate in self.demo.gates if gate.kind != "schema_match")
        self._dated = [gate for gate in self.gates if not _takes_segments(gate)]
        with self._connected() as connection:
            make_tables(connection)
        self._compile_generated(schema_gates)

    @property
    def days(self) -> list[datetime.date]:
        """The days that are judged."""
        with self._connected() as connection:
            return [day for (day,) in connection.execute("select day from days order by day").fetchall()]

    def judge(self, fault: Fault) -> None:
        """Add the verdicts of all gates on all days with a fault."""
        with self._connected() as connection:
            self._prepare(connection, fault)
            for name, (table, sql, severity) in self._segmented.items():
                fill_segmented(connection, table)
                _add_verdicts(connection, fault, name, severity, sql)
            for gate in self._dated:
                for day in self._days(connection):
                    level = _judge_day(connection, gate, day)
                    connection.execute(
                        "insert into verdicts values (?, ?, ?, ?)", [fault.name, gate.name, day, level]
                    )
            connection.execute(_MEDIAN_SQL, [fault.name])

    def check(self, fault: Fault, every: int) -> int:
        """Judge some days again by each gate's own SQL, moved to the day; return how many verdicts were compared.

        Raises
        ------
        RuntimeError
            When a verdict differs from that of `judge`.
        """
        compared = 0
        with self._connected() as connection:
            self._prepare(connection, fault)
            for day in self._days(connection)[::every]:
                for gate in self.gates:
                    key = [fault.name, gate.name, day]
                    found = connection.execute(
                        "select level from verdicts where fault = ? and gate = ? and day = ?", key
                    ).fetchone()
                    own = _judge_day(connection, gate, day)
                    if found is None or found[0] != own:
                        raise RuntimeError(f"{key}: {found} in one statement, {own} by the gate's own SQL")
                    compared += 1
        return compared

    def schema_verdicts(self) -> dict[str, str]:
        """Return the verdict of the schema gate on each change of the table."""
        with self._connected() as connection:
            return {name: LEVELS[_worst(connection, sql)] for name, sql in sorted(self._schemas.items())}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a select on the verdicts."""
        with self._connected() as connection:
            return connection.execute(sql).fetchall()

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Connect for a while only: dbt cannot open the file while somebody else has it open."""
        connection = duckdb.connect(str(self._path))
        try:
            connection.execute("set enable_progress_bar = false")
            yield connection
        finally:
            connection.close()

    @staticmethod
    def _days(connection: duckdb.DuckDBPyConnection) -> list[datetime.date]:
        return [day for (day,) in connection.execute("select day from days order by day").fetchall()]

    def _prepare(self, connection: duckdb.DuckDBPyConnection, fault: Fault) -> None:
        """Fill `faulty` and `faulty_daily` with all days, each with the fault."""
        connection.execute(f"create or replace table faulty as {fault.sql}")
        connection.execute("create or replace view analytics.interaction as select * from faulty")
        connection.execute(f"create or replace table faulty_daily as {self.demo.profile}")

    def _compile_generated(self, schema_gates: Sequence[Gate]) -> None:
        """Compile the gates with a day as segment, the textbook checks, and the schema gate on changed tables."""
        tables: dict[str, list[Mapping[str, Any]]] = {"interaction": [], DAILY: []}
        for gate in self.gates:
            if gate not in self._dated:
                tables[_plain(gate.table)].append(_test(gate.name, gate.kind, gate.arguments, gate.where))
        for name, arguments in TEXTBOOK.items():
            tables[DAILY].append(_test(name, "interval_ratio", arguments, "slice = 'all'"))
        columns = self.demo.manifest["sources"]["source.training_pipeline.raw.interaction"]["columns"]
        declared = [{"name": name, "data_type": column["data_type"]} for name, column in columns.items()]
        raw = next(gate for gate in schema_gates if gate.table == "raw.interaction")
        schema_test = {"gates.schema_match": {"arguments": dict(raw.arguments)}}
        sources = [
            {
                "name": SEGMENTED,
                "tables": [{"name": name, "data_tests": tests} for name, tests in tables.items()],
            },
            {
                "name": SCHEMAS,
                "tables": [
                    {"name": name.replace(" ", "_"), "columns": declared, "data_tests": [schema_test]}
                    for name in SCHEMA_FAULTS
                ],
            },
        ]
        connection = {"type": "duckdb", "path": str(self._path), "schema": "main", "threads": 1}
        project = write_project(self._folder / "generated", connection, {"sources": sources})
        compile_all = ["compile", "--profiles-dir", str(project)]
        run_dbt(project, compile_all, {"RUN_DATE": RUN_DATE.isoformat()}, project)
        severities = {gate.name: gate.severity for gate in self.gates}
        self._segmented: dict[str, tuple[str, str, str]] = {}
        self._schemas: dict[str, str] = {}
        for node in tests_of_package(read_manifest(project)):
            source = node["depends_on"]["nodes"][0].split(".")[-1]
            if source in tables:
                severity = severities.get(node["name"], "error")
                self._segmented[node["name"]] = (source, node["compiled_code"], severity)
            else:
                self._schemas[source.replace("_", " ")] = node["compiled_code"]


def _add_verdicts(
    connection: duckdb.DuckDBPyConnection, fault: Fault, gate: str, severity: str, evidence: str
) -> None:
    """Add the level of each day; a day without any evidence has failed."""
    worst = 2 if severity == "error" else 1
    connection.execute(
        f"""
        insert into verdicts
        select ?, ?, days.day, least(coalesce(judged.level, 2), {worst})
        from days
        left join (
            select try_cast(segment as date) as day, max({LEVEL}) as level from ({evidence}) group by 1
        ) as judged on days.day = judged.day
        """,
        [fault.name, gate],
    )


def _judge_day(connection: duckdb.DuckDBPyConnection, gate: Gate, day: datetime.date) -> int:
    """Run a gate's own SQL for one day: healthy days before it, the faulty day itself."""
    connection.execute(
        f"""
        create or replace view analytics.interaction_daily as
            select * from healthy_daily where profile_date < date '{day}'
            union all select * from faulty_daily where profile_date = date '{day}';
        create or replace view raw.faulty_day as
            select * from healthy where interaction_date < date '{day}'
            union all select * from faulty where interaction_date = date '{day}';
        """
    )
    sql = gate.sql.replace('"raw"."interaction"', '"raw"."faulty_day"')
    sql = sql.replace('"analytics"."interaction"', '"raw"."faulty_day"')
    level = _worst(connection, move_dates(sql, day - RUN_DATE))
    return level if gate.severity == "error" else min(level, 1)


def _worst(connection: duckdb.DuckDBPyConnection, evidence: str) -> int:
    row = connection.execute(f"select coalesce(max({LEVEL}), 2) from ({evidence})").fetchone()
    assert row is not None
    return int(row[0])


def move_dates(sql: str, by: datetime.timedelta) -> str:
    """Move all dates in a compiled statement, which are all so many days from its run date.

    Examples
    --------
    >>> move_dates("d >= cast('2017-12-31' as date)", datetime.timedelta(days=-30))
    "d >= cast('2017-12-01' as date)"
    """
    return re.sub(
        r"'(\d{4}-\d\d-\d\d)'", lambda match: f"'{datetime.date.fromisoformat(match[1]) + by}'", sql
    )


def _takes_segments(gate: Gate) -> bool:
    return gate.kind not in ("category_match", "not_stale") and "segment_column" not in gate.arguments


def _plain(table: str) -> str:
    return table.removeprefix("raw.")


def _test(name: str, kind: str, arguments: Mapping[str, Any], where: str | None) -> Mapping[str, Any]:
    test: dict[str, Any] = {"name": name, "arguments": {**arguments, "segment_column": SEGMENT}}
    return {f"gates.{kind}": test | ({"config": {"where": where}} if where else {})}


_MEDIAN_SQL = f"""
insert into verdicts
select ?, '{MEDIAN_CHECK}', day, if(coalesce(abs(today.row_count / usual - 1), 1) > 0.2, 2, 0)
from days
left join faulty_daily as today on today.profile_date = day and today.slice = 'all'
left join lateral (
    select median(row_count) as usual from healthy_daily
    where slice = 'all' and row_count > 0 and profile_date between day - 28 and day - 1
) on true
"""
