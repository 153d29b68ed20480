"""sqlfluff accepts the SQL that a person pastes into a client: the call of each gate with most arguments, compiled for Postgres."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlfluff.core import FluffConfig, Linter

from .harness.cases import Case, load_cases
from .harness.compiled import GateCompiler
from .harness.engines import Postgres
from .harness.project import case_sources
from .harness.run import prepare

# Only rules about the meaning of SQL. Generated SQL cannot keep the rules about layout, names and parentheses, because it joins
# the lines of several macros, the names of the user's columns, and expressions in parentheses.
RULES = (
    "ambiguous.distinct",
    "ambiguous.join",
    "ambiguous.order_by",
    "ambiguous.set_columns",
    "ambiguous.union",
    "aliasing.unique.table",
    "aliasing.unique.column",
    "capitalisation.functions",
    "capitalisation.keywords",
    "capitalisation.literals",
    "capitalisation.types",
    "convention.count_rows",
    "convention.is_null",
    "convention.select_trailing_comma",
    "references.from",
    "structure.constant_expression",
    "structure.else_null",
    "structure.unused_cte",
    "structure.unused_join",
)


def _richest_call_of_each_gate() -> Iterator[Case]:
    """Yield the case of each gate that sets the most arguments, because its SQL has the most branches."""
    for gate in sorted({case.gate for case in load_cases()}):
        cases = [
            case
            for case in load_cases(gate)
            if case.status in ("pass", "fail") and "postgres" in case.engines
        ]
        yield max(cases, key=lambda case: len(case.arguments))


CASES = list(_richest_call_of_each_gate())


@pytest.fixture(scope="module")
def compiler(
    make_postgres: Callable[[str], Postgres], tmp_path_factory: pytest.TempPathFactory
) -> GateCompiler:
    engine, folder = make_postgres("gates_compiled"), tmp_path_factory.mktemp("compiled_sql")
    prepare(engine, CASES, folder / "tables")
    return GateCompiler(engine, folder / "project", case_sources("postgres", CASES))


@pytest.fixture(scope="module")
def linter() -> Linter:
    return Linter(
        FluffConfig(
            overrides={
                "dialect": "postgres",
                "templater": "raw",
                "rules": ",".join(RULES),
            },
            configs={
                "rules": {
                    "capitalisation.keywords": {"capitalisation_policy": "lower"},
                    "capitalisation.functions": {"extended_capitalisation_policy": "lower"},
                    "capitalisation.literals": {"capitalisation_policy": "lower"},
                    "capitalisation.types": {"extended_capitalisation_policy": "lower"},
                }
            },
        )
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_compiled_sql(case: Case, compiler: GateCompiler, linter: Linter) -> None:
    statement = compiler.compile(f"case_{case.name}")
    found = [
        f"{violation.rule_code()} line {violation.line_no}: {violation.desc()}"
        for violation in linter.lint_string(f"{statement}\n").get_violations()
    ]
    assert found == []


def test_the_rules_are_on(linter: Linter) -> None:
    sloppy = "WITH unused AS (SELECT 1 AS one)\nselect count(1) from days where day = null\n"
    codes = {violation.rule_code() for violation in linter.lint_string(sloppy).get_violations()}
    assert {"CP01", "CV04", "CV05", "ST03"} <= codes
