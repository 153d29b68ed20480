"""A row added to, changed in or removed from a sealed invocation is named, and so is a seal that is gone or changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .harness.engines import SCHEMA, DuckDB, Engine, Postgres
from .harness.run import LEDGER
from .harness.shop import Shop, gate, properties_of

SEALS = f"{SCHEMA}.gate_seals"
DAYS = ("2026-11-15", "2026-11-22", "2026-11-15")
ROWS = gate("row_existence", {"date_column": "order_date"}, name="has_rows")
OF_RUN = f"invocation_id = (select invocation_id from {SEALS} where seal_number = {{}})"
TAMPERED = {
    "a row changed": (
        [f"update {LEDGER} set statistic = 1 where {OF_RUN.format(2)}"],
        {
            (2, "row_existence", "2026-11-22", "rows were added or changed after the seal"),
            (2, "row_existence", "2026-11-22", "rows that were sealed are gone or changed"),
        },
    ),
    "a row added": (
        [
            f"insert into {LEDGER} (gate, run_date, verdict, invocation_id)"
            f" select 'not_stale', date '2026-11-20', 'pass', invocation_id from {SEALS} where seal_number = 2"
        ],
        {(2, "not_stale", "2026-11-20", "rows were added or changed after the seal")},
    ),
    "a row removed": (
        [f"delete from {LEDGER} where {OF_RUN.format(2)}"],
        {(2, "row_existence", "2026-11-22", "rows that were sealed are gone or changed")},
    ),
    "a row of a run that never was": (
        [f"insert into {LEDGER} (gate, verdict, invocation_id) values ('not_stale', 'pass', 'forged')"],
        {("forged", "-", "-", "rows that no seal covers, or that were changed")},
    ),
    "a row that only looks like a decision about a day": (
        [
            f"insert into {LEDGER} (gate, verdict, status, invocation_id, node_id, gate_id)"
            " values ('not_stale', 'pass', 'pass', 'forged', 'accepted_incident', 'shop.orders')"
        ],
        {("forged", "-", "-", "rows that no seal covers, or that were changed")},
    ),
    "a seal changed": (
        [f"update {SEALS} set row_count = 5 where seal_number = 2"],
        {(2, "-", "-", "the seal was changed")},
    ),
    "a seal made again": (
        [f"update {SEALS} set seal = 'another' where seal_number = 2"],
        {(2, "-", "-", "the seal was changed"), (3, "-", "-", "the seal before it is gone or changed")},
    ),
    "what a seal covers changed": (
        [
            f"update {SEALS} set lines = '' where seal_number = 2",
            f"delete from {LEDGER} where {OF_RUN.format(2)}",
        ],
        {(2, "-", "-", "the lines of the seal were changed")},
    ),
    "a seal removed": (
        [f"delete from {SEALS} where seal_number = 1"],
        {
            (1, "-", "-", "rows that no seal covers, or that were changed"),
            (2, "-", "-", "the seal before it is gone or changed"),
        },
    ),
}


@pytest.fixture(scope="module", params=["postgres", "duckdb"])
def shop(
    request: pytest.FixtureRequest,
    make_postgres: Callable[[str], Postgres],
    tmp_path_factory: pytest.TempPathFactory,
) -> Shop:
    """A shop after three runs."""
    directory = tmp_path_factory.mktemp("seals")
    engine: Engine = (
        make_postgres("gates_seals") if request.param == "postgres" else DuckDB(directory / "shop.duckdb")
    )
    shop = Shop(directory / "shop", engine, {"seeds/orders.yml": properties_of("orders", [ROWS])})
    assert shop.dbt("seed").success
    for day in DAYS:
        assert shop.dbt("test", run_date=day).success
    for table in (LEDGER, SEALS):
        engine.execute([f"create table {table}_kept as select * from {table}"])
    return shop


@pytest.fixture
def intact(shop: Shop) -> Shop:
    for table in (LEDGER, SEALS):
        shop.engine.execute([f"delete from {table}", f"insert into {table} select * from {table}_kept"])
    return shop


def findings(shop: Shop) -> set[tuple[int | str, str, str, str]]:
    """What is printed, with the number of the run for its invocation."""
    numbers = {
        row["invocation_id"]: row["seal_number"]
        for row in shop.engine.query(f"select invocation_id, seal_number from {SEALS}_kept")
    }
    found = set()
    for line in shop.dbt("run-operation", "verify_gate_results").printed:
        if line.startswith("invocation "):
            about, _, problem = line.partition(": ")
            invocation, gate_name, day = (part.split()[1] for part in about.split(", "))
            found.add((numbers.get(invocation, invocation), gate_name, day, problem))
    return found


def test_an_intact_ledger_is_as_it_was_sealed(intact: Shop) -> None:
    assert intact.dbt("run-operation", "verify_gate_results").success


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_tampered_with_is_named(intact: Shop, name: str) -> None:
    statements, expected = TAMPERED[name]
    for statement in reversed(statements):
        intact.engine.execute([statement])
    assert findings(intact) == expected
    assert not intact.dbt("run-operation", "verify_gate_results").success


@pytest.mark.parametrize(
    "setting", ["set timezone = 'Asia/Tokyo'", "set extra_float_digits = -15", "set datestyle = 'German'"]
)
def test_no_setting_of_a_session_changes_what_holds(intact: Shop, setting: str) -> None:
    if intact.engine.name == "duckdb":
        pytest.skip("settings of Postgres")
    name, _, value = setting.removeprefix("set ").partition(" = ")
    intact.engine.execute([f"alter database gates_seals set {name} = {value}"])
    try:
        assert intact.dbt("run-operation", "verify_gate_results").success
    finally:
        intact.engine.execute([f"alter database gates_seals reset {name}"])
