"""Compare the SQL of the gates and of the profile with one scan that a person would write by hand."""

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
# The profile of the run date; of all days that a daily run replaces; the same with the default work_mem of a server.
PROFILE, PROFILE_OF_RUN = "profile", "profile of all days that a run replaces"
SMALL_MEMORY = "4MB"
PROFILE_SMALL_MEMORY = f"{PROFILE_OF_RUN}, work_mem {SMALL_MEMORY}"

# The scan reads the columns of the gates on rows and of the profile, for the run date and the same weekday a week before.
BY_HAND, WITH_DISTINCT = "by hand", "by hand, with distinct counts"
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
    """The cost of a statement: the minimum of several runs, because other work of the machine only adds to it.

    Attributes
    ----------
    wall : float
        Milliseconds of wall time.
    processor : float
        Milliseconds of processor time of the server's process; wall time if the system does not report it.
    """

    wall: float
    processor: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.processor + other.processor)


def statements(warehouse: Warehouse) -> dict[str, str]:
    """Return the statements to measure by name: the scans by hand, the profiles and each gate."""
    dates = {"run_date": warehouse.run_date, "week_before": warehouse.run_date - timedelta(days=7)}
    named = {
        BY_HAND: SCAN.format(distinct="", **dates),
        WITH_DISTINCT: SCAN.format(distinct=DISTINCT, **dates),
        PROFILE: warehouse.profile,
        PROFILE_OF_RUN: warehouse.profile_of_run,
        PROFILE_SMALL_MEMORY: warehouse.profile_of_run,
    }
    return named | {gate.name: gate.sql for gate in warehouse.gates}


def measure(warehouses: Mapping[int, Warehouse]) -> dict[tuple[int, str], Cost]:
    """Run all statements in turns, so that other work of the machine affects all; return costs by (rows, name)."""
    connections = {rows: warehouse.connect() for rows, warehouse in warehouses.items()}
    small_memory = {rows: warehouse.connect(SMALL_MEMORY) for rows, warehouse in warehouses.items()}
    named = {rows: statements(warehouse) for rows, warehouse in warehouses.items()}
    samples: dict[tuple[int, str], list[Cost]] = {}
    for turn in range(REPEATS + 1):
        for rows, statements_of in named.items():
            for name, statement in statements_of.items():
                connection = (small_memory if name == PROFILE_SMALL_MEMORY else connections)[rows]
                cost = _run(connection, statement)
                if turn > 0:  # the first turn fills the caches
                    samples.setdefault((rows, name), []).append(cost)
    for connection in [*connections.values(), *small_memory.values()]:
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
    """Return the processor time of the server's process of a connection; None if the system does not report it."""
    try:
        nanoseconds = Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text().split()[0]
    except OSError:
        return None
    return int(nanoseconds) / 1e9
