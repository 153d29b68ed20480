"""Two dbt processes on one schema at the same time: each has its own evidence, and the verdicts that it has alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .harness.engines import SCHEMA, Postgres
from .harness.shop import Shop, gate, properties_of

# As many orders as the last two digits of the day, so that a row of evidence says of which day it is.
DAYS = {"2026-11-21": 21, "2026-11-22": 22}
LEAST = range(1, 13)
THREADS = 8


@pytest.fixture
def shop(make_postgres: Callable[[str], Postgres], tmp_path: Path) -> Shop:
    lines = ["order_id,order_date"]
    lines += [f"{day[-2:]}{number:02},{day}" for day, size in DAYS.items() for number in range(size)]
    gates = [
        gate("row_existence", {"date_column": "order_date", "min_rows": rows}, name=f"rows_{rows}")
        for rows in LEAST
    ]
    # fails on the first day and passes on the second one
    gates.append(gate("row_existence", {"date_column": "order_date", "min_rows": 22}, name="rows_22"))
    files: dict[str, str | dict[str, Any]] = {
        "seeds/orders.csv": "\n".join(lines),
        "seeds/orders.yml": properties_of("orders", gates),
    }
    shop = Shop(tmp_path / "shop", make_postgres("gates_two_runs"), files, threads=THREADS)
    assert shop.dbt("seed").success
    return shop


def run_both(shop: Shop, environments: tuple[dict[str, str], dict[str, str]] = ({}, {})) -> None:
    """Run `dbt test` for both days at once; only the first day has a gate that fails."""
    started = [
        shop.start("test", run_date=day, environment=environment)
        for day, environment in zip(DAYS, environments, strict=True)
    ]
    for day, process, code in zip(DAYS, started, (1, 0), strict=True):
        output, _ = process.communicate(timeout=300)
        assert process.returncode == code, f"{day}:\n{output}"
        errors = [line for line in output.splitlines() if "ERROR" in line and "Done." not in line]
        assert errors == [], output


def require_own_rows(shop: Shop, rounds: int) -> None:
    """Each invocation has a row for each gate, all of the day that it judged, and the ledger is as it was sealed."""
    by_invocation: dict[str, list[tuple[str, str, str]]] = {}
    for row in shop.ledger():
        by_invocation.setdefault(row["invocation_id"], []).append(
            (str(row["run_date"]), row["current_value"], row["node_id"].split(".")[2])
        )
    names = {f"rows_{rows}" for rows in (*LEAST, 22)}
    days = []
    for rows in by_invocation.values():
        ((day, value),) = {(day, value) for day, value, _ in rows}
        assert float(value) == DAYS[day]
        assert sorted(name for *_, name in rows) == sorted(names)
        days.append(day)
    assert sorted(days) == sorted([*DAYS] * rounds)
    seals = shop.engine.query(f"select seal_number, row_count from {SCHEMA}.gate_seals order by seal_number")
    assert [tuple(seal.values()) for seal in seals] == [(n, len(names)) for n in range(1, 2 * rounds + 1)]
    assert shop.dbt("run-operation", "verify_gate_results").success


def test_two_processes_do_not_mix_their_evidence(shop: Shop) -> None:
    """The first round creates the ledger, from both at once."""
    for _ in range(2):
        run_both(shop)
    require_own_rows(shop, rounds=2)


@pytest.mark.long
def test_twenty_rounds(shop: Shop) -> None:
    for _ in range(20):
        run_both(shop)
    require_own_rows(shop, rounds=20)


def test_two_tasks_of_one_airflow_run(shop: Shop) -> None:
    run = {"AIRFLOW_CTX_DAG_ID": "training", "AIRFLOW_CTX_DAG_RUN_ID": "backfill__1"}
    run_both(shop, ({**run, "AIRFLOW_CTX_TASK_ID": "first"}, {**run, "AIRFLOW_CTX_TASK_ID": "second"}))
    require_own_rows(shop, rounds=1)
    tasks = {(str(row["run_date"]), row["dag_run_id"], row["task_id"]) for row in shop.ledger()}
    assert tasks == {(day, "backfill__1", task) for day, task in zip(DAYS, ("first", "second"), strict=True)}
