"""The tables of the fault benchmark in DuckDB: the sample, its days, and each day with the history before it."""

from __future__ import annotations

import datetime

import duckdb
import pyarrow as pa

from benchmarks.fault_catalog import SCHEMA_FAULTS
from training_pipeline.columns import arrow_schema, conform, declared_columns
from training_pipeline.config import Settings
from training_pipeline.sources import sample

RUN_DATE = datetime.date(2017, 12, 31)
HISTORY_DAYS = 56  # of each judged day, at least; the longest noise window of the gates
WINDOW_DAYS = 92  # kept for each judged day: more than any gate of the project looks back
SEGMENTED, SCHEMAS, SEGMENT = "segmented", "changed", "judged_day"
DAILY = "interaction_daily"


def load_sample(connection: duckdb.DuckDBPyConnection) -> None:
    """Load the sample as `raw.interaction`, as the pipeline itself converts it."""
    settings = Settings.load()
    columns = declared_columns(settings)
    source = sample(fixture=False)
    batches = [conform(batch, columns, settings.timezone, source.name, 1) for batch in source.batches()]
    rows = pa.Table.from_batches(batches, schema=arrow_schema(columns))
    connection.register("rows", rows)
    connection.execute("create schema raw")
    connection.execute("create table raw.interaction as select * from rows")


def make_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep the healthy rows and their profile aside, and put views in the place of what dbt has built."""
    connection.execute(
        f"""
        create table healthy as select * from analytics.interaction;
        create table healthy_daily as select * from analytics.interaction_daily;
        drop table analytics.interaction;
        drop table analytics.interaction_daily;
        drop view analytics.stg_interaction;
        create table days as
            select distinct interaction_date as day from healthy
            where interaction_date >= (select min(interaction_date) from healthy) + {HISTORY_DAYS};
        create table windows as
            select days.day as {SEGMENT}, healthy_daily.* replace (
                cast(profile_date + cast(date '{RUN_DATE}' - days.day as integer) as date) as profile_date
            )
            from days
            inner join healthy_daily on profile_date < day and profile_date >= day - {WINDOW_DAYS};
        create table verdicts (fault varchar, gate varchar, day date, level integer);
        create schema {SEGMENTED};
        create schema {SCHEMAS};
        """
    )
    for name, sql in SCHEMA_FAULTS.items():
        connection.execute(f"create table {SCHEMAS}.{name.replace(' ', '_')} as {sql} limit 1")


def fill_segmented(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """One segment for each judged day: its history, and the faulty day itself, at one run date."""
    moved = f"date '{RUN_DATE}'"
    if table == DAILY:
        rows = (
            f"select * from windows union all select day, faulty_daily.* replace ({moved} as profile_date)"
            " from days inner join faulty_daily on profile_date = day"
        )
    else:
        rows = (
            f"select day as {SEGMENT}, faulty.* replace ({moved} as interaction_date)"
            " from days inner join faulty on interaction_date = day"
        )
    connection.execute(f"create or replace view {SEGMENTED}.{table} as {rows}")
