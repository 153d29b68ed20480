"""The demo project on Postgres, DuckDB (over a Parquet file) and Spark: equal features, verdicts, values and reasons."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training_pipeline.config import Settings
from training_pipeline.warehouse.address import connect_to
from training_pipeline.warehouse.embedded import server as embedded

from .conftest import copy_checkout
from .engine_run import DAYS, ENGINES, FEATURES, RUN_DATE

ROOT = Path(__file__).parents[2]
# The gates look back 84 days, and three snapshots must have matured. More days cost time, as partitions on Spark.
HISTORY_DAYS = 90
TIMEOUT = 1200  # seconds
NUMBERS = {
    *("current_value", "reference_value", "statistic", "lower_bound", "upper_bound", "sample_size"),
    *("row_count", "amount_sum", "amount_nulls", "customer_id_distinct", "interaction_id_distinct"),
}
TRAINING = {"customer_day", "customer_snapshot", "training_set", "training_certificate"}
OTHERS = [name for name in ENGINES if name != "embedded"]
Tables = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def tables(
    server: Settings,
    _loaded_template: str,
    copy_database: Callable[[str, str], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Tables]]:
    """The content of the tables by engine and day."""
    database = "engines"
    copy_database(_loaded_template, database)
    address = embedded.start(server)
    folder = tmp_path_factory.mktemp("engines")
    with connect_to(address, database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "create table raw.every_interaction as select * from raw.interaction"
            f" where interaction_date between date '{RUN_DATE}' - {HISTORY_DAYS} and date '{RUN_DATE}'"
        )
        cursor.execute("select * from raw.every_interaction")
        names = [column.name for column in cursor.description or []]
        rows = pa.table(dict(zip(names, map(list, zip(*cursor.fetchall(), strict=True)), strict=True)))
    pq.write_table(rows, folder / "rows.parquet")
    variables = {
        "EMBEDDED_PORT": str(address.port),
        "EMBEDDED_USER": address.user,
        "EMBEDDED_PASSWORD": address.password,
        "EMBEDDED_DATABASE": database,
        "DUCKDB_PATH": str(folder / "warehouse.duckdb"),
        "SPARK_WAREHOUSE": str(folder / "spark-warehouse"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYTHONPATH": str(ROOT),
    }
    # a copy for each, because each writes its own `target/`
    started = {
        name: _start(name, copy_checkout(server, folder / name).root / "dbt_project", folder, variables)
        for name in ENGINES
    }
    try:
        yield {name: _result(name, process, folder) for name, process in started.items()}
    finally:
        for process in started.values():
            process.kill()
            process.wait()


def _start(name: str, project: Path, folder: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    environment = {
        key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR", "JAVA_HOME") if key in os.environ
    }
    files = [str(project), str(folder / "rows.parquet"), str(folder / f"{name}.json")]
    with (folder / f"{name}.txt").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.end_to_end.engine_run", name, *files],
            env=environment | variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _result(name: str, process: subprocess.Popen[bytes], folder: Path) -> Tables:
    code = process.wait(timeout=TIMEOUT)
    output = (folder / f"{name}.txt").read_text(encoding="utf-8", errors="replace")
    assert code == 0, f"{name}:\n{output[-4000:]}"
    result: Tables = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return result


def differences(expected: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[str]:
    """Return how rows differ from the rows of Postgres: text must be equal, numbers equal up to rounding."""
    if sorted(map(_words, expected)) != sorted(map(_words, rows)):
        return [f"words differ: {set(map(_words, expected)) ^ set(map(_words, rows))}"]
    pairs = zip(sorted(expected, key=_words), sorted(rows, key=_words), strict=True)
    return [
        f"{name} is {other[name]}, expected {row[name]}, in {row}"
        for row, other in pairs
        for name in NUMBERS & row.keys()
        if not _is_close(row, other, name)
    ]


def _words(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{name} {value}" for name, value in row.items() if name not in NUMBERS)


def _is_close(row: dict[str, Any], other: dict[str, Any], name: str) -> bool:
    expected, value = row[name], other[name]
    if row.get("gate") == "schema_match" and name in ("current_value", "reference_value"):
        return expected is not None and value is not None  # engines have different names for a type
    if expected is None or value is None:
        return expected is value
    return math.isclose(float(expected), float(value), rel_tol=1e-9)


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("engine", OTHERS)
def test_evidence_and_profile_equal_postgres(engine: str, day: str, tables: dict[str, Tables]) -> None:
    expected, other = tables["embedded"][day], tables[engine][day]
    assert expected["ledger"]
    assert differences(expected["ledger"], other["ledger"]) == []
    assert differences(expected["profile"], other["profile"]) == []
    assert other["nodes"] == expected["nodes"]
    assert (other["kept"], other["success"]) == (expected["kept"], expected["success"])


@pytest.mark.parametrize("table", FEATURES)
@pytest.mark.parametrize("engine", OTHERS)
def test_features_equal_postgres_to_the_last_bit(engine: str, table: str, tables: dict[str, Tables]) -> None:
    expected, other = (sorted(map(_cells, tables[name]["healthy"][table])) for name in ("embedded", engine))
    assert len(expected) > 500
    assert other == expected


def _cells(row: dict[str, Any]) -> list[str]:
    return [f"{name} {value!r}" for name, value in row.items()]


@pytest.mark.parametrize("engine", ENGINES)
def test_healthy_day_is_built_whole_and_certified(engine: str, tables: dict[str, Tables]) -> None:
    healthy = tables[engine]["healthy"]
    assert healthy["success"], [row for row in healthy["ledger"] if row["verdict"] == "fail"]
    kept = healthy["kept"][0]["kept"]
    assert kept > 0
    assert _certified(healthy) == {
        ("excluded days", 0),
        ("raw.interaction", kept),
        ("interaction", kept),
        ("training_set", len(healthy["training_set"])),
    }
    assert {row["run_date"] for row in healthy["certificate"]} == {RUN_DATE}
    unit_tests = [status for node, status in healthy["nodes"].items() if node.startswith("unit_test.")]
    assert set(unit_tests) == {"pass"}
    assert len(unit_tests) >= 20


@pytest.mark.parametrize("engine", ENGINES)
def test_lost_half_fails_and_nothing_is_certified(engine: str, tables: dict[str, Tables]) -> None:
    half = tables[engine]["half of the rows lost"]
    assert not half["success"]
    assert {("interval_ratio", "out_of_bounds")} <= _failures(half)
    assert 0 < half["kept"][0]["kept"] < tables[engine]["healthy"]["kept"][0]["kept"]
    assert _skipped_models(half) == TRAINING
    assert _certified(half) == set()


@pytest.mark.parametrize("engine", ENGINES)
def test_vanished_day_stops_at_the_source(engine: str, tables: dict[str, Tables]) -> None:
    vanished = tables[engine]["day vanished"]
    assert not vanished["success"]
    assert _failures(vanished) == {("row_existence", "no_current")}
    assert _skipped_models(vanished) == {"stg_interaction", "interaction", "interaction_daily"} | TRAINING
    assert _certified(vanished) == set()


@pytest.mark.parametrize("engine", ENGINES)
def test_vanished_day_is_a_profile_row_without_rows(engine: str, tables: dict[str, Tables]) -> None:
    """The models had rows of this day before; the incremental models must drop them."""
    vanished = tables[engine]["day vanished, built all the same"]
    assert vanished["kept"] == [{"kept": 0}]
    assert [(row["slice"], row["row_count"]) for row in vanished["profile"]] == [("all", 0)]
    assert not vanished["success"]
    assert {("row_existence", "no_current"), ("interval_ratio", "no_current")} <= _failures(vanished)


def _failures(day: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (row["gate"], row["reason"])
        for row in day["ledger"]
        if row["verdict"] == "fail" and row["severity"] == "error"
    }


def _skipped_models(day: dict[str, Any]) -> set[str]:
    return {
        node.rpartition(".")[2]
        for node, status in day["nodes"].items()
        if node.startswith("model.") and status == "skipped"
    }


def _certified(day: dict[str, Any]) -> set[tuple[str, int]]:
    """Return the certified relations and their numbers of rows; the hash differs between engines."""
    return {(row["relation"], int(row["version"].split(":")[0])) for row in day["certificate"]}
