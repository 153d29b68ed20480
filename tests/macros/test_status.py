"""What a gate's evidence means to dbt: nothing proven is a failure, and so is a verdict that is none."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pytest

from .harness.compiled import GateCompiler, status_of, status_sql
from .harness.engines import DuckDB


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    directory = tmp_path_factory.mktemp("status")
    engine = DuckDB(directory / "database.duckdb")
    gate = {"gates.row_existence": {"arguments": {"date_column": "day"}}}
    sources = {"sources": [{"name": "any", "tables": [{"name": "rows", "data_tests": [gate]}]}]}
    return GateCompiler(engine, directory / "project", sources).configuration()


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        (["pass"], "pass"),
        (["pass", "warn"], "warn"),
        (["warn", "warn", "fail"], "fail"),
        (["pass", None], "fail"),
        (["pass", "passed"], "fail"),
        ([], "fail"),
    ],
)
def test_status(configuration: Mapping[str, str], verdicts: list[str | None], status: str) -> None:
    connection = duckdb.connect()
    connection.execute("create table evidence (verdict text)")
    for verdict in verdicts:
        connection.execute("insert into evidence values (?)", [verdict])
    decision = connection.execute(status_sql("select * from evidence", configuration)).fetchone()
    assert decision is not None
    assert status_of(decision[0], decision[1], "error") == status
