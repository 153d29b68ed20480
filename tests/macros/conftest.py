"""Engines for the tests of the gates, and the evidence of the truth table on each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from training_pipeline.config import Settings
from training_pipeline.warehouse.address import connect_to
from training_pipeline.warehouse.embedded import server as embedded

from .harness.cases import load_cases
from .harness.engines import DuckDB, Engine, Postgres, Row
from .harness.run import run_truth_table

Evidence = dict[str, list[Row]]
ROOT = Path(__file__).parents[2]
SPARK_TIMEOUT = 2400  # seconds


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that the developer's shell or an Airflow around the tests has set reaches dbt."""
    for name in list(os.environ):
        if name.startswith(("DBT_", "AIRFLOW_CTX_", "RUN_DATE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")


@pytest.fixture(scope="session")
def make_postgres(server: Settings) -> Callable[[str], Postgres]:
    """Make a new database on the session's embedded server."""

    def make(database: str) -> Postgres:
        address = embedded.start(server)
        with connect_to(address, "postgres") as connection:
            connection.autocommit = True
            connection.execute(f"drop database if exists {database} with (force)")
            connection.execute(f"create database {database}")
        return Postgres(
            {
                "host": address.host,
                "port": address.port,
                "user": address.user,
                "password": address.password,
                "dbname": database,
            }
        )

    return make


@pytest.fixture(scope="session")
def evidence(
    request: pytest.FixtureRequest,
    make_postgres: Callable[[str], Postgres],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Evidence]]:
    """The ledger rows of each case on an engine; each engine runs once, Spark beside the others.

    Spark runs the cases that are tested on it in this session, the others run all.
    """
    spark = _SparkRun(tmp_path_factory)
    found: dict[str, Evidence] = {}
    given = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    on_spark = [
        parameters["case"].name
        for parameters in given
        if parameters.get("engine") == "spark" and "case" in parameters
    ]
    if on_spark:
        spark.start(on_spark)

    def of(name: str) -> Evidence:
        if name == "spark" and name not in found:
            found[name] = spark.result()
        elif name not in found:
            directory = tmp_path_factory.mktemp(name)
            engine: Engine = (
                make_postgres("gates_truth") if name == "postgres" else DuckDB(directory / "database.duckdb")
            )
            found[name] = run_truth_table(engine, load_cases(), directory / "project")
        return found[name]

    yield of
    spark.stop()


class _SparkRun:
    """The truth table on Spark, in a process of its own."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._process: subprocess.Popen[bytes] | None = None
        self._directory = Path()

    def start(self, names: list[str]) -> None:
        self._directory = self._folders.mktemp("spark")
        (self._directory / "names.json").write_text(json.dumps(names), encoding="utf-8")
        with (self._directory / "output.txt").open("wb") as output:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.macros.harness.run",
                    str(self._directory),
                    str(self._directory / "names.json"),
                    str(self._directory / "result.json"),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    def result(self) -> Evidence:
        assert self._process is not None
        code = self._process.wait(timeout=SPARK_TIMEOUT)
        output = (self._directory / "output.txt").read_text(encoding="utf-8", errors="replace")
        assert code == 0, f"the truth table did not run on Spark:\n{output[-4000:]}"
        result: Evidence = json.loads((self._directory / "result.json").read_text(encoding="utf-8"))
        return result

    def stop(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
