"""What users of such tools have reported: verdicts that depend on settings, nodes of other kinds, memory that is lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .harness.engines import SCHEMA, DuckDB, Engine, Postgres
from .harness.shop import Shop, gate, properties_of

ROWS = gate("row_existence", {"date_column": "order_date"})
# Of the two metrics one fails: whichever row of the evidence a setting of dbt keeps, the gate fails.
RATIOS = [
    gate("interval_ratio", {"date_column": "order_date", "metrics": metrics}, name=name)
    for name, metrics in (
        ("amount_fails", {"count(*)": 100, "sum(amount)": 1.7}),
        ("count_fails", {"count(*)": 1.7, "sum(amount)": 100}),
    )
]
FIRST_DAY, BAD_DAY, LATER = "2026-11-08", "2026-11-15", "2026-11-22"


@pytest.fixture(params=["postgres", "duckdb"])
def engine(
    request: pytest.FixtureRequest, make_postgres: Callable[[str], Postgres], tmp_path: Path
) -> Engine:
    if request.param == "postgres":
        return make_postgres("gates_reported")
    return DuckDB(tmp_path / "shop.duckdb")


@pytest.fixture
def postgres(make_postgres: Callable[[str], Postgres]) -> Postgres:
    return make_postgres("gates_reported")


@pytest.mark.parametrize(
    ("project", "flags"),
    [
        pytest.param({"data_tests": {"+limit": 1}}, [], id="limit of the project"),
        pytest.param({"data_tests": {"+limit": 0}}, [], id="limit 0 of the project"),
        pytest.param({"data_tests": {"+store_failures": True}}, [], id="store_failures of the project"),
        pytest.param({"data_tests": {"+store_failures_as": "view"}}, [], id="as a view"),
        pytest.param({"data_tests": {"+store_failures_as": "ephemeral"}}, [], id="as ephemeral"),
        pytest.param(
            {"data_tests": {"+fail_calc": "0", "+error_if": "> 9"}}, [], id="fail_calc of the project"
        ),
        pytest.param({"data_tests": {"+limit": 1}}, ["--store-failures"], id="flag"),
        pytest.param({}, ["--threads", "1"], id="one thread"),
    ],
)
def test_a_verdict_depends_on_no_setting_of_dbt(
    engine: Engine, tmp_path: Path, project: dict[str, Any], flags: list[str]
) -> None:
    shop = Shop(
        tmp_path / "shop", engine, {"seeds/orders.yml": properties_of("orders", [ROWS, *RATIOS])}, project
    )
    done = shop.dbt("build", *flags)
    assert {name: done.statuses[name] for name in ("amount_fails", "count_fails")} == dict.fromkeys(
        ("amount_fails", "count_fails"), "fail"
    )
    verdicts = {(row["node_id"].split(".")[2], row["metric"]): row["verdict"] for row in shop.ledger()}
    assert len(verdicts) == 5
    assert (
        verdicts["amount_fails", "sum(amount)"] == "fail" and verdicts["amount_fails", "count(*)"] == "pass"
    )
    assert verdicts["count_fails", "sum(amount)"] == "pass" and verdicts["count_fails", "count(*)"] == "fail"


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("limit", 0, "received 0"),
        ("limit", 5, "received 5"),
        ("store_failures", True, "a gate keeps all its evidence, in the ledger"),
        ("store_failures_as", "view", 'received "view"'),
        ("fail_calc", "0", "a gate decides by its verdicts"),
        ("warn_if", ">10", 'received ">10"'),
        ("error_if", ">10", "Use `severity`"),
    ],
)
def test_a_setting_that_a_gate_would_not_follow_is_refused_when_dbt_parses(
    tmp_path: Path, setting: str, value: object, words: str
) -> None:
    rows = gate("row_existence", {"date_column": "order_date"}, config={"where": "limit=1", setting: value})
    engine = DuckDB(tmp_path / "shop.duckdb")
    shop = Shop(tmp_path / "shop", engine, {"seeds/orders.yml": properties_of("orders", [rows])})
    done = shop.dbt("parse")
    assert not done.success
    said = " ".join(done.error.split())
    assert f"gates.row_existence: `{setting}` must be left out" in said and words in said


@pytest.mark.parametrize(
    "settings", [{"store_failures": False}, {"store_failures_as": "ephemeral"}, {"where": "limit=1"}]
)
def test_a_setting_that_says_what_a_gate_does_anyway_is_accepted(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    rows = gate("row_existence", {"date_column": "order_date"}, config=settings)
    shop = Shop(
        tmp_path / "shop",
        DuckDB(tmp_path / "shop.duckdb"),
        {"seeds/orders.yml": properties_of("orders", [rows])},
    )
    assert shop.dbt("parse").success


@pytest.mark.parametrize("flags", [["--empty"], ["--sample", "3 days"]])
def test_a_dry_run_decides_nothing(engine: Engine, tmp_path: Path, flags: list[str]) -> None:
    shop = Shop(
        tmp_path / "shop",
        engine,
        {
            "models/m.sql": "select * from {{ ref('orders') }}",
            "models/m.yml": properties_of("m", [ROWS, *RATIOS], "models"),
        },
    )
    done = shop.dbt("build", *flags)
    assert done.success, done.error
    assert any("nothing is decided with --empty or --sample" in line for line in done.printed)
    assert shop.ledger() == []


def test_a_gate_of_an_ephemeral_model_leaves_its_evidence(engine: Engine, tmp_path: Path) -> None:
    """One that reads another, by a macro that refers to it."""
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


def test_a_failure_of_another_package_is_recorded_with_its_status(engine: Engine, tmp_path: Path) -> None:
    """And with --fail-fast what was decided before the end is recorded too."""
    tests = [ROWS, {"not_null": {"column_name": "customer", "config": {"severity": "warn"}}}]
    shop = Shop(
        tmp_path / "shop",
        engine,
        {
            "seeds/orders.csv": f"order_id,order_date,customer\n1,{LATER},\n",
            "seeds/orders.yml": properties_of("orders", tests),
        },
    )
    assert shop.dbt("build", "--fail-fast", "--threads", "1").success
    assert {row["gate"]: (row["verdict"], row["gate_id"] is None) for row in shop.ledger()} == {
        "not_null": ("warn", True),
        "row_existence": ("pass", False),
    }


def test_a_gate_that_crashes_leaves_a_row(engine: Engine, tmp_path: Path) -> None:
    tests = [ROWS, gate("value_range", {"expression": "sum(absent)", "max_value": 1}, name="crashes")]
    shop = Shop(tmp_path / "shop", engine, {"seeds/orders.yml": properties_of("orders", tests)})
    done = shop.dbt("build")
    assert done.statuses["crashes"] == "error"
    assert [
        (row["verdict"], row["reason"], row["status"]) for row in shop.ledger("gate = 'value_range'")
    ] == [("fail", "query_error", "error")]
    assert [row["verdict"] for row in shop.ledger("gate = 'row_existence'")] == ["pass"]
    assert shop.dbt("retry").statuses == {"crashes": "error", "shop-on-run-end-0": "success"}
    assert len(shop.ledger("gate = 'value_range'")) == 2


def orders(sizes: dict[str, int]) -> str:
    """A seed with so many orders on each day."""
    lines = ["order_id,order_date,amount"]
    for day, size in sizes.items():
        lines += [f"{day.replace('-', '')}{number:02},{day},1" for number in range(size)]
    return "\n".join(lines)


def ratio(bound: float, **others: Any) -> dict[str, Any]:
    arguments = {"date_column": "order_date", "days_back": 7, "metrics": {"count(*)": bound}}
    return gate("interval_ratio", arguments, **others)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param([ratio(1.8)], id="bound"),
        pytest.param([ratio(1.7, name="like_last_week")], id="name"),
        pytest.param(
            [ratio(1.9, name="like_last_week", config={"severity": "warn"})], id="bound, name and severity"
        ),
        pytest.param([ratio(1.7, config={"where": "amount > 0"})], id="another gate of the relation"),
        pytest.param([ratio(1.7), ratio(3, name="roughly")], id="a second one beside it"),
    ],
)
def test_a_rejected_day_stays_rejected_whatever_becomes_of_the_gate(
    engine: Engine, tmp_path: Path, changed: list[dict[str, Any]]
) -> None:
    seed = orders({"2026-11-01": 40, FIRST_DAY: 40, BAD_DAY: 5, LATER: 40})
    shop = Shop(
        tmp_path / "shop",
        engine,
        {"seeds/orders.csv": seed, "seeds/orders.yml": properties_of("orders", [ratio(1.7)])},
    )
    assert not shop.dbt("build", run_date=BAD_DAY).success
    shop.write({"seeds/orders.yml": properties_of("orders", changed)})
    assert shop.dbt("test", run_date=LATER).success
    rows = shop.ledger(f"run_date = '{LATER}'")
    assert {float(row["reference_value"]) for row in rows} == {40.0}, f"compared with {FIRST_DAY}"
    assert len(rows) == len(changed)


def test_a_day_that_is_judged_again_and_passes_is_a_reference_again(engine: Engine, tmp_path: Path) -> None:
    seed = orders({FIRST_DAY: 40, BAD_DAY: 5, LATER: 5})
    shop = Shop(
        tmp_path / "shop",
        engine,
        {"seeds/orders.csv": seed, "seeds/orders.yml": properties_of("orders", [ratio(1.7)])},
    )
    assert not shop.dbt("build", run_date=BAD_DAY).success
    shop.write({"seeds/orders.yml": properties_of("orders", [ratio(9, name="loose")])})
    assert shop.dbt("test", run_date=BAD_DAY).success
    shop.write({"seeds/orders.yml": properties_of("orders", [ratio(1.7)])})
    assert shop.dbt("test", run_date=LATER).success
    assert [float(row["reference_value"]) for row in shop.ledger(f"run_date = '{LATER}'")] == [5.0]


def test_a_day_without_a_reference_is_not_rejected(engine: Engine, tmp_path: Path) -> None:
    """Otherwise each day would take the reference from the next one for ever."""
    seed = orders({FIRST_DAY: 5, BAD_DAY: 5})
    shop = Shop(
        tmp_path / "shop",
        engine,
        {"seeds/orders.csv": seed, "seeds/orders.yml": properties_of("orders", [ratio(1.7)])},
    )
    assert not shop.dbt("build", run_date=FIRST_DAY).success
    assert shop.dbt("test", run_date=BAD_DAY).success
    assert [row["reason"] for row in shop.ledger()] == ["no_reference", "ok"]


def test_evidence_is_recorded_to_the_last_bit(engine: Engine, tmp_path: Path) -> None:
    """Texts with quotes, line breaks, backslashes and other scripts; doubles that no short text has."""
    odd = 'it\'s "q" \\n \\\\ 100% {{ no }} \t\n 雪 🙂 null'
    literal = odd.replace("'", "''")
    columns = {"day": dt.date.fromisoformat(LATER), "shop": literal, "amount": 0.1 + 0.2}
    chosen = ", ".join(
        f"{'date ' if name == 'day' else ''}"
        + (f"cast({value!r} as double precision)" if name == "amount" else f"'{value}'")
        + f" as {name}"
        for name, value in columns.items()
    )
    bounds = {"expression": "sum(amount)", "max_value": 0.3, "date_column": "day", "segment_column": "shop"}
    shop = Shop(
        tmp_path / "shop",
        engine,
        {
            "models/t.sql": "{% raw %}select " + chosen + "{% endraw %}",
            "models/t.yml": properties_of("t", [gate("value_range", bounds)], "models"),
        },
    )
    assert not shop.dbt("build").success
    (row,) = shop.ledger()
    assert row["segment"] == odd
    assert float(row["current_value"]) == 0.1 + 0.2
    assert row["upper_bound"] == 0.3


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
