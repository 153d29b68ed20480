"""Measure whole processes, as a person or a scheduler starts them: dbt with one test, with all gates, with its tests; Airflow."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.cost_data import Warehouse
from benchmarks.demo import DEMO, MACROS, ROOT, run_dbt, write_project
from training_pipeline.warehouse.address import PostgresAddress
from training_pipeline.warehouse.embedded import server as embedded

TRIVIAL_TEST = "raw_interaction_date_is_not_null"
ONE_TEST, ALL_GATES = "dbt test, one trivial test", "dbt test, all gates"
STUBS = "dbt test, as many gates of one constant row"
AIRFLOW, NAIVE = "Airflow, three check operators", "dbt test, dbt's own tests on all rows"
# Turns of each process. The two processes of the target ratio need many turns for a narrow interval.
TURNS = {ONE_TEST: 60, ALL_GATES: 60, STUBS: 20, AIRFLOW: 20, NAIVE: 1}

# A gate that checks no argument and runs no query: it shows the cost of dbt for a test that records its rows.
STUB = """
    {{ gates.configure() }}{% set evidence %}
    select
        cast('stub' as text) as gate, cast('one' as text) as metric, cast('all' as text) as segment,
        current_date as run_date, cast('1' as text) as current_value, cast('1' as text) as reference_value,
        cast(1 as double precision) as statistic, cast(1 as double precision) as lower_bound,
        cast(1 as double precision) as upper_bound, cast(1 as bigint) as sample_size,
        cast('pass' as text) as verdict, cast('ok' as text) as reason, cast(null as text) as subject_version
    {% endset %}{{ gates.decided(evidence) }}
"""

NAIVE_COLUMNS = ("interaction_id", "customer_id", "interaction_at", "store_id", "quantity", "amount")


def measure(warehouse: Warehouse) -> dict[str, list[float]]:
    """Return the seconds of each process in each turn; in a turn the processes run one after the other."""
    runs = processes(warehouse)
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(max(TURNS.values()) + 1):
        for name, run in runs.items():
            if turn <= TURNS[name]:
                started = time.perf_counter()
                run()
                if turn > 0:  # the first turn parses the project and fills the caches
                    samples[name].append(time.perf_counter() - started)
    return samples


def processes(warehouse: Warehouse) -> dict[str, Callable[[], object]]:
    """Return the processes to measure. All must succeed, because a crash would cost less; dbt's tests may fail."""
    environment, output = warehouse.environment(), warehouse.folder
    server = embedded.start(warehouse.settings)
    naive, stubs = _naive_project(output, server), _stub_project(output)
    profiles = ["--profiles-dir", str(ROOT)]
    one_test = ["test", "--select", TRIVIAL_TEST, *profiles]
    all_gates = ["test", "--select", *(gate.name for gate in warehouse.gates), *profiles]
    return {
        ONE_TEST: lambda: run_dbt(DEMO, one_test, environment, output),
        ALL_GATES: lambda: run_dbt(DEMO, all_gates, environment, output),
        STUBS: lambda: run_dbt(stubs, all_gates, environment, stubs),
        AIRFLOW: lambda: _airflow(server, warehouse),
        # a generated id may repeat; then a test fails, but it costs the same
        NAIVE: lambda: run_dbt(naive, ["test", "--profiles-dir", str(naive)], {}, naive, (0, 1)),
    }


def statements_by_gate(warehouse: Warehouse) -> dict[str, int]:
    """Return the number of statements that `dbt test` sends for each gate, without begin, commit and rollback."""
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
        name = event["data"].get("node_info", {}).get("node_name")  # statements of dbt itself have no node
        statement = event["data"]["sql"].split("*/", 1)[-1].strip().upper()
        if name in gates and statement not in ("BEGIN", "COMMIT", "ROLLBACK"):
            counted[name] += 1
    return dict(counted)


def _stub_project(folder: Path) -> Path:
    """Copy the demo project and replace its gates by stubs."""
    project, macros = folder / "stubs", folder / "stub_macros"
    shutil.copytree(DEMO, project, ignore=shutil.ignore_patterns("target", "logs", "gates"), symlinks=True)
    shutil.copytree(MACROS, macros)
    (project / "dbt_packages" / "gates").symlink_to(macros, target_is_directory=True)
    for file in (macros / "gates").glob("*.sql"):
        gate, count = re.subn(
            r"(?s)(\{% test .*? %\}).*?(\{% endtest %\})", rf"\1{STUB}\2", file.read_text(), count=1
        )
        if count == 0:
            raise RuntimeError(f"{file} has no gate to replace")
        file.write_text(gate)
    return project


def _naive_project(folder: Path, server: PostgresAddress) -> Path:
    """Write a project with the built-in tests of dbt on the whole raw table."""
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
