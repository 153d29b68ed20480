"""A fault on the run date stops the run before training, with a reason and evidence in the ledger."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from psycopg.rows import dict_row

from gates.ledger.declared import declarations
from gates.ledger.evidence import name_of
from gates.ledger.wording import sentence
from training_pipeline.config import Settings
from training_pipeline.registry import models as registry
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.postgres import connect

from .conftest import RUN_DATE, Command

TODAY = f"interaction_date = '{RUN_DATE}'"
COLUMNS = (
    "interaction_id, customer_id, interaction_at, interaction_date, store_id, department, quantity, amount"
)


@dataclass(frozen=True)
class Fault:
    """A change of raw.interaction, and the evidence that must stop the run."""

    statement: str
    gate: str
    metric: str
    reason: str
    segment: str = "all"


FAULTS = {
    "no rows": Fault(
        f"delete from raw.interaction where {TODAY}",
        "row_existence",
        "count(*)",
        "no_current",
    ),
    "half of the rows lost": Fault(
        f"delete from raw.interaction where {TODAY} and hashtext(interaction_id) % 2 = 0",
        "interval_ratio",
        "sum(row_count) * 1.0 / nullif(sum(customer_id_distinct), 0) where slice = 'all'",
        "out_of_bounds",
    ),
    "load doubled": Fault(
        f"insert into raw.interaction select * from raw.interaction where {TODAY}",
        "value_range",
        "1 - sum(interaction_id_distinct) * 1.0 / nullif(sum(row_count), 0) where slice = 'all'",
        "out_of_bounds",
    ),
    "no department in 5 % of rows": Fault(
        f"update raw.interaction set department = null where {TODAY} and abs(hashtext(interaction_id)) % 20 = 0",
        "value_range",
        "sum(department_nulls) * 1.0 / nullif(sum(row_count), 0) where slice = 'all'",
        "out_of_bounds",
    ),
    "column dropped": Fault(
        "alter table raw.interaction drop column department cascade",
        "schema_match",
        "department",
        "missing_column",
    ),
    "column renamed": Fault(
        "alter table raw.interaction rename column amount to price",
        "schema_match",
        "price",
        "unexpected_column",
    ),
    "column retyped": Fault(
        "drop view analytics.stg_interaction; alter table raw.interaction alter column quantity type text",
        "schema_match",
        "quantity",
        "type_changed",
    ),
    "column added": Fault(
        "alter table raw.interaction add column channel text",
        "schema_match",
        "channel",
        "unexpected_column",
    ),
    "amount NULL in 10 % of rows": Fault(
        f"update raw.interaction set amount = null where {TODAY} and abs(hashtext(interaction_id)) % 10 = 0",
        "value_range",
        "sum(amount_nulls) * 1.0 / nullif(sum(row_count), 0) where slice = 'all'",
        "out_of_bounds",
    ),
    "amount 0 in 5 % of rows": Fault(
        f"update raw.interaction set amount = 0 where {TODAY} and abs(hashtext(interaction_id)) % 20 = 0",
        "value_range",
        "sum(amount_zeros) * 1.0 / nullif(sum(row_count), 0) where slice = 'all'",
        "out_of_bounds",
    ),
    "quantity negative in 2 % of rows": Fault(
        f"update raw.interaction set quantity = -1 where {TODAY} and abs(hashtext(interaction_id)) % 50 = 0",
        "value_range",
        "min(quantity_min) where slice = 'all'",
        "out_of_bounds",
    ),
    "quantity 0": Fault(
        f"update raw.interaction set quantity = 0 where {TODAY}",
        "value_range",
        "sum(quantity_zeros) * 1.0 / nullif(sum(row_count), 0) where slice = 'all'",
        "out_of_bounds",
    ),
    "quantities x 1000": Fault(
        f"update raw.interaction set quantity = quantity * 1000 where {TODAY}",
        "value_range",
        "sum(quantity_sum) / nullif(sum(quantity_count), 0) where slice = 'all'",
        "out_of_bounds",
    ),
    "amounts x 100": Fault(
        f"update raw.interaction set amount = amount * 100 where {TODAY}",
        "interval_ratio",
        "sum(amount_sum) / nullif(sum(amount_count), 0) where slice = 'all'",
        "out_of_bounds",
    ),
    # Only gates that look back more than one day see the following faults.
    **{
        f"the day {days} days before delivered again": Fault(
            f"delete from raw.interaction where {TODAY}; insert into raw.interaction ({COLUMNS})"
            f" select interaction_id || '-again', customer_id, interaction_at + interval '{days} days', date '{RUN_DATE}', store_id,"
            f" department, quantity, amount from raw.interaction where interaction_date = date '{RUN_DATE}' - {days}",
            "not_stale",
            "copied day by customer_id_distinct, amount_sum where slice = 'all'",
            "stale",
        )
        for days in (1, 21)
    },
    "one store for all": Fault(
        f"update raw.interaction set store_id = 1 where {TODAY}",
        "metric_anomaly",
        "sum(store_id_distinct) where slice = 'all'",
        "out_of_bounds",
    ),
    "a new category in 5 % of rows": Fault(
        f"update raw.interaction set department = 'NEW' where {TODAY} and abs(hashtext(interaction_id)) % 20 = 0",
        "category_match",
        "share of value where slice = 'department'",
        "unseen_category",
        "NEW",
    ),
    "a department gone": Fault(
        f"delete from raw.interaction where {TODAY} and department = 'PRODUCE'",
        "category_match",
        "share of value where slice = 'department'",
        "missing_category",
        "PRODUCE",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_stops_the_run_before_training(name: str, built_settings: Settings, command: Command) -> None:
    fault = FAULTS[name]
    with connect(built_settings) as connection:
        connection.execute(fault.statement)

    ended = command("run", "--fixture", "--run-date", str(RUN_DATE))

    assert ended.exit_code == 3, ended.printed
    with connect(built_settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        evidence = cursor.execute(
            "select * from analytics.gate_results where run_date = %s and gate = %s and metric = %s and segment = %s"
            " and reason = %s and verdict = 'fail' and severity = 'error' and status = 'fail'",
            [RUN_DATE, fault.gate, fault.metric, fault.segment, fault.reason],
        ).fetchall()
        failed = cursor.execute(
            "select * from analytics.gate_results where run_date = %s and verdict = 'fail' and node_id = any(%s)",
            [RUN_DATE, [row["node_id"] for row in evidence]],
        ).fetchall()
        certified = connection.execute("select to_regclass('analytics.training_certificate')").fetchone()
    assert evidence, f"the gate's evidence must be in the ledger; the command printed: {ended.printed}"
    declared = declarations(dbt.read_manifest(built_settings))
    for row in evidence:
        assert f"FAIL {name_of(row['node_id'])} on " in ended.printed, "each test that failed has a card"
    assert any(sentence(row, declared[row["node_id"]]) in ended.printed for row in failed), (
        "the card has the worst value, and what it is held to"
    )
    assert certified == (None,), "no certificate may exist for data that a gate rejected"
    assert not registry.versions(built_settings, {}), "no model may be registered"


def test_message_names_the_last_day_with_rows(built_settings: Settings, command: Command) -> None:
    ended = command("run", "--fixture", "--run-date", "2017-06-01")

    assert ended.exit_code == 3
    assert "raw.interaction has no rows for 2017-06-01; the last day that has is 2017-04-30" in ended.printed


def test_training_refuses_without_a_certificate(built_settings: Settings, command: Command) -> None:
    ended = command("train", "--run-date", str(RUN_DATE))

    assert ended.exit_code == 3
    assert not registry.versions(built_settings, {})


@pytest.mark.parametrize(
    "change", ["drop column amount_max", "add column channel text", "alter column amount_sum type real"]
)
def test_profile_of_other_columns_stops_the_run(
    change: str, built_settings: Settings, command: Command
) -> None:
    """The profile has no schema gate; dbt checks its columns before it replaces days (on_schema_change)."""
    with connect(built_settings) as connection:
        connection.execute(f"alter table analytics.interaction_daily {change}".encode())

    ended = command("run", "--fixture", "--run-date", str(RUN_DATE))

    assert ended.exit_code != 0 and "out of sync" in ended.printed, ended.printed
    assert not registry.versions(built_settings, {}), "no model may be registered"
