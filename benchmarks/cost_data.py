"""Generate interactions in a temporary embedded Postgres, with the relations that the gates of the demo project read."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.demo import Gate, compile_demo
from training_pipeline.config import Settings
from training_pipeline.roles import Role
from training_pipeline.warehouse.address import connect_to
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.postgres import dbt_environment

FIRST_DAY = datetime.date(2024, 1, 1)
ROWS_A_DAY = 10_000_000 // 120
LINES_A_BASKET = 9
EDGE_DAYS = 2  # the run date is not the last day, as in a rerun

# Rows are in date order, as they arrive. The lines of a basket share the customer and the store. Ids sort as in the sample:
# baskets are in order, products within a basket are not.
GENERATE = """
create table raw.interaction as
select
    (31198459044 + line / {basket}) || '-' || cast(819063 + floor(17000000 * random()) as bigint) as interaction_id,
    1 + abs(cast(hashint8(line / {basket}) as bigint)) % 200000 as customer_id,
    cast({first_day} + cast(line / {a_day} as integer) as timestamp)
        + interval '5 hours' + line % {a_day} * interval '1 day' / {a_day} as interaction_at,
    {first_day} + cast(line / {a_day} as integer) as interaction_date,
    1 + abs(cast(hashint8(line / {basket} + 1) as bigint)) % 400 as store_id,
    case when random() < 0.003 then null else 'DEPARTMENT ' || cast(20 * random() ^ 3 as integer) end as department,
    cast(1 + floor(3 * random() ^ 2) as bigint) as quantity,
    cast(round(cast(exp(random() + random() + random() - 0.5) as numeric), 2) as double precision) as amount
from generate_series(cast(0 as bigint), {last}) as series (line)
"""


@dataclass(frozen=True)
class Warehouse:
    """A database with generated rows, and the gates compiled for it.

    Attributes
    ----------
    profile : str
        The statement of the profile of the run date.
    profile_of_run : str
        The statement of the profile of all days that a daily run replaces.
    first_build : float
        Seconds (wall time) of the profile of all days, as in dbt's first build.
    """

    settings: Settings
    rows: int
    run_date: datetime.date
    gates: tuple[Gate, ...]
    profile: str
    profile_of_run: str
    first_build: float
    folder: Path

    @property
    def days(self) -> int:
        """The number of days of the profile."""
        return (self.run_date - FIRST_DAY).days + 1

    def environment(self) -> Mapping[str, str]:
        """Return the variables that tell dbt the database and the run date."""
        return dbt_environment(self.settings) | {"RUN_DATE": self.run_date.isoformat()}

    def connect(self, work_mem: str | None = None) -> psycopg.Connection:
        """Connect without parallel workers, so that one process has all the processor time of a statement."""
        connection = connect_to(embedded.start(self.settings))
        connection.autocommit = True
        connection.execute("set max_parallel_workers_per_gather = 0")
        if work_mem is not None:
            connection.execute("select set_config('work_mem', %s, false)", [work_mem])
        return connection


def build(settings: Settings, rows: int, folder: Path) -> Warehouse:
    """Generate a database with this number of rows and build the relations that the gates read.

    Parameters
    ----------
    settings : Settings
        The settings of the temporary server, on which each size has a separate database.
    rows : int
        Rows of the raw table, `ROWS_A_DAY` for each day.
    folder : Path
        The folder for dbt's output.
    """
    settings = replace(settings, database=f"rows_{rows}")
    days = rows // ROWS_A_DAY
    run_date = FIRST_DAY + datetime.timedelta(days=days - EDGE_DAYS)
    with connect_to(embedded.start(settings)) as connection:
        _generate(connection, days * ROWS_A_DAY - 1)
        build = embedded.login(settings, Role.BUILD).user
        _execute(connection, f"grant select on all tables in schema analytics to {build}")
    with connect_to(embedded.start(settings)) as connection:
        connection.autocommit = True
        connection.execute("vacuum analyze raw.interaction")
    output = folder / settings.database
    output.mkdir()
    environment = dbt_environment(settings) | {"RUN_DATE": run_date.isoformat()}
    all_days = compile_demo(environment, output)
    with connect_to(embedded.login(settings, Role.BUILD)) as connection:
        started = time.perf_counter()
        _execute(connection, f"create table analytics.interaction_daily as {all_days.profile}")
        first_build = time.perf_counter() - started
        _execute(connection, "create index on analytics.interaction_daily (slice, profile_date)")
        _execute(connection, "analyze analytics.interaction_daily")
    one_day = compile_demo(environment, output, ["--vars", "lookback_days: 0"], full_refresh=False)
    of_run = compile_demo(environment, output, full_refresh=False)
    return Warehouse(
        settings, rows, run_date, one_day.gates, one_day.profile, of_run.profile, first_build, output
    )


def _generate(connection: psycopg.Connection, last: int) -> None:
    _execute(connection, "select setseed(0.42)")
    values = {
        "basket": sql.Literal(LINES_A_BASKET),
        "first_day": sql.SQL("cast({} as date)").format(sql.Literal(FIRST_DAY.isoformat())),
        "a_day": sql.Literal(ROWS_A_DAY),
        "last": sql.Literal(last),
    }
    connection.execute(sql.SQL(GENERATE).format(**values))
    _execute(connection, "create index on raw.interaction (interaction_date)")
    # the model `interaction` has the same rows; a view saves the copy and uses the same index
    _execute(
        connection,
        "create view analytics.interaction as select interaction_id, customer_id, store_id, department, quantity, "
        "amount, interaction_at, interaction_date from raw.interaction",
    )


def _execute(connection: psycopg.Connection, statement: str) -> None:
    connection.execute(statement.encode())
