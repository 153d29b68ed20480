"""What the loader lets in breaks no later step: a gate judges rows without a customer, features leave them out."""

from __future__ import annotations

import datetime
from pathlib import Path

from training_pipeline.config import Settings
from training_pipeline.source.loading import load
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.postgres import connect

from .files import row, write_csv

RUN_DATE = datetime.date(2017, 4, 30)
ROWS = 200
GATE = "interaction_values_within_bounds"
# The least and the most of what is loaded, one customer each so that no sum is beyond 64 bits.
EXTREMES = (
    {"interaction_at": "1970-01-02 12:00:00", "interaction_date": "1970-01-02"},
    {"interaction_at": "2199-12-31 12:00:00", "interaction_date": "2199-12-31"},
    {"amount": "1e12"},
    {"amount": "-1e12"},
    {"amount": "1e-320"},
    {"quantity": str(2**63 - 1)},
    {"store_id": str(-(2**63))},
    {"department": "漢" * 10_000},
    {"interaction_id": "\x1b[2J"},
)


def _load(settings: Settings, folder: Path, without_customer: int) -> None:
    rows = [row(number, customer_id="" if number < without_customer else "1") for number in range(ROWS)]
    rows += [row(ROWS + number, customer_id=str(number + 2), **one) for number, one in enumerate(EXTREMES)]
    load(settings, write_csv(folder / f"{without_customer}.csv", rows))


def _customer_nulls(settings: Settings) -> tuple[str, str]:
    with connect(settings) as connection:
        found = connection.execute(
            "select verdict, reason from analytics.gate_results where metric like %s"
            " order by recorded_at desc limit 1",
            ["sum(customer_id_nulls)%"],
        ).fetchone()
    assert found is not None
    return found[0], found[1]


def test_rows_without_a_customer_and_extreme_values_break_nothing(settings: Settings, tmp_path: Path) -> None:
    _load(settings, tmp_path, without_customer=1)
    models = ["--select", "+training_set", "--exclude", "resource_type:test", "resource_type:unit_test"]
    assert dbt.invoke(settings, ["build", *models], RUN_DATE).success
    with connect(settings) as connection:
        customers = "select distinct customer_id from analytics.customer_snapshot order by 1"
        found = [number for (number,) in connection.execute(customers)]
    # one comes after the run date only
    assert found == [1, *(number + 2 for number in range(len(EXTREMES)) if number != 1)]
    dbt.invoke(settings, ["test", "--select", GATE], RUN_DATE)
    assert _customer_nulls(settings) == ("pass", "ok"), "half a percent"

    _load(settings, tmp_path, without_customer=ROWS // 2)
    models = ["--select", "+interaction_daily", "--exclude", "resource_type:test", "resource_type:unit_test"]
    assert dbt.invoke(settings, ["build", *models], RUN_DATE).success
    assert not dbt.invoke(settings, ["test", "--select", GATE], RUN_DATE).success
    assert _customer_nulls(settings) == ("fail", "out_of_bounds"), "half of the rows"
