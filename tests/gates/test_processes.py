"""The command `gates` as a process beside another one, and interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from training_pipeline.config import Settings
from training_pipeline.warehouse.address import connect_to
from training_pipeline.warehouse.embedded import server as embedded

from .shop import DOUBLED, LAST_DAY, write_shop

DATABASE = "freight_processes"
SECONDS = 120
BACKTEST = ("backtest", "--profiles-dir", ".", "--run-date", str(LAST_DAY))
WITH_FAULTS = (*BACKTEST, "--faults", "faults.yml", "--every", "20")


@pytest.fixture(scope="module")
def warehouse(server: Settings) -> Iterator[psycopg.Connection]:
    address = embedded.start(server)
    with connect_to(address, "postgres") as connection:
        connection.autocommit = True
        connection.execute(f"drop database if exists {DATABASE} with (force)")
        connection.execute(f"create database {DATABASE}")
    with connect_to(address, DATABASE) as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture(scope="module")
def project(
    server: Settings, warehouse: psycopg.Connection, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    address = embedded.start(server)
    profile = {
        "type": "postgres",
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "dbname": DATABASE,
        "schema": "freight",
        "threads": 2,
    }
    folder = write_shop(tmp_path_factory.mktemp("processes") / "project", profile)
    built = started("dbt", folder, "--quiet", "run", "--profiles-dir", ".")
    out, _ = built.communicate(timeout=SECONDS)
    assert built.returncode == 0, out
    return folder


def started(program: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DBT_", "RUN_DATE", "GATES_"))
    }
    return subprocess.Popen(
        [str(Path(sys.executable).with_name(program)), *arguments],
        cwd=folder,
        env=environment | {"COLUMNS": "200", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def scratch_schemas(warehouse: psycopg.Connection) -> set[str]:
    rows = warehouse.execute("select nspname from pg_namespace where nspname like 'gates\\_%'").fetchall()
    return {name for (name,) in rows}


def scratch_relations(warehouse: psycopg.Connection) -> int:
    row = warehouse.execute(
        "select count(*) from pg_class join pg_namespace on pg_namespace.oid = relnamespace"
        " where nspname like 'gates\\_%'"
    ).fetchone()
    return int(row[0]) if row else 0


def test_two_backtests_at_once_say_what_one_says(project: Path, warehouse: psycopg.Connection) -> None:
    both = [started("gates", project, *WITH_FAULTS) for _ in range(2)]
    seen: set[str] = set()
    while any(process.poll() is None for process in both):
        seen |= scratch_schemas(warehouse)
        time.sleep(0.02)
    said = [process.communicate(timeout=SECONDS) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0]
    assert f"{DOUBLED}  parcels_like_last_week: " in said[0][0]
    assert len(seen) == 6, "each has a schema for the healthy days and one for each faulty model"
    assert scratch_schemas(warehouse) == set()


@pytest.mark.parametrize("relations", [0, 1, 5], ids=["no relation yet", "while judging", "while injecting"])
def test_interrupted_backtest_leaves_no_schema(
    project: Path, warehouse: psycopg.Connection, relations: int
) -> None:
    for _ in range(3):  # an interrupt in the last moment may find the work done
        code, error = _interrupted(project, warehouse, relations)
        if code != 0:
            break
    assert code not in (0, None), error
    # Python itself reports an interrupt that hits a finalizer, which nobody can catch.
    assert "Traceback" not in error or "Exception ignored in" in error, error
    assert scratch_schemas(warehouse) == set()


def _interrupted(project: Path, warehouse: psycopg.Connection, relations: int) -> tuple[int | None, str]:
    process = started("gates", project, *WITH_FAULTS)
    deadline = time.monotonic() + SECONDS
    while not scratch_schemas(warehouse) or scratch_relations(warehouse) < relations:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=SECONDS)
    return process.returncode, error
