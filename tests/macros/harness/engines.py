"""The three engines: types and literals, the tables of cases, and queries."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .cases import Case

SCHEMA = "truth"
# The types of the cases by engine, where an engine has another name.
TYPES = {
    "postgres": {"double": "double precision"},
    "duckdb": {},
    "spark": {"text": "string", "integer": "int", "real": "float", "numeric": "decimal"},
}
Row = dict[str, Any]


class Engine(Protocol):
    """A database on which the truth table runs."""

    name: str

    def profile(self) -> Mapping[str, Any]:
        """Return dbt's connection."""

    def execute(self, statements: Iterable[str]) -> None:
        """Run statements and commit."""

    def query(self, sql: str) -> list[Row]:
        """Return the rows of a select."""


@dataclass
class Postgres:
    """A Postgres server; `connection` has host, port, user, password and dbname."""

    connection: Mapping[str, Any]
    name: str = "postgres"

    def profile(self) -> Mapping[str, Any]:
        return {"type": "postgres", "schema": SCHEMA, "threads": 4, **self.connection}

    def execute(self, statements: Iterable[str]) -> None:
        import psycopg

        with psycopg.connect(**self.connection) as connection:
            connection.execute(";\n".join(statements))

    def query(self, sql: str) -> list[Row]:
        import psycopg
        from psycopg.rows import dict_row

        with psycopg.connect(**self.connection, row_factory=dict_row) as connection:
            return connection.execute(sql).fetchall()


@dataclass
class DuckDB:
    """A DuckDB file."""

    path: Path
    name: str = "duckdb"

    def profile(self) -> Mapping[str, Any]:
        return {"type": "duckdb", "path": str(self.path), "schema": SCHEMA, "threads": 2}

    def execute(self, statements: Iterable[str]) -> None:
        import duckdb

        with duckdb.connect(str(self.path)) as connection:
            connection.execute(";\n".join(statements))

    def query(self, sql: str) -> list[Row]:
        import duckdb

        with duckdb.connect(str(self.path)) as connection:
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@dataclass
class Spark:
    """A Spark session of this process, with its catalog in memory.

    On tables of a few rows, planning and starting tasks take the time: so nothing is compiled, plans are neither
    validated after each rule nor adapted while they run, and no table is broadcast, which would be a separate job.
    """

    directory: Path
    name: str = "spark"
    session: Any = field(init=False)

    def __post_init__(self) -> None:
        from pyspark.sql import SparkSession

        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        settings = {
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.warehouse.dir": str(self.directory / "warehouse"),
            "spark.driver.extraJavaOptions": f"-Dderby.system.home={self.directory} -XX:TieredStopAtLevel=1"
            " -XX:+UseParallelGC -Xmn1g",
            "spark.driver.memory": "2g",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.shuffle.partitions": "1",
            "spark.default.parallelism": "1",
            "spark.sql.codegen.wholeStage": "false",
            "spark.sql.codegen.factoryMode": "NO_CODEGEN",
            "spark.sql.adaptive.enabled": "false",
            "spark.sql.autoBroadcastJoinThreshold": "-1",
            "spark.sql.lightweightPlanChangeValidation": "false",
            "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
            "spark.sql.session.timeZone": "UTC",
            "spark.log.level": "ERROR",
        }
        builder = SparkSession.builder.master("local[2]").appName("truth-table")
        for key, value in settings.items():
            builder = builder.config(key, value)
        self.session = builder.getOrCreate()

    def profile(self) -> Mapping[str, Any]:
        return {"type": "spark", "method": "session", "schema": SCHEMA, "host": "NA", "threads": 2}

    def execute(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self.session.sql(statement)

    def query(self, sql: str) -> list[Row]:
        return [row.asDict() for row in self.session.sql(sql).collect()]


def type_name(engine: str, name: str) -> str:
    """Return the name that an engine has for a type of the cases."""
    base, bracket, rest = name.partition("(")
    return TYPES[engine].get(base, base) + bracket + rest


def literal(engine: str, value: Any) -> str:
    """Return a value as an SQL text literal, which is cast to the type of its column."""
    if value is None:
        return "null"
    quote = "\\'" if engine == "spark" else "''"
    return "'" + str(value).replace("'", quote) + "'"


def quoted(engine: str, name: str) -> str:
    """Return the quoted name of a column."""
    return f"`{name}`" if engine == "spark" else f'"{name}"'


def create_statements(engine: str, cases: Sequence[Case]) -> list[str]:
    """Return statements that create a relation for each case: a table, on Spark a view, which is 100 times faster."""
    statements = [f"create schema if not exists {SCHEMA}"]
    for case in cases:
        kind = "view" if engine == "spark" else "table"
        statements.append(
            f"create {kind} {SCHEMA}.{case.name} as {select_rows(engine, case.columns, case.rows)}"
        )
    return statements


def select_rows(engine: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a select of the rows; without rows it has only the columns."""
    names = [f"c{index}" for index in range(len(columns))]
    casts = [
        f"cast({name} as {type_name(engine, column_type)}) as {quoted(engine, column)}"
        for name, (column, column_type) in zip(names, columns.items(), strict=True)
    ]
    values = ", ".join(
        f"({', '.join(literal(engine, value) for value in row)})" for row in rows or [[None] * len(columns)]
    )
    nothing = "" if rows else " where 1 = 0"
    return f"select {', '.join(casts)} from (values {values}) as given ({', '.join(names)}){nothing}"
