"""What whole processes cost, as a person or a scheduler starts them: dbt with one test and with all gates, Airflow, dbt's own tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.cost_data import Warehouse
from benchmarks.demo import DEMO, ROOT, run_dbt, write_project
from training_pipeline import embedded
from training_pipeline.warehouse import PostgresAddress

REPEATS = 5
TRIVIAL_TEST = "raw_interaction_date_is_not_null"
ONE_TEST, ALL_GATES = "dbt test, one trivial test", "dbt test, all gates"
AIRFLOW, NAIVE = "Airflow, three check operators", "dbt test, dbt's own tests on all rows"
SLOW = {NAIVE: 1}  # how often, where not REPEATS

NAIVE_COLUMNS = ("interaction_id", "customer_id", "interaction_at", "store_id", "quantity", "amount")


def measure(warehouse: Warehouse) -> dict[str, float]:
    """Return the least seconds of each process; they run in turns."""
    runs = processes(warehouse)
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(REPEATS + 1):
        for name, run in runs.items():
            if turn <= SLOW.get(name, REPEATS):
                started = time.perf_counter()
                run()
                if turn > 0:  # the first turn parses the project and fills the caches
                    samples[name].append(time.perf_counter() - started)
    return {name: min(seconds) for name, seconds in samples.items()}


def processes(warehouse: Warehouse) -> dict[str, Callable[[], object]]:
    """Return the processes to measure."""
    environment, output = warehouse.environment(), warehouse.folder
    server = embedded.start(warehouse.settings)
    naive = _naive_project(output, server)
    gates = [gate.name for gate in warehouse.gates]
    profiles = ["--profiles-dir", str(ROOT)]
    return {
        ONE_TEST: lambda: run_dbt(DEMO, ["test", "--select", TRIVIAL_TEST, *profiles], environment, output),
        ALL_GATES: lambda: run_dbt(
            DEMO, ["test", "--select", *gates, *profiles], environment, output, (0, 1)
        ),
        AIRFLOW: lambda: _airflow(server, warehouse),
        # an id may be drawn twice: then a test fails, and costs the same
        NAIVE: lambda: run_dbt(naive, ["test", "--profiles-dir", str(naive)], {}, naive, (0, 1)),
    }


def statements_by_gate(warehouse: Warehouse) -> dict[str, int]:
    """Return how many statements `dbt test` sends for each gate, without those that begin and end a transaction."""
    output = warehouse.folder / "counted"
    output.mkdir()
    gates = [gate.name for gate in warehouse.gates]
    arguments = ["--log-format-file", "json", "test", "--select", *gates, "--profiles-dir", str(ROOT)]
    run_dbt(DEMO, arguments, warehouse.environment(), output, (0, 1))
    counted: Counter[str] = Counter()
    for line in (output / "logs" / "dbt.log").read_text().splitlines():
        event = json.loads(line)
        if event["info"]["name"] != "SQLQuery":
            continue
        name = event["data"].get("node_info", {}).get("node_name")  # none in what dbt asks for itself
        statement = event["data"]["sql"].split("*/", 1)[-1].strip().upper()
        if name in gates and statement not in ("BEGIN", "COMMIT", "ROLLBACK"):
            counted[name] += 1
    return dict(counted)


def _naive_project(folder: Path, server: PostgresAddress) -> Path:
    """Write a project with the tests that dbt itself has, on the whole raw table."""
    tests: dict[str, list[str]] = {name: ["not_null"] for name in NAIVE_COLUMNS}
    tests["interaction_id"].append("unique")
    columns = [{"name": name, "data_tests": of_column} for name, of_column in tests.items()]
    connection: Mapping[str, object] = {
        "type": "postgres",
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": server.password,
        "dbname": server.database,
        "schema": "naive",
        "threads": 4,
    }
    sources = [{"name": "raw", "tables": [{"name": "interaction", "columns": columns}]}]
    return write_project(folder / "naive", connection, {"sources": sources})


def _airflow(server: PostgresAddress, warehouse: Warehouse) -> None:
    environment = {
        "AIRFLOW_HOME": str(warehouse.folder / "airflow"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
        "AIRFLOW_CONN_GENERATED": server.uri().replace("postgresql://", "postgres://"),
    }
    subprocess.run(
        [sys.executable, "-m", "benchmarks.airflow_checks", warehouse.run_date.isoformat()],
        env={**os.environ, **environment},
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
