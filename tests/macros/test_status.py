"""What the evidence of a gate means to dbt: no evidence is a failure, and so is an unknown verdict."""

from __future__ import annotations

import pytest

from .harness.compiled import GateCompiler
from .harness.engines import DuckDB


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> GateCompiler:
    directory = tmp_path_factory.mktemp("status")
    gate = {"gates.row_existence": {"arguments": {"date_column": "day"}}}
    sources = {"sources": [{"name": "any", "tables": [{"name": "rows", "data_tests": [gate]}]}]}
    return GateCompiler(DuckDB(directory / "database.duckdb"), directory / "project", sources)


@pytest.mark.parametrize(
    ("verdicts", "status", "of_severity_warn"),
    [
        (["pass"], "pass", "pass"),
        (["pass", "learning"], "pass", "pass"),
        (["pass", "warn"], "warn", "warn"),
        (["warn", "warn", "fail"], "fail", "warn"),
        (["pass", None], "fail", "warn"),
        (["pass", "passed"], "fail", "warn"),
        ([], "fail", "warn"),
    ],
)
def test_status(
    compiler: GateCompiler, verdicts: list[str | None], status: str, of_severity_warn: str
) -> None:
    rows = [{"verdict": verdict} for verdict in verdicts]
    assert compiler.status(rows, "error") == status
    assert compiler.status(rows, "warn") == of_severity_warn
