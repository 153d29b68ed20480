"""Engines for the tests of the gates, and the evidence of the truth table on each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from training_pipeline.config import Settings
from training_pipeline.warehouse.address import connect_to
from training_pipeline.warehouse.embedded import server as embedded

from .harness.cases import Batch
from .harness.engines import DuckDB, Engine, Postgres, Row
from .harness.run import run_in_process, run_truth_table

Evidence = dict[str, list[Row]]
SPARK_TIMEOUT = 2400  # seconds


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep variables of the developer's shell, or of an Airflow around the tests, away from dbt."""
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
) -> Callable[[Batch], Evidence]:
    """Return a function that gives the ledger rows of each case of a batch; a batch runs once, with the cases of this session."""
    evidence_by_batch: dict[Batch, Evidence] = {}

    def of(batch: Batch) -> Evidence:
        if batch not in evidence_by_batch:
            given = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
            cases = [parameters["case"] for parameters in given if parameters.get("batch") == batch]
            directory = tmp_path_factory.mktemp(batch.engine)
            if batch.engine == "spark":
                evidence_by_batch[batch] = run_in_process(
                    Path(sys.executable), "spark", cases, directory, SPARK_TIMEOUT
                )
            else:
                engine: Engine = (
                    make_postgres("gates_truth")
                    if batch.engine == "postgres"
                    else DuckDB(directory / "database.duckdb")
                )
                evidence_by_batch[batch] = run_truth_table(engine, cases, directory / "project")
        return evidence_by_batch[batch]

    return of
