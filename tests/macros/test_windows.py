"""A backtest leaves for each day the evidence of `dbt test` on that day: every case of the truth table, as one day of several."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pytest

from .harness.cases import Case, differences, load_cases
from .harness.compiled import GateCompiler
from .harness.engines import DuckDB
from .harness.project import case_sources
from .harness.run import prepare
from .harness.windows import beside_healthy, in_window

# Cases with a broken query are left out.
CASES = [case for case in load_cases() if "duckdb" in case.engines and case.status != "error"]
Decided = Callable[[str], list[dict[str, object]]]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[GateCompiler, duckdb.DuckDBPyConnection]:
    """Create the tables of the cases and the ledger of earlier runs; return a compiler of their gates."""
    folder = tmp_path_factory.mktemp("windows")
    engine = DuckDB(folder / "database.duckdb")
    prepare(engine, CASES, folder / "as_tested")
    compiler = GateCompiler(engine, folder / "compiled", case_sources("duckdb", CASES))
    return compiler, duckdb.connect(str(engine.path))


@pytest.fixture
def compiler(tables: tuple[GateCompiler, duckdb.DuckDBPyConnection]) -> GateCompiler:
    return tables[0]


@pytest.fixture
def evidence(tables: tuple[GateCompiler, duckdb.DuckDBPyConnection]) -> Decided:
    def of(statement: str) -> list[dict[str, object]]:
        cursor = tables[1].execute(statement)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return of


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_day_of_a_backtest(case: Case, compiler: GateCompiler, evidence: Decided) -> None:
    """Once among other days, once with its rows as a broken copy among healthy days."""
    assert differences(case.evidence, evidence(in_window(compiler, case))) == [], case.why
    statement = beside_healthy(compiler, case)
    if statement is not None:
        assert differences(case.evidence, evidence(statement)) == [], case.why
