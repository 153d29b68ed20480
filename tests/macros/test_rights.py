"""The rights of the warehouse user that docs/package.md lists are enough, and no more are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .harness.engines import SCHEMA, Postgres
from .harness.run import LEDGER
from .harness.shop import Shop, gate

SOURCE = {
    "sources": [
        {
            "name": "shop",
            "schema": SCHEMA,
            "tables": [
                {
                    "name": "orders",
                    "data_tests": [gate("row_existence", {"date_column": "order_date"}, name="has_rows")],
                }
            ],
        }
    ]
}


@pytest.fixture
def owner(make_postgres: Callable[[str], Postgres]) -> Postgres:
    """A database with a table, and a role that may read it and nothing else."""
    engine = make_postgres("gates_rights")
    engine.execute(
        [
            f"create schema {SCHEMA}",
            f"create table {SCHEMA}.orders as select date '2026-11-22' as order_date",
            "do $$ begin if not exists (select from pg_roles where rolname = 'gates_reader')"
            " then create role gates_reader login password 'secret'; end if; end $$",
            f"grant usage on schema {SCHEMA} to gates_reader",
            f"grant select on {SCHEMA}.orders to gates_reader",
        ]
    )
    return engine


@pytest.fixture
def shop(owner: Postgres, tmp_path: Path) -> Shop:
    """The project as that role runs it."""
    reader = Postgres({**owner.connection, "user": "gates_reader", "password": "secret"})
    return Shop(tmp_path / "shop", reader, {"models/shop.yml": SOURCE, "seeds/orders.csv": "a\n1"})


def test_a_role_that_may_not_create_schemas_makes_the_ledger_in_one_that_is_there(
    owner: Postgres, shop: Shop
) -> None:
    owner.execute([f"grant create on schema {SCHEMA} to gates_reader"])
    assert owner.query(
        "select has_database_privilege('gates_reader', current_database(), 'create') as may"
    ) == [{"may": False}]
    for _ in range(2):
        done = shop.dbt("test")
        assert done.success, done.printed
    assert [row["verdict"] for row in owner.query(f"select verdict from {LEDGER}")] == ["pass", "pass"]


def test_a_role_that_may_only_insert_keeps_its_evidence(owner: Postgres, shop: Shop, tmp_path: Path) -> None:
    """The tables are of another role, so this one can neither change nor remove a row."""
    by_owner = Shop(tmp_path / "owners", owner, {"models/shop.yml": SOURCE, "seeds/orders.csv": "a\n1"})
    assert by_owner.dbt("test").success
    owner.execute([f"grant select, insert on all tables in schema {SCHEMA} to gates_reader"])
    done = shop.dbt("test")
    assert done.success, done.printed
    assert shop.dbt("run-operation", "verify_gate_results").success
    with pytest.raises(Exception, match="permission denied"):
        shop.engine.execute([f"delete from {LEDGER}"])


def test_a_role_without_a_place_for_the_ledger_is_an_error_of_the_hook(owner: Postgres, shop: Shop) -> None:
    done = shop.dbt("test")
    assert not done.success
    assert done.statuses["has_rows"] == "pass", "the verdict stays"
    assert any("permission denied for schema" in line for line in done.printed)
    assert owner.query(f"select to_regclass('{LEDGER}') as ledger") == [{"ledger": None}]
