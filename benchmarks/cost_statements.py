"""What the SQL of the gates and of the profile costs, against the one scan that a person would write by hand."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg

from benchmarks.cost_data import Warehouse

REPEATS = 9
MILLISECONDS = 1000
# Of the run date alone; and of all days that a daily run replaces, also with the work_mem that a server has by default.
PROFILE, PROFILE_OF_RUN = "profile", "profile of all days that a run replaces"
SMALL_MEMORY = "4MB"
PROFILE_IN_LITTLE = f"{PROFILE_OF_RUN}, work_mem {SMALL_MEMORY}"

# What the gates on rows and the profile look at, for the run date and the same day of the week before.
BY_HAND, WITH_DISTINCT = "by hand", "by hand, with what is distinct"
SCAN = """
select
    interaction_date,
    count(*), sum(amount), avg(amount), min(amount), max(amount),
    count(interaction_id), count(customer_id), count(interaction_at), count(store_id), count(department),
    count(quantity), count(amount){distinct}
from raw.interaction
where interaction_date in ('{run_date}', '{week_before}')
group by interaction_date
"""
DISTINCT = (
    ",\n    count(*) - count(distinct interaction_id), count(distinct customer_id), count(distinct store_id)"
)


@dataclass(frozen=True)
class Cost:
    """What a statement costs: the least of several runs, because what else the machine does only adds to it.

    Attributes
    ----------
    wall, processor : float
        Milliseconds; `processor` is the time that the server's process was running, equal to `wall` where the
        system does not tell.
    """

    wall: float
    processor: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.processor + other.processor)


def statements(warehouse: Warehouse) -> dict[str, str]:
    """Return the statements to measure by name: two by hand, the profile, and each gate."""
    dates = {"run_date": warehouse.run_date, "week_before": warehouse.run_date - timedelta(days=7)}
    named = {
        BY_HAND: SCAN.format(distinct="", **dates),
        WITH_DISTINCT: SCAN.format(distinct=DISTINCT, **dates),
        PROFILE: warehouse.profile,
        PROFILE_OF_RUN: warehouse.profile_of_run,
        PROFILE_IN_LITTLE: warehouse.profile_of_run,
    }
    return named | {gate.name: gate.sql for gate in warehouse.gates}


def measure(warehouses: Mapping[int, Warehouse]) -> dict[tuple[int, str], Cost]:
    """Run all statements in turns, so that what else the machine does falls on all of them; return (rows, name) to cost."""
    connections = {rows: warehouse.connect() for rows, warehouse in warehouses.items()}
    in_little = {rows: warehouse.connect(SMALL_MEMORY) for rows, warehouse in warehouses.items()}
    named = {rows: statements(warehouse) for rows, warehouse in warehouses.items()}
    samples: dict[tuple[int, str], list[Cost]] = {}
    for turn in range(REPEATS + 1):
        for rows, statements_of in named.items():
            for name, statement in statements_of.items():
                connection = (in_little if name == PROFILE_IN_LITTLE else connections)[rows]
                cost = _run(connection, statement)
                if turn > 0:  # the first turn fills the caches
                    samples.setdefault((rows, name), []).append(cost)
    for connection in [*connections.values(), *in_little.values()]:
        connection.close()
    return {
        key: Cost(
            min(cost.wall for cost in costs),
            min(cost.processor for cost in costs),
        )
        for key, costs in samples.items()
    }


def _run(connection: psycopg.Connection, statement: str) -> Cost:
    started, before = time.perf_counter(), _processor_seconds(connection)
    connection.execute(statement.encode()).fetchall()
    wall, after = time.perf_counter() - started, _processor_seconds(connection)
    processor = wall if before is None or after is None else after - before
    return Cost(wall * MILLISECONDS, processor * MILLISECONDS)


def _processor_seconds(connection: psycopg.Connection) -> float | None:
    """Return for how long the server's process of a connection has been running, where Linux tells."""
    try:
        nanoseconds = Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text().split()[0]
    except OSError:
        return None
    return int(nanoseconds) / 1e9
