"""Gates look at nodes of every kind, with names of every kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .harness.engines import SCHEMA, DuckDB, Engine, Postgres
from .harness.shop import Shop, gate, properties_of

LATER = "2026-11-22"
ROWS = gate("row_existence", {"date_column": "order_date"})


@pytest.fixture(params=["postgres", "duckdb"])
def engine(
    request: pytest.FixtureRequest, make_postgres: Callable[[str], Postgres], tmp_path: Path
) -> Engine:
    if request.param == "postgres":
        return make_postgres("gates_kinds")
    return DuckDB(tmp_path / "shop.duckdb")


@pytest.fixture
def postgres(make_postgres: Callable[[str], Postgres]) -> Postgres:
    return make_postgres("gates_kinds")


def test_a_gate_of_an_ephemeral_model_leaves_its_evidence(engine: Engine, tmp_path: Path) -> None:
    """An ephemeral model reads another one through a macro."""
    shop = Shop(
        tmp_path / "shop",
        engine,
        {
            "macros/kept.sql": "{% macro kept(name) %}select * from {{ ref(name) }} where amount > 0{% endmacro %}",
            "models/inner_orders.sql": "{{ config(materialized='ephemeral') }}{{ kept('orders') }}",
            "models/eph.sql": "{{ config(materialized='ephemeral', alias='lasting') }}\n"
            "with paid as (select * from {{ ref('inner_orders') }}) select * from paid",
            "models/eph.yml": properties_of(
                "eph",
                [
                    gate("row_existence", {"date_column": "order_date", "min_rows": 2}, name="two_rows"),
                    gate("row_existence", {"date_column": "order_date"}, name="one_row"),
                ],
                "models",
            ),
        },
    )
    done = shop.dbt("build")
    assert (done.statuses["two_rows"], done.statuses["one_row"]) == ("fail", "pass")
    assert [row["current_value"] for row in shop.ledger("gate = 'row_existence'")] == ["1", "1"] or [
        row["current_value"] for row in shop.ledger("gate = 'row_existence'")
    ] == ["1.0", "1.0"]
    compiled = (
        shop.directory / "target" / "compiled" / "shop" / "models" / "eph.yml" / "two_rows.sql"
    ).read_text()
    assert engine.query(compiled.replace("from decided", "from asked_again"))[0]["verdict"] == "fail", (
        "what dbt compiles can be pasted and asked again"
    )


@pytest.mark.parametrize("kind", ["seeds", "snapshots", "sources", "versioned model"])
def test_gates_look_at_nodes_of_every_kind(engine: Engine, tmp_path: Path, kind: str) -> None:
    files: dict[str, dict[str, Any]] = {
        "seeds": {"seeds/orders.yml": properties_of("orders", [ROWS])},
        "snapshots": {
            "snapshots/kept.yml": {
                "snapshots": [
                    {
                        "name": "kept",
                        "relation": "ref('orders')",
                        "config": {"unique_key": "order_id", "strategy": "check", "check_cols": "all"},
                        "data_tests": [ROWS],
                    }
                ]
            }
        },
        "sources": {
            "models/sources.yml": {
                "sources": [
                    {"name": "shop", "schema": SCHEMA, "tables": [{"name": "orders", "data_tests": [ROWS]}]}
                ]
            }
        },
        "versioned model": {
            "models/m.sql": "select * from {{ ref('orders') }}",
            "models/m_v2.sql": "select * from {{ ref('orders') }}",
            "models/m.yml": {
                "models": [
                    {
                        "name": "m",
                        "latest_version": 2,
                        "data_tests": [ROWS],
                        "versions": [{"v": 1, "defined_in": "m"}, {"v": 2}],
                    }
                ]
            },
        },
    }
    shop = Shop(tmp_path / "shop", engine, files[kind])
    assert shop.dbt("seed").success
    done = shop.dbt("build", "--exclude", "resource_type:seed") if kind != "seeds" else shop.dbt("test")
    assert done.success, done.printed
    relations = {row["relation"] for row in shop.ledger("verdict = 'pass'")}
    assert (
        relations
        == {
            "seeds": {f"{SCHEMA}.orders"},
            "snapshots": {f"{SCHEMA}.kept"},
            "sources": {f"{SCHEMA}.orders"},
            "versioned model": {f"{SCHEMA}.m_v1", f"{SCHEMA}.m_v2"},
        }[kind]
    )


def test_gates_may_have_one_name_on_two_models(engine: Engine, tmp_path: Path) -> None:
    named = gate("row_existence", {"date_column": "order_date"}, name="has_rows")
    model = "select * from {{ ref('orders') }}"
    models = {"models": [{"name": name, "data_tests": [named]} for name in ("a", "b")]}
    shop = Shop(
        tmp_path / "shop", engine, {"models/a.sql": model, "models/b.sql": model, "models/m.yml": models}
    )
    assert shop.dbt("build").success
    assert [row["relation"] for row in shop.ledger()] == [f"{SCHEMA}.a", f"{SCHEMA}.b"]


def test_gates_of_one_name_on_one_model_are_told_apart(engine: Engine, tmp_path: Path) -> None:
    """Else a day that both have judged would be judged by neither, for each has another configuration than the other."""
    gates = [
        gate("row_existence", {"date_column": "order_date", "min_rows": rows}, name="has_rows")
        for rows in (1, 9)
    ]
    shop = Shop(tmp_path / "shop", engine, {"seeds/orders.yml": properties_of("orders", gates)})
    assert not shop.dbt("build").success
    assert {row["verdict"]: row["gate_id"].split(".")[-2] for row in shop.ledger()} == {
        "pass": "has_rows",
        "fail": "has_rows",
    }
    assert len({row["gate_id"] for row in shop.ledger()}) == len(gates)


def test_a_gate_refuses_the_rows_of_another_schema(engine: Engine, tmp_path: Path) -> None:
    """With `--defer` dbt hands over what another target has built; the ledger would name the relation of this one."""
    rows = gate("row_existence", {"date_column": "order_date"}, name="has_rows")
    shop = Shop(
        tmp_path / "shop",
        engine,
        {
            "models/kept.sql": "select * from {{ ref('orders') }}",
            "models/kept.yml": properties_of("kept", [rows], kind="models"),
        },
    )
    assert shop.dbt("build").success
    (shop.directory / "target").rename(shop.directory / "state")
    profile = {**engine.profile(), "schema": "other"}
    shop.write({"profiles.yml": {"shop": {"target": "test", "outputs": {"test": profile}}}})
    deferred = shop.dbt("test", "--select", "kept", "--defer", "--state", "state")
    assert deferred.statuses["has_rows"] == "error"
    assert "built in the schema of the target" in " ".join(deferred.printed)
    (row,) = engine.query("select relation, verdict, reason from other.gate_results")
    assert row == {"relation": "other.kept", "verdict": "fail", "reason": "query_error"}
    assert shop.dbt("build").success
    assert shop.dbt("test", "--select", "kept", "--defer", "--state", "state").success


def test_columns_of_a_materialized_view_are_found(postgres: Postgres, tmp_path: Path) -> None:
    columns = [{"name": "order_id", "data_type": "integer"}, {"name": "order_date", "data_type": "date"}]
    shop = Shop(
        tmp_path / "shop",
        postgres,
        {
            "models/mv.sql": "{{ config(materialized='materialized_view') }}"
            "select order_id, order_date from {{ ref('orders') }}",
            "models/mv.yml": {
                "models": [{"name": "mv", "data_tests": ["gates.schema_match"], "columns": columns}]
            },
        },
    )
    assert shop.dbt("build").success
    found = {row["metric"]: (row["current_value"], row["reason"]) for row in shop.ledger()}
    assert found == {"order_id": ("integer", "ok"), "order_date": ("date", "ok")}


@pytest.mark.parametrize("name", ["net.amt", "Net Amount", "select", '"net.amt"'])
def test_a_profile_has_columns_of_any_name(engine: Engine, tmp_path: Path, name: str) -> None:
    plain = name.strip('"')
    column = f'"{plain}"'
    last_day = "gates.days_before(gates.run_date(), 1), gates.run_date()"
    shop = Shop(
        tmp_path / "shop",
        engine,
        {
            "models/t.sql": f"select cast('{LATER}' as date) as \"Order Date\", cast(5.0 as double precision) as {column}",
            "models/p.sql": f"{{{{ gates.daily_profile(ref('t'), 'Order Date', {last_day},"
            f" measures={{{name!r}: [1, 2]}}, distinct=[{name!r}]) }}}}",
            "models/p.yml": properties_of(
                "p",
                [
                    gate(
                        "value_range",
                        {
                            "expression": f'sum("{plain}_sum")',
                            "min_value": 5,
                            "max_value": 5,
                            "date_column": "profile_date",
                        },
                        config={"where": "slice = 'all'"},
                    )
                ],
                "models",
            ),
        },
    )
    done = shop.dbt("build")
    assert done.success, done.printed
    assert [float(row["current_value"]) for row in shop.ledger()] == [5.0]


DAY_COLUMNS = {
    "a text": "cast('2026-11-22' as text)",
    "eight digits": "cast('20261122' as varchar(8))",
    "integer": "20261122",
    "bigint": "cast(20261122 as bigint)",
    "numeric": "cast(20261122 as numeric(8, 0))",
    "boolean": "true",
}
MATERIALIZED = ("table", "view", "ephemeral")


def test_a_day_that_is_no_date_is_refused_in_words(engine: Engine, tmp_path: Path) -> None:
    """DuckDB compares a text with a date as best it can; Postgres says that there is no such operator."""
    columns = ", ".join(f'{value} as "{name}"' for name, value in DAY_COLUMNS.items())
    names = [*DAY_COLUMNS, '"a text"', "order_date"]
    models = [
        {
            "name": f"a_{kind}",
            "data_tests": [
                gate("row_existence", {"date_column": name}, name=f"{kind}_{number}")
                for number, name in enumerate(names)
            ],
        }
        for kind in MATERIALIZED
    ]
    files: dict[str, Any] = {
        f"models/a_{kind}.sql": f"{{{{ config(materialized='{kind}') }}}}"
        f"select {columns}, cast('{LATER}' as date) as order_date"
        for kind in MATERIALIZED
    }
    shop = Shop(tmp_path / "shop", engine, {**files, "models/m.yml": {"models": models}})
    done = shop.dbt("build", "--exclude", "resource_type:seed")
    said = " ".join(" ".join(done.printed).split())
    for kind in MATERIALIZED:
        assert done.statuses[f"{kind}_{len(names) - 1}"] == "pass", "the date beside them"
        for number, name in enumerate(names[:-1]):
            assert done.statuses[f"{kind}_{number}"] == "error", name
            rule = f"must be a column of type date or timestamp; received {json.dumps(name)}. In truth.a_{kind} it is of type "
            assert f"gates.row_existence: `date_column` {rule}" in said, (kind, name)
    assert "make it a date in the model that the gate looks at, by a cast" in said
    assert {row["reason"] for row in shop.ledger("verdict = 'fail'")} == {"query_error"}


def test_columns_of_an_ephemeral_model_are_found(engine: Engine, tmp_path: Path) -> None:
    found_types = {
        "postgres": ("integer", "numeric(10,2)"),
        "duckdb": ("INTEGER", "DECIMAL(10,2)"),
    }[engine.name]
    declared = [
        {"name": "order_id", "data_type": "integer"},
        {"name": "amount", "data_type": "numeric(10, 2)"},
        {"name": "email", "data_type": "text"},
    ]
    shop = Shop(
        tmp_path / "shop",
        engine,
        {
            "models/eph.sql": "{{ config(materialized='ephemeral') }}"
            "select order_id, cast(amount as numeric(10, 2)) as amount, order_date from {{ ref('orders') }}",
            "models/eph.yml": {
                "models": [
                    {
                        "name": "eph",
                        "data_tests": [gate("schema_match", name="as_declared")],
                        "columns": declared,
                    }
                ]
            },
        },
    )
    assert shop.dbt("build").statuses["as_declared"] == "fail"
    rows = {row["metric"]: (row["current_value"], row["reason"]) for row in shop.ledger()}
    assert rows["order_id"] == (found_types[0], "ok")
    assert rows["amount"] == (found_types[1], "ok")
    assert rows["email"] == (None, "missing_column")
    assert rows["order_date"][1] == "unexpected_column"
