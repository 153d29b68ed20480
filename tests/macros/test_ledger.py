"""The ledger is the table that docs/ledger.md describes: columns, indexes, append-only, retention."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest

from .harness.engines import SCHEMA, Postgres, Row
from .harness.project import MACROS, write_project
from .harness.run import LEDGER, invoke

PAGE = MACROS.parent / "docs" / "ledger.md"
RUN_DATE = dt.date(2026, 11, 22)
TYPES = {"double": "double precision"}
Dbt = Callable[..., Any]


@pytest.fixture(scope="module")
def engine(make_postgres: Callable[[str], Postgres]) -> Postgres:
    engine = make_postgres("gates_ledger")
    engine.execute(
        [
            f"create schema {SCHEMA}",
            f"create table {SCHEMA}.orders (order_date date)",
            f"insert into {SCHEMA}.orders values ('{RUN_DATE}')",
        ]
    )
    return engine


@pytest.fixture(scope="module")
def dbt(engine: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    """Run dbt in a project with one gate, which passes on the run date; its first run has created the ledger."""
    gate = {"gates.row_existence": {"name": "orders_exist", "arguments": {"date_column": "order_date"}}}
    table = {"name": "orders", "data_tests": [gate]}
    directory = write_project(
        tmp_path_factory.mktemp("ledger"),
        engine.profile(),
        {"sources": [{"name": "shop", "schema": SCHEMA, "tables": [table]}]},
    )
    environment = {"RUN_DATE": RUN_DATE.isoformat()}

    def run(*arguments: str, **options: Any) -> Any:
        return invoke(directory, "--quiet", *arguments, environment=environment, **options)

    assert run("test").success
    return run


def documented_types() -> dict[str, str]:
    """Return the type of each column on the page. A row of several columns gives its last type to the last one."""
    types: dict[str, str] = {}
    for names, spelled in re.findall(r"^\| (`.*?`) \| ([a-z ,]+?) \|", PAGE.read_text(), re.MULTILINE):
        columns, given = re.findall(r"`(\w+)`", names), spelled.split(", ")
        types |= dict.fromkeys(columns, given[0]) | {columns[-1]: given[-1]}
    return {name: TYPES.get(type_, type_) for name, type_ in types.items()}


@pytest.mark.usefixtures("dbt")
def test_columns(engine: Postgres) -> None:
    columns = engine.query(
        "select column_name, data_type from information_schema.columns"
        f" where table_schema = '{SCHEMA}' and table_name = 'gate_results' order by ordinal_position"
    )
    found = {column["column_name"]: column["data_type"] for column in columns}
    assert found == documented_types()
    assert list(found) == list(documented_types())


@pytest.mark.usefixtures("dbt")
def test_indexes(engine: Postgres) -> None:
    indexes = engine.query(
        f"select indexdef from pg_indexes where schemaname = '{SCHEMA}' and tablename = 'gate_results'"
    )
    found = {index["indexdef"].partition(" USING btree ")[2].partition(" WHERE ")[0] for index in indexes}
    (sentence,) = re.findall(r"it has four indexes: (.*?)\. With two", PAGE.read_text(), re.DOTALL)
    assert found == set(re.findall(r"`(.*?)`", sentence))


def test_a_retry_adds_rows_and_changes_none(engine: Postgres, dbt: Dbt) -> None:
    before = rows(engine)
    assert dbt("test").success
    after = rows(engine)
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1
    assert {row["verdict"] for row in after} == {"pass"}
    assert len({row["invocation_id"] for row in after}) == len(after)
    assert len({row["config_hash"] for row in after}) == 1


def test_dbt_stores_no_table_of_failures(engine: Postgres, dbt: Dbt) -> None:
    """A table that carries evidence could be replaced by another run."""
    assert not dbt(
        "test", "--vars", f"run_date: {RUN_DATE + dt.timedelta(days=1)}", "--store-failures"
    ).success
    tables = engine.query(f"select tablename from pg_tables where schemaname like '{SCHEMA}%'")
    assert {table["tablename"] for table in tables} == {
        "orders",
        "gate_results",
        "gate_seals",
        "gate_decisions",
    }


@pytest.mark.parametrize(
    ("days_later", "status", "words"),
    [
        (0, "pass", f"PASS  {SCHEMA}.orders: 1 check passed"),
        (1, "fail", f"FAIL  row_existence  {SCHEMA}.orders"),
    ],
)
def test_ledger_that_refuses_rows_is_an_error_of_its_own(
    engine: Postgres, dbt: Dbt, days_later: int, status: str, words: str
) -> None:
    """Neither does the verdict change, nor is it untold, nor is the evidence lost."""
    before, printed = rows(engine), []

    def listen(event: Any) -> None:
        if event.info.name == "JinjaLogInfo":
            printed.append(event.info.msg)

    run_date = RUN_DATE + dt.timedelta(days=days_later)
    engine.execute([f"alter table {LEDGER} add constraint refuse check (false) not valid"])
    try:
        done = dbt("test", "--vars", f"run_date: {run_date}", callbacks=[listen])
    finally:
        engine.execute([f"alter table {LEDGER} drop constraint refuse"])
    assert not done.success
    test, hook = done.result.results
    assert (test.node.name, test.status) == ("orders_exist", status)
    assert (hook.node.resource_type, hook.status) == ("operation", "error")
    assert 'violates check constraint "refuse"' in hook.message
    assert any(line.startswith(words) for line in printed)
    assert rows(engine) == before


def rows(engine: Postgres) -> list[Row]:
    return engine.query(f"select * from {LEDGER} order by recorded_at")


def test_another_schema(engine: Postgres, dbt: Dbt) -> None:
    before = len(rows(engine))
    assert dbt("test", "--vars", "gate_results_schema: audit").success
    (row,) = engine.query("select gate from audit.gate_results")
    assert row["gate"] == "row_existence"
    assert engine.query("select row_count from audit.gate_seals") == [{"row_count": 1}]
    assert len(rows(engine)) == before


def test_retention_keeps_the_days_that_it_says(engine: Postgres, dbt: Dbt) -> None:
    """And what is named; what is left is as it was sealed."""
    for days in (120, 121, 122):
        dbt("test", "--vars", f"run_date: {RUN_DATE - dt.timedelta(days=days)}")
    before = {row["run_date"]: row["invocation_id"] for row in rows(engine)}
    named = before[RUN_DATE - dt.timedelta(days=122)]
    arguments = f"{{keep_days: 120, keep_invocations: [{named}]}}"
    assert dbt("run-operation", "prune_gate_results", "--args", arguments).success
    assert set(before) - {row["run_date"] for row in rows(engine)} == {RUN_DATE - dt.timedelta(days=121)}
    assert dbt("run-operation", "verify_gate_results").success
    engine.execute([f"delete from {LEDGER} where invocation_id = '{named}'"])
    assert not dbt("run-operation", "verify_gate_results").success, "what was not pruned is missed"
