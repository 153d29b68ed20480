"""Run the demo project on one engine: build a day, lose half of it, lose all of it; read the tables each time.

It is a separate program, because Spark's JVM and dbt's adapters need a process:
`python -m tests.end_to_end.engine_run <engine> <project> <rows.parquet> <result.json>`, with the engine's variables of
profiles.yml in the environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

RUN_DATE = "2017-04-30"
HALF = f"interaction_date = date '{RUN_DATE}' and customer_id % 2 = 0"
WHOLE = f"interaction_date = date '{RUN_DATE}'"
# Not by --exclude, because dbt then ignores the default selector of the project.
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
PROFILED = ("--select", "+interaction_daily", "--exclude", "resource_type:unit_test")
# The condition on the lost rows of raw.interaction, in SQL of all engines, and the dbt commands that follow. If a day has
# vanished, a build stops at the gate on the source; separate `run` and `test` commands show the verdicts of later gates.
DAYS: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "healthy": ("1 = 0", (("build",),)),
    "half of the rows lost": (HALF, (("build", *WITHOUT_UNIT_TESTS),)),
    "day vanished": (WHOLE, (("build", *WITHOUT_UNIT_TESTS),)),
    "day vanished, built all the same": (WHOLE, (("run", *PROFILED), ("test", *PROFILED))),
}
FEATURES = ("customer_day", "customer_snapshot", "training_set")
LATEST = "(select max(recorded_at) from analytics.gate_results)"
QUESTIONS = {
    "ledger": (
        "select node_id, gate, metric, segment, current_value, reference_value, statistic, lower_bound, upper_bound,"
        f" sample_size, verdict, reason, severity, status from analytics.gate_results where recorded_at = {LATEST}"
    ),
    "profile": (
        "select slice, value, row_count, amount_sum, amount_nulls, customer_id_distinct, interaction_id_distinct"
        f" from analytics.interaction_daily where profile_date = date '{RUN_DATE}'"
    ),
    "kept": f"select count(*) as kept from analytics.interaction where interaction_date = date '{RUN_DATE}'",
    "certificate": (
        "select run_date, relation, version from analytics.training_certificate where invocation_id in"
        f" (select invocation_id from analytics.gate_results where recorded_at = {LATEST})"
    ),
}
Rows = list[dict[str, Any]]
Execute = Callable[[str], Rows]


@contextmanager
def on_postgres(rows: Path) -> Iterator[tuple[Execute, Callable[[str], str]]]:
    """Yield functions for Postgres, which already has the rows in raw.every_interaction."""
    import psycopg
    from psycopg.rows import dict_row

    connection = psycopg.connect(
        host="127.0.0.1",
        port=os.environ["EMBEDDED_PORT"],
        user=os.environ["EMBEDDED_USER"],
        password=os.environ["EMBEDDED_PASSWORD"],
        dbname=os.environ["EMBEDDED_DATABASE"],
        autocommit=True,
        row_factory=dict_row,
    )

    def execute(sql: str) -> Rows:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    with closing(connection):
        yield (
            execute,
            lambda lost: (
                "truncate raw.interaction; insert into raw.interaction select * from raw.every_interaction"
                f" where not ({lost})"
            ),
        )


@contextmanager
def on_duckdb(rows: Path) -> Iterator[tuple[Execute, Callable[[str], str]]]:
    """Yield functions for DuckDB, where the source is a view over the Parquet file."""
    import duckdb

    def execute(sql: str) -> Rows:
        with duckdb.connect(os.environ["DUCKDB_PATH"]) as connection:
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    execute("create schema if not exists raw")
    yield (
        execute,
        lambda lost: (
            f"create or replace view raw.interaction as select * from read_parquet('{rows}') where not ({lost})"
        ),
    )


@contextmanager
def on_spark(rows: Path) -> Iterator[tuple[Execute, Callable[[str], str]]]:
    """Yield functions for a Spark session in this process; dbt uses the same session."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]")
    for name, value in {
        "spark.sql.catalogImplementation": "in-memory",
        "spark.driver.memory": "2g",
        "spark.ui.enabled": "false",
        "spark.default.parallelism": "1",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.autoBroadcastJoinThreshold": "-1",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.lightweightPlanChangeValidation": "false",
        "spark.sql.constraintPropagation.enabled": "false",
        # By default Spark lists the files of a new table in a job with one task per partition
        "spark.rdd.parallelListingThreshold": "1000",
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",
        "spark.sql.files.openCostInBytes": "1",
        "spark.sql.warehouse.dir": os.environ["SPARK_WAREHOUSE"],
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseParallelGC -Xmn600m",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        session.sql("create schema raw")
        yield (
            lambda sql: [row.asDict() for row in session.sql(sql).collect()],
            lambda lost: (
                f"create or replace view raw.interaction as select * from parquet.`{rows}` where not ({lost})"
            ),
        )
    finally:
        session.stop()


ENGINES = {"embedded": on_postgres, "duckdb": on_duckdb, "spark": on_spark}


def dbt(project: Path, *arguments: str) -> Any:
    """Run dbt in this process and return its result; gates may fail, but a node must not crash."""
    from dbt.cli.main import dbtRunner

    where = ["--project-dir", str(project), "--profiles-dir", str(project.parent)]
    # Two threads, because planning takes most of the time of a gate on Spark and uses one core.
    outcome = dbtRunner().invoke([*arguments, "--threads", "2", *where])
    assert outcome.exception is None, outcome.exception
    crashes = [result.message for result in outcome.result if result.status == "error"]
    assert not crashes, crashes
    return outcome


def main() -> None:
    """Run the days and write the content of the tables as JSON."""
    name, project, rows, result = sys.argv[1], *(Path(argument) for argument in sys.argv[2:])
    os.environ |= {"DBT_TARGET": name, "RUN_DATE": RUN_DATE, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    os.chdir(project)
    tables: dict[str, dict[str, Any]] = {}
    with ENGINES[name](rows) as (execute, lose):
        for day, (lost, commands) in DAYS.items():
            execute(lose(lost))
            outcomes = [dbt(project, *command) for command in commands]
            tables[day] = {key: execute(sql) for key, sql in QUESTIONS.items()} | {
                "success": all(outcome.success for outcome in outcomes),
                "nodes": {
                    node.node.unique_id: node.status for outcome in outcomes for node in outcome.result
                },
            }
            if day == "healthy":
                tables[day] |= {table: execute(f"select * from analytics.{table}") for table in FEATURES}
    result.write_text(json.dumps(tables, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()
