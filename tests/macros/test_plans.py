"""The cost of a gate and of the daily profile on Postgres: one statement, one scan of the table, by the date index."""

from __future__ import annotations

import datetime as dt
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql as compose

from .harness.compiled import GateCompiler
from .harness.engines import Postgres
from .harness.project import write_project
from .harness.run import invoke

TABLE, INDEX = "planned", "planned_day_index"
DAYS, ROWS_A_DAY = 300, 1000
FIRST_DAY = dt.date(2017, 1, 1)
RUN_DATE = FIRST_DAY + dt.timedelta(days=DAYS - 30)  # rows after the run date are not read either
INDEXED = {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}
EDGES = [1, 2, 5, 10, 20, 50]

# With the arguments that make a gate look back, because it then reads the most rows.
GATES: dict[str, dict[str, Any]] = {
    "row_existence": {},
    "interval_ratio": {"metrics": {"count(*)": 1.7, "sum(amount)": 1.6, "avg(amount)": 1.3}},
    "value_tolerance": {"pass_value": ROWS_A_DAY, "tolerance": 0.5},
    "value_range": {"expression": "avg(amount)", "min_value": 0},
    "share_limit": {"condition": "amount is null", "max_share": 0.01, "max_increase": 0.001},
    "duplicate_limit": {"key": ["id", "customer"], "max_share": 0, "max_increase": 0},
    "category_match": {"column_name": "category"},
    "not_stale": {"key": "customer", "measure": "amount"},
    "metric_anomaly": {"metrics": ["count(*)", "sum(amount)"]},
    "distribution_drift": {"column_name": "amount", "edges": EDGES},
}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{gate: (gate, arguments) for gate, arguments in GATES.items()},
    **{
        f"{gate} by segment": (gate, {**GATES[gate], "segment_column": "category"})
        for gate in ("interval_ratio", "value_range", "metric_anomaly", "distribution_drift")
    },
    "value_tolerance of a text": ("value_tolerance", {"pass_value": "l", "expression": "max(category)"}),
}


def _name(variant: str) -> str:
    return f"plan_{variant.replace(' ', '_')}"


def _properties() -> Mapping[str, Any]:
    tests: list[Mapping[str, Any]] = [
        {f"gates.{gate}": {"name": _name(variant), "arguments": {"date_column": "day", **arguments}}}
        for variant, (gate, arguments) in VARIANTS.items()
    ]
    tests.append({"gates.schema_match": {"name": "plan_schema_match"}})
    columns = {"id": "bigint", "day": "date", "customer": "bigint", "category": "text", "amount": "numeric"}
    table = {
        "name": TABLE,
        "columns": [{"name": name, "data_type": data_type} for name, data_type in columns.items()],
        "data_tests": tests,
    }
    return {"sources": [{"name": "plans", "tables": [table]}]}


@pytest.fixture(scope="module")
def postgres(make_postgres: Callable[[str], Postgres]) -> Postgres:
    """Create a database with a table in date order, an index on the date, and statistics."""
    engine = make_postgres("gates_plans")
    engine.execute(
        [
            "create schema plans",
            f"""
            create table plans.{TABLE} as
            select
                number as id,
                date '{FIRST_DAY}' + cast(number / {ROWS_A_DAY} as integer) as day,
                number * 7919 % 5000 as customer,
                chr(cast(97 + number % 12 as integer)) as category,
                cast(number * 31 % 9973 as numeric) / 100 as amount
            from generate_series(cast(0 as bigint), {DAYS * ROWS_A_DAY - 1}) as series (number)
            """,
            f"create index {INDEX} on plans.{TABLE} (day)",
            f"analyze plans.{TABLE}",
        ]
    )
    return engine


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plans")


@pytest.fixture(scope="module")
def compiler(postgres: Postgres, directory: Path) -> GateCompiler:
    return GateCompiler(postgres, directory / "compiled", _properties())


def _plan(postgres: Postgres, statement: str) -> Mapping[str, Any]:
    with psycopg.connect(**postgres.connection) as connection:
        explain = compose.SQL("explain (format json) {}").format(compose.SQL(statement))
        row = connection.execute(explain).fetchone()
    assert row is not None
    plan: Mapping[str, Any] = row[0][0]["Plan"]
    return plan


def _scans(postgres: Postgres, statement: str) -> list[Mapping[str, Any]]:
    """Return the nodes of a statement's plan that read the table."""
    return [node for node in _nodes(_plan(postgres, statement)) if node.get("Relation Name") == TABLE]


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


@pytest.mark.parametrize("variant", VARIANTS)
def test_gate_reads_its_days_once_by_the_index(
    variant: str, compiler: GateCompiler, postgres: Postgres
) -> None:
    scans = _scans(postgres, compiler.compile(_name(variant), run_date=RUN_DATE))
    assert [scan["Node Type"] for scan in scans if scan["Node Type"] not in INDEXED] == []
    # One row of the index tells interval_ratio whether the table is old enough.
    days = [
        scan for scan in scans if scan["Node Type"] != "Index Only Scan" or "interval_ratio" not in variant
    ]
    assert len(days) == 1, f"the table is read {len(days)} times"
    assert len(scans) - len(days) <= 1
    condition = days[0].get("Index Cond") or days[0]["Recheck Cond"]
    assert "day" in condition


def test_schema_match_reads_no_rows(compiler: GateCompiler, postgres: Postgres) -> None:
    assert _scans(postgres, compiler.compile("plan_schema_match", run_date=RUN_DATE)) == []


def test_a_sequential_scan_would_be_seen(postgres: Postgres) -> None:
    scans = _scans(postgres, f"select sum(amount) from plans.{TABLE} where cast(day as text) = '{RUN_DATE}'")
    assert [scan["Node Type"] for scan in scans] == ["Seq Scan"]


def test_each_gate_is_one_statement(postgres: Postgres, directory: Path) -> None:
    """The query of a gate runs once. Then dbt receives a count with the query in a CTE, which the engine does not run."""
    project = write_project(directory / "tested", postgres.profile(), _properties())
    statements = _statements_by_test(project)
    assert set(statements) == {*map(_name, VARIANTS), "plan_schema_match"}
    for name, of_test in statements.items():
        counts = [statement for statement in of_test if "-- This gate has run" in statement]
        assert len(counts) == 1, name
        assert _scans(postgres, counts[0]) == [], f"{name} is run again"
        reading = [
            statement
            for statement in of_test
            if f'."plans"."{TABLE}"' in statement and statement not in counts
        ]
        assert len(reading) == (0 if name == "plan_schema_match" else 1), name
        # the first gates ask which relations the schema has and which columns the table has, schema_match for the columns
        assert len(of_test) <= 4, (name, of_test)
        sys.stdout.write(
            f"{len(of_test)} statements, {len(reading)} of the table: {name}\n"
        )  # pytest -rP shows it


def _statements_by_test(project: Path) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)

    def listen(event: Any) -> None:
        if event.info.name == "SQLQuery" and event.data.node_info.resource_type == "test":
            statement = event.data.sql.split("*/", 1)[-1].strip()
            if statement.upper() not in ("BEGIN", "COMMIT", "ROLLBACK"):
                found[event.data.node_info.node_name].append(statement)

    result = invoke(
        project, "test", "--quiet", environment={"RUN_DATE": RUN_DATE.isoformat()}, callbacks=[listen]
    )
    assert result.result is not None, result.exception
    return found


def test_profile_reads_its_days_twice_and_sorts_no_rows(
    compiler: GateCompiler, postgres: Postgres, directory: Path
) -> None:
    """The totals take one scan and the slices one. Distinct values cost no further scan; the aggregate sorts the bare values."""
    profile = (
        "{{ gates.daily_profile(source('plans', '" + TABLE + "'), 'day', gates.run_date(), gates.run_date(), "
        f"{{'amount': {EDGES}}}, ['category'], none, ['customer'], ['id'], ['category']) }}}}"
    )
    compiled = invoke(
        directory / "compiled",
        "compile",
        "--quiet",
        "--inline",
        profile,
        environment={"RUN_DATE": RUN_DATE.isoformat()},
    )
    assert compiled.success, compiled.exception
    plan = list(_nodes(_plan(postgres, compiled.result.results[0].node.compiled_code)))
    scans = [node for node in plan if node.get("Relation Name") == TABLE]
    assert {scan["Node Type"] for scan in scans} <= INDEXED
    assert len(scans) == 2
    sorts = [node for node in plan if node["Node Type"] in ("Sort", "Incremental Sort")]
    assert [scan for node in sorts for scan in _nodes(node) if scan.get("Relation Name") == TABLE] == []
