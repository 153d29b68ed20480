"""Nothing is trained on data that the gates have not passed as they are now."""

from __future__ import annotations

import json
import re

import pytest

from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.steps import certificate
from training_pipeline.steps.train import train
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.required_gates import required_data_gates

from .project import build_data, execute, load
from .rows import RUN_DATE, training_rows


def test_certificate_names_gates_and_versions(built: Settings) -> None:
    found = certificate.check(built, RUN_DATE)
    gates = {row["node_id"].split(".")[2] for row in found.rows}
    assert gates == {"raw_has_rows", "amount_is_plausible", "label_is_known"}
    assert set(found.versions) == {"raw.interaction", "interaction", "training_set", "excluded days"}
    assert found.versions["training_set"].startswith("1000:")
    assert len(found.invocation_ids) == 1
    assert found.fingerprint == certificate.check(built, RUN_DATE).fingerprint


def test_gate_that_only_warns_does_not_stop(built: Settings) -> None:
    load(built, amounts=(8.0,))  # above what is usual, still plausible
    build_data(built)
    assert certificate.check(built, RUN_DATE).run_date == RUN_DATE


def _fail_a_gate(settings: Settings) -> None:
    load(settings, amounts=(200.0, 400.0))
    assert not build_data(settings).success


def _swap(table: str, one: str, other: str) -> str:
    return (
        f"alter table {table} rename {one} to kept; alter table {table} rename {other} to {one};"
        f" alter table {table} rename kept to {other}"
    )


_ONE_VALUE = "where customer_id = 7 and snapshot_date = '2017-05-31'"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        pytest.param(
            "delete from analytics.gate_results where node_id like '%label_is_known%'",
            "1 of 3 gates have no row in the ledger: label_is_known. Run the whole data build again",
            id="one gate has not run",
        ),
        pytest.param("delete from analytics.gate_results", "3 of 3 gates have no row", id="no gate has run"),
        pytest.param("drop table analytics.gate_results", "3 of 3 gates have no row", id="no ledger"),
        pytest.param(
            "delete from analytics.training_certificate",
            "training_certificate has no row for it",
            id="no certificate",
        ),
        pytest.param(
            f"update analytics.training_set set amount_30 = 0 {_ONE_VALUE}",
            r"the data have changed: training_set was 1000:\S+ when the gates ran and is 1000:\S+ now",
            id="one value of training_set",
        ),
        pytest.param(
            _swap("analytics.training_set", "amount_30", "amount_trend"),
            r"the data have changed: training_set was 1000:(\S+):\w+ when the gates ran and is 1000:\1:\w+ now",
            id="two columns of training_set swapped",
        ),
        pytest.param(
            _swap("analytics.training_set", "snapshot_date", "label_end_date"),
            r"the data have changed: training_set was",
            id="two other columns of training_set swapped",
        ),
        pytest.param(
            "alter table analytics.training_set alter amount_30 type numeric",
            r"the data have changed: training_set was",
            id="another type of a column",
        ),
        pytest.param(
            "alter table raw.interaction rename amount to price; alter table raw.interaction add amount float8",
            r"the data have changed: raw.interaction was",
            id="another column of the source",
        ),
        pytest.param(
            "insert into raw.interaction values ('2017-06-30', 3)",
            r"the data have changed: raw.interaction was 2:\S+ when the gates ran and is 3:\S+ now",
            id="a late row in the source",
        ),
        pytest.param(
            "delete from analytics.interaction where amount > 3",
            r"the data have changed: interaction was 2:\S+ when the gates ran and is 1:\S+ now",
            id="a row of interaction",
        ),
        pytest.param(
            "update analytics.gate_results set statistic = 0 where gate = 'value_range'",
            r"the ledger is not as it was sealed: invocation \S+, gate value_range, day 2017-06-30: rows that were sealed"
            r" are gone or changed; and 1 more",
            id="a row of the ledger changed",
        ),
        pytest.param(
            "insert into analytics.gate_results (gate, run_date, verdict, invocation_id)"
            " select 'not_stale', run_date, 'pass', invocation_id from analytics.gate_results limit 1",
            r"the ledger is not as it was sealed: invocation \S+, gate not_stale, day 2017-06-30: rows were added",
            id="a row of the ledger added",
        ),
        pytest.param(
            "delete from analytics.gate_results where node_id like '%amount_is_usual%'",
            r"gate value_range, day 2017-06-30: rows that were sealed are gone",
            id="a row of the ledger removed",
        ),
        pytest.param("drop table analytics.gate_seals", "there are no seals", id="no seals"),
    ],
)
def test_training_is_refused(built: Settings, statement: str, reason: str) -> None:
    execute(built, statement)
    with pytest.raises(GateStopped, match=reason) as stopped:
        train(built, RUN_DATE)
    assert stopped.value.exit_code == 3


def test_columns_swapped_while_training_reads(built: Settings) -> None:
    found = certificate.check(built, RUN_DATE)
    execute(built, _swap("analytics.training_set", "amount_30", "amount_trend"))
    with pytest.raises(GateStopped, match="the data have changed: training_set was"):
        certificate.require_unchanged(built, found)


def test_training_is_refused_after_a_failed_gate(built: Settings) -> None:
    _fail_a_gate(built)
    reason = r"FAIL  amount_is_plausible on interaction\n +avg\(amount\) is 300, allowed at least 1 and at most 10\n"
    with pytest.raises(GateStopped, match=reason):
        train(built, RUN_DATE)


def test_failed_gate_leaves_its_evidence(built: Settings) -> None:
    _fail_a_gate(built)
    with pytest.raises(GateStopped) as stopped:
        certificate.check(built, RUN_DATE)
    [row] = stopped.value.evidence
    assert (row["gate"], row["metric"], float(row["current_value"])) == ("value_range", "avg(amount)", 300.0)
    assert (row["lower_bound"], row["upper_bound"], row["reason"]) == (1, 10, "out_of_bounds")


def test_another_day_has_no_certificate(built: Settings) -> None:
    with pytest.raises(GateStopped, match="training stopped on 2017-06-29: 3 of 3 gates have no row"):
        certificate.check(built, RUN_DATE.replace(day=29))


def test_other_days_may_change(built: Settings) -> None:
    execute(built, "insert into raw.interaction values ('2017-07-01', 3)")
    assert certificate.check(built, RUN_DATE).run_date == RUN_DATE


def test_build_without_gates_certifies_nothing(built: Settings) -> None:
    # `dbt run` after new data: an earlier build's gates passed, but not on these data
    load(built, training_rows(seed=2))
    dbt.invoke(built, ["run", "--exclude", "tag:model_gate"], RUN_DATE)
    with pytest.raises(GateStopped, match="3 gates did not run in the build that wrote the certificate"):
        certificate.check(built, RUN_DATE)


def test_tasks_of_one_airflow_run_are_one_build(built: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "scheduled__2017-06-30")
    dbt.invoke(built, ["test", "--exclude", "tag:model_gate"], RUN_DATE)
    dbt.invoke(built, ["run", "--exclude", "tag:model_gate"], RUN_DATE)
    assert len(certificate.check(built, RUN_DATE).invocation_ids) == 1
    monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "manual__2017-06-30")
    dbt.invoke(built, ["run", "--exclude", "tag:model_gate"], RUN_DATE)
    with pytest.raises(GateStopped, match="3 gates did not run in the build"):
        certificate.check(built, RUN_DATE)


def test_gate_whose_arguments_changed_has_to_run_again(built: Settings) -> None:
    execute(
        built,
        "update analytics.gate_results set config_hash = 'of other arguments' where gate = 'value_range'",
    )
    with pytest.raises(
        GateStopped, match="the configuration of amount_is_plausible has changed since it ran"
    ):
        certificate.check(built, RUN_DATE)


def test_ledger_in_another_schema_proves_as_well(built: Settings) -> None:
    """Its address is a variable of dbt, which Python reads from dbt's manifest."""
    project = built.dbt_project / "dbt_project.yml"
    before = project.read_text()
    project.write_text(f"{before}\nvars: {{gate_results_schema: evidence}}\n")
    try:
        assert build_data(built).success
        execute(built, "drop table analytics.gate_results, analytics.gate_seals")
        assert len(certificate.check(built, RUN_DATE).invocation_ids) == 1
        execute(built, "delete from evidence.gate_results where gate = 'value_range'")
        with pytest.raises(GateStopped, match="1 of 3 gates have no row in the ledger: amount_is_plausible"):
            certificate.check(built, RUN_DATE)
    finally:
        project.write_text(before)
        build_data(built)


def test_project_without_gates_is_refused(built: Settings) -> None:
    manifest = dbt.read_manifest(built)
    manifest["nodes"] = {
        name: node for name, node in manifest["nodes"].items() if node["resource_type"] != "test"
    }
    with pytest.raises(PipelineError, match="at least one test of severity error must look at training_set"):
        required_data_gates(manifest)
    manifest["nodes"] = {}
    with pytest.raises(PipelineError, match="must have a model training_set"):
        required_data_gates(manifest)


def test_ledger_is_read_by_the_latest_rows(built: Settings) -> None:
    _fail_a_gate(built)
    load(built)
    assert build_data(built).success
    assert json.dumps(certificate.check(built, RUN_DATE).invocation_ids)


def test_message_says_what_to_do(built: Settings) -> None:
    execute(built, "delete from analytics.training_certificate")
    with pytest.raises(GateStopped, match=re.escape("training-pipeline run --run-date 2017-06-30")):
        certificate.check(built, RUN_DATE)
