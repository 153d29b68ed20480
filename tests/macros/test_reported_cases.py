"""Faults that users of such tools have reported: verdicts that depend on settings, nodes of other kinds, lost evidence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .harness.engines import DuckDB, Engine, Postgres
from .harness.shop import Shop, gate, properties_of

ROWS = gate("row_existence", {"date_column": "order_date"})
# One of the two metrics fails, so the gate fails, whichever row of the evidence a setting of dbt would keep.
RATIOS = [
    gate("interval_ratio", {"date_column": "order_date", "metrics": metrics}, name=name)
    for name, metrics in (
        ("amount_fails", {"count(*)": 100, "sum(amount)": 1.7}),
        ("count_fails", {"count(*)": 1.7, "sum(amount)": 100}),
    )
]
LATER = "2026-11-22"


@pytest.fixture(params=["postgres", "duckdb"])
def engine(
    request: pytest.FixtureRequest, make_postgres: Callable[[str], Postgres], tmp_path: Path
) -> Engine:
    if request.param == "postgres":
        return make_postgres("gates_reported")
    return DuckDB(tmp_path / "shop.duckdb")


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


def test_a_failure_of_another_package_is_recorded_with_its_status(engine: Engine, tmp_path: Path) -> None:
    """With --fail-fast, dbt also records the gates that were decided before the end."""
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


def test_a_gate_that_crashes_stops_the_run_whatever_its_severity(engine: Engine, tmp_path: Path) -> None:
    """dbt skips what is downstream of an error, so the printed line does not call it a warning."""
    crashes = gate("value_range", {"expression": "sum(absent)", "max_value": 1}, config={"severity": "warn"})
    shop = Shop(
        tmp_path / "shop",
        engine,
        {
            "seeds/orders.yml": properties_of("orders", [crashes]),
            "models/m.sql": "select * from {{ ref('orders') }}",
        },
    )
    done = shop.dbt("build")
    assert done.statuses["m"] == "skipped"
    assert f"gates on {LATER}: 1 failed, 0 warned, 0 passed" in done.printed


def test_the_last_day_with_rows_is_named_where_the_day_has_none(engine: Engine, tmp_path: Path) -> None:
    many = gate("row_existence", {"date_column": "order_date", "min_rows": 1000})
    shop = Shop(tmp_path / "shop", engine, {"seeds/orders.yml": properties_of("orders", [many])})
    has_rows, has_none = shop.dbt("build"), shop.dbt("build", run_date="2026-11-23")
    assert [
        done.statuses["gates_row_existence_orders_order_date__1000"] for done in (has_rows, has_none)
    ] == ["fail"] * 2
    assert not any("the last day with rows" in line for line in has_rows.printed)
    assert any(line.endswith(f"the last day with rows is {LATER}") for line in has_none.printed)


def test_evidence_is_recorded_to_the_last_bit(engine: Engine, tmp_path: Path) -> None:
    """Texts have quotes, line breaks, backslashes and other scripts; doubles need all their digits."""
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
