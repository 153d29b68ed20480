"""The DAG is exactly as designed: ids, edges, trigger rules, retries."""

from __future__ import annotations

from typing import Any

import pytest

RUN_DATE = "{{ params.run_date or ((dag_run.logical_date or dag_run.run_after) | ds) }}"

EDGES = {
    "load": ["data_gates.calendar.seed", "data_gates.raw_interaction.source"],
    "data_gates.calendar.seed": ["data_gates.calendar.test"],
    "data_gates.calendar.test": ["data_gates.interaction_daily.run"],
    "data_gates.raw_interaction.source": ["data_gates.raw_interaction.test"],
    "data_gates.raw_interaction.test": [
        "data_gates.stg_interaction_run",
        "data_gates.training_certificate_run",
    ],
    "data_gates.stg_interaction_run": ["data_gates.interaction.run"],
    "data_gates.interaction.run": ["data_gates.interaction.test"],
    "data_gates.interaction.test": [
        "data_gates.customer_day.run",
        "data_gates.interaction_daily.run",
        "data_gates.training_certificate_run",
    ],
    "data_gates.interaction_daily.run": ["data_gates.interaction_daily.test"],
    "data_gates.interaction_daily.test": ["data_gates.customer_day.run"],
    "data_gates.customer_day.run": ["data_gates.customer_day.test"],
    "data_gates.customer_day.test": ["data_gates.customer_snapshot.run", "data_gates.training_set.run"],
    "data_gates.customer_snapshot.run": ["data_gates.customer_snapshot.test"],
    "data_gates.customer_snapshot.test": ["data_gates.training_set.run"],
    "data_gates.training_set.run": ["data_gates.training_set.test"],
    "data_gates.training_set.test": ["data_gates.training_certificate_run"],
    "data_gates.training_certificate_run": ["past_days", "report"],
    "past_days": ["report", "train"],
    "train": ["evaluate"],
    "evaluate": ["model_gates.challenger_evaluation.run"],
    "model_gates.challenger_evaluation.run": ["model_gates.challenger_evaluation.test"],
    "model_gates.challenger_evaluation.test": ["promote", "report"],
    "promote": ["outcome", "report"],
    "report": ["outcome"],
    "outcome": [],
}


@pytest.fixture(scope="module")
def dag(described: dict[str, Any]) -> dict[str, Any]:
    dag: dict[str, Any] = described["dag"]
    return dag


def test_the_folder_holds_this_dag_and_imports_without_errors(described: dict[str, Any]) -> None:
    assert described["import_errors"] == {}
    assert described["dag_ids"] == ["training_pipeline"]


def test_tasks_and_edges_are_exactly_as_designed(dag: dict[str, Any]) -> None:
    assert {task_id: task["downstream"] for task_id, task in dag["tasks"].items()} == EDGES


def test_nothing_but_the_report_runs_after_a_failure(dag: dict[str, Any]) -> None:
    rules = {task_id: task["trigger_rule"] for task_id, task in dag["tasks"].items()}
    assert {task_id for task_id, rule in rules.items() if rule != "all_success"} == {"report"}
    assert rules["report"] == "all_done"


def test_the_report_is_not_a_leaf_so_it_cannot_turn_a_stopped_run_green(dag: dict[str, Any]) -> None:
    leaves = [task_id for task_id, task in dag["tasks"].items() if not task["downstream"]]
    assert leaves == ["outcome"]
    assert {task_id for task_id, task in dag["tasks"].items() if "outcome" in task["downstream"]} == {
        "promote",
        "report",
    }


def test_models_and_their_tests_run_in_separate_tasks(dag: dict[str, Any]) -> None:
    operators = {task_id: task["operator"] for task_id, task in dag["tasks"].items() if "_gates." in task_id}
    for task_id, operator in operators.items():
        kind = task_id.replace("_run", ".run").rsplit(".", 1)[-1]
        assert (
            operator
            == {
                "run": "DbtRunLocalOperator",
                "seed": "DbtSeedLocalOperator",
                "test": "DbtTestLocalOperator",
                "source": "DbtSourceLocalOperator",  # its freshness
            }[kind]
        )


def test_the_tests_of_a_model_are_selected_by_its_full_name(dag: dict[str, Any]) -> None:
    """Without `fqn:`, `interaction` would also select everything in models/interaction/."""
    for task_id, task in dag["tasks"].items():
        if task["operator"] == "DbtTestLocalOperator":
            model = task_id.split(".")[1]
            if model == "raw_interaction":
                assert task["select"] == "source:raw.interaction"
            else:
                assert task["select"].startswith("fqn:training_pipeline."), task_id
                assert task["select"].endswith(f".{model}"), task_id


def test_unit_tests_are_about_code_and_not_run_on_data(dag: dict[str, Any]) -> None:
    for task_id, task in dag["tasks"].items():
        if task_id.startswith("data_gates.") and task["operator"] == "DbtTestLocalOperator":
            assert task["exclude"] == "tag:model_gate resource_type:unit_test"


def test_every_task_is_retried_except_on_a_verdict(dag: dict[str, Any]) -> None:
    for task_id, task in dag["tasks"].items():
        assert task["retries"] == 2, task_id
        assert [(rule["exception"], rule["action"]) for rule in task["rules"]] == [
            ("training_pipeline.errors.GateStopped", "fail")
        ], task_id


def test_every_step_decides_on_the_run_date(dag: dict[str, Any]) -> None:
    for task_id, task in dag["tasks"].items():
        if task["operator"].startswith("Dbt"):
            assert task["environment"]["RUN_DATE"] == RUN_DATE, task_id
        elif task_id not in {"load", "outcome"} and task["operator"] != "EmptyOperator":
            assert task["arguments"] == {"run_date": RUN_DATE}, task_id


def test_runs_are_daily_one_at_a_time_and_without_catchup(dag: dict[str, Any]) -> None:
    assert dag["schedule"] == "0 12 * * *"
    assert dag["catchup"] is False
    assert dag["max_active_runs"] == 1
    assert dag["params"]["run_date"] == {"type": ["null", "string"], "format": "date"}
    assert {task["owner"] for task in dag["tasks"].values()} == {"training-pipeline"}
