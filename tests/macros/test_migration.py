"""A ledger of the first version becomes one of the present version in place, and loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .harness.engines import SCHEMA, DuckDB, Engine, Postgres
from .harness.run import LEDGER
from .harness.shop import Shop, gate, orders, properties_of

DUMP = Path(__file__).parent / "ledger_of_the_first_version.sql"
BAD_DAY, LATER = "2026-11-15", "2026-11-22"
OLD_COLUMNS = "gate, metric, segment, run_date, current_value, statistic, verdict, reason, node_id, invocation_id, status"
RATIO = gate("interval_ratio", {"date_column": "order_date", "days_back": 7, "metrics": {"count(*)": 1.8}})


@pytest.fixture(params=["postgres", "duckdb"])
def engine(
    request: pytest.FixtureRequest, make_postgres: Callable[[str], Postgres], tmp_path: Path
) -> Engine:
    if request.param == "postgres":
        return make_postgres("gates_migration")
    return DuckDB(tmp_path / "shop.duckdb")


@pytest.fixture
def shop(engine: Engine, tmp_path: Path) -> Shop:
    """A shop whose ledger a run of the first version has written, when the bound was 1.7."""
    seed = orders({"2026-11-01": 40, "2026-11-08": 40, BAD_DAY: 5, LATER: 40})
    files: dict[str, str | dict[str, Any]] = {
        "seeds/orders.csv": seed,
        "seeds/orders.yml": properties_of("orders", [RATIO]),
    }
    shop = Shop(tmp_path / "shop", engine, files)
    statements = (
        DUMP.read_text().replace("shop.orders", f"{SCHEMA}.orders").replace("shop.gate_results", LEDGER)
    )
    engine.execute([f"create schema if not exists {SCHEMA}", statements])
    assert shop.dbt("seed").success
    return shop


def test_nothing_is_lost(shop: Shop) -> None:
    query = f"select {OLD_COLUMNS} from {LEDGER} where invocation_id like 'old%' order by {OLD_COLUMNS}"
    before = shop.engine.query(query)
    assert len(before) == 5

    done = shop.dbt("test", run_date=LATER)

    assert done.success, done.printed
    assert shop.engine.query(query) == before
    (row,) = shop.ledger(f"run_date = '{LATER}' and invocation_id not like 'old%'")
    assert float(row["reference_value"]) == 40, "the day that the old ledger has rejected is no reference"
    assert [row["mode"] for row in shop.ledger()] == ["run"] * 6
    of_gates = {row["node_id"]: row["gate_id"] for row in shop.ledger()}
    assert of_gates["test.shop.not_null_orders_amount.1"] is None, "a test that is no gate has no identity"
    assert of_gates["test.shop.gone.2"] == "test.shop.gone.2", "a gate that is gone keeps its own"


def test_all_that_was_there_is_sealed_as_one_entry(shop: Shop) -> None:
    assert shop.dbt("test", run_date=LATER).success
    seals = shop.engine.query(f"select kind, row_count from {SCHEMA}.gate_seals order by seal_number")
    assert [tuple(seal.values()) for seal in seals] == [
        ("before", 5),  # with the accepted incident
        ("decision", 1),
        ("run", 1),
    ]
    assert shop.dbt("run-operation", "verify_gate_results").success
    shop.engine.execute([f"update {LEDGER} set verdict = 'pass' where invocation_id = 'old-2'"])
    changed = shop.dbt("run-operation", "verify_gate_results")
    assert not changed.success
    assert any("invocation old-2," in line and "changed" in line for line in changed.printed)


def test_accepted_incidents_become_decisions(shop: Shop) -> None:
    decisions = "select relation, day, decision, why, who from {}.gate_decisions order by decision_id".format
    first = {"relation": "", "decision": "accepted", "why": "half of the tills were down", "who": "anna"}
    for _ in range(2):
        assert shop.dbt("test", run_date=LATER).success
        (row,) = shop.engine.query(decisions(SCHEMA))
        assert str(row.pop("day"))[:10] == "2026-11-01"
        assert row == first


def test_accepted_incidents_count_before_they_are_migrated(shop: Shop) -> None:
    """The first run asks its gates before it writes anything."""
    shop.engine.execute([f"update {LEDGER} set run_date = '2026-11-08' where node_id = 'accepted_incident'"])
    assert shop.dbt("test", run_date=LATER).success
    (row,) = shop.ledger(f"run_date = '{LATER}' and invocation_id not like 'old%'")
    assert float(row["reference_value"]) == 40
    shop.engine.execute([f"update {LEDGER} set current_value = '7' where run_date = '2026-11-08'"])
    assert len(shop.engine.query(f"select 1 from {SCHEMA}.gate_decisions")) == 1


@pytest.mark.parametrize("invocation", ["null", "''", "'by hand'", "'two' || chr(10) || 'lines'"])
def test_rows_that_a_person_has_added_are_sealed_with_the_others(shop: Shop, invocation: str) -> None:
    shop.engine.execute(
        [
            f"insert into {LEDGER} (gate, metric, run_date, verdict, status, node_id, invocation_id)"
            f" values ('not_stale', 'copy', date '2020-01-01', 'pass', 'pass', 'n', {invocation})"
        ]
    )
    assert shop.dbt("test", run_date=LATER).success
    assert shop.dbt("run-operation", "verify_gate_results").success
    pruned = shop.dbt("run-operation", "prune_gate_results", "--args", "{keep_days: 371}", run_date=LATER)
    assert pruned.success, pruned.printed
    assert len(shop.ledger("gate = 'not_stale'")) == 1, "no entry could name it"
    shop.engine.execute([f"update {LEDGER} set verdict = 'fail' where gate = 'not_stale'"])
    assert not shop.dbt("run-operation", "verify_gate_results").success


@pytest.mark.parametrize("column", ["gate_id", "subject_version", "mode"])
def test_a_migration_that_was_killed_between_two_columns_goes_on(shop: Shop, column: str) -> None:
    """An engine without transactions keeps the columns that were added."""
    shop.engine.execute([f"alter table {LEDGER} add column {column} text"])
    assert shop.dbt("test", run_date=LATER).success
    assert [row["mode"] for row in shop.ledger()] == ["run"] * 6
    assert shop.dbt("run-operation", "verify_gate_results").success


def test_a_second_run_migrates_nothing(shop: Shop) -> None:
    assert shop.dbt("test", run_date=LATER).success
    before = shop.ledger()
    assert shop.dbt("test", run_date=LATER).success
    assert shop.ledger()[: len(before)] == before
    assert len(shop.ledger()) == len(before) + 1
