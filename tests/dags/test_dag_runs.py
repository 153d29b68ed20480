"""The DAG, run in one process by `dag.test()`: the tasks that do not run, and the state of the run."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.config import Settings
from training_pipeline.steps.gating import stopped
from training_pipeline.warehouse import ledger
from training_pipeline.warehouse.postgres import connect

from .conftest import RUN_DATE, Airflow

SOURCE_TASK = "data_gates.raw_interaction.source"
STALE_DATE = "2017-05-03"  # the source has rows up to 2017-04-30


def in_state(run: dict[str, Any], state: str) -> set[str]:
    return {task_id for task_id, task_state in run["tasks"].items() if task_state == state}


def behind(answer: dict[str, Any], task_id: str) -> set[str]:
    """Return the tasks that depend on a task, directly or indirectly."""
    dependents: set[str] = set()
    waiting = [task_id]
    while waiting:
        new = set(answer["dag"]["tasks"][waiting.pop()]["downstream"]) - dependents
        dependents |= new
        waiting.extend(new)
    return dependents


def query(
    settings: Settings, statement: str, *values: object, database: str | None = None
) -> list[tuple[Any, ...]]:
    with connect(settings, database) as connection:
        return connection.execute(statement, values).fetchall()


def model_versions(settings: Settings) -> int:
    return len(query(settings, "select version from model_versions", database=settings.mlflow_database))


@pytest.fixture(scope="module")
def answer(airflow: Airflow, good_file: Path, half_file: Path) -> dict[str, Any]:
    """Good data, then the same day with half of its rows lost, then a day three days after the last row."""
    inputs = ((RUN_DATE, good_file), (RUN_DATE, half_file), (STALE_DATE, good_file))
    return airflow.ask(*({"conf": {"run_date": day, "file": str(file)}} for day, file in inputs))


@pytest.fixture(scope="module")
def runs(answer: dict[str, Any]) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = answer["runs"]
    return runs


@pytest.fixture(scope="module")
def stopping_task(runs: list[dict[str, Any]]) -> str:
    """The task whose gates stopped the second run."""
    (task_id,) = in_state(runs[1], "failed")
    return task_id


def test_good_data_are_trained_on_and_the_model_is_promoted(
    runs: list[dict[str, Any]], dag_settings: Settings
) -> None:
    good = runs[0]
    assert good["state"] == "success"
    assert set(good["tasks"].values()) == {"success"}
    assert query(
        dag_settings, "select run_date::text, decision from ml.promotion_history where step = 'done'"
    ) == [(RUN_DATE, "promoted")]
    assert (dag_settings.state_dir / "reports").is_dir()


def test_bad_data_leave_training_and_all_behind_it_unrun(
    answer: dict[str, Any], runs: list[dict[str, Any]], stopping_task: str, dag_settings: Settings
) -> None:
    assert stopping_task.startswith("data_gates.interaction")
    unrun = in_state(runs[1], "upstream_failed")
    assert unrun == behind(answer, stopping_task) - {"report"}
    assert {"train", "evaluate", "model_gates.challenger_evaluation.test", "promote", "outcome"} < unrun
    assert model_versions(dag_settings) == 1, "only the good run may have registered a model"
    assert len(query(dag_settings, "select 1 from ml.promotion_history where step = 'done'")) == 1


def test_a_stopped_run_is_failed_although_its_report_is_written(runs: list[dict[str, Any]]) -> None:
    assert runs[1]["tasks"]["report"] == "success"
    assert runs[1]["state"] == "failed"


def test_a_verdict_is_not_retried(runs: list[dict[str, Any]], stopping_task: str) -> None:
    assert runs[1]["tries"][stopping_task] == 1


def test_the_ledger_says_why_and_which_task_of_which_run_found_it(
    runs: list[dict[str, Any]], stopping_task: str, dag_settings: Settings
) -> None:
    failed = query(
        dag_settings,
        "select dag_id, dag_run_id, task_id, try_number, metric, reason from analytics.gate_results"
        " where status = 'fail' and verdict = 'fail' and run_date = %s",
        RUN_DATE,
    )
    assert {row[:4] for row in failed} == {("training_pipeline", runs[1]["run_id"], stopping_task, 1)}
    assert {row[5] for row in failed} == {"out_of_bounds"}
    assert any("count" in row[4] for row in failed), "the evidence must name the lost rows"


def test_every_gate_of_a_run_is_in_the_ledger_under_its_task(
    runs: list[dict[str, Any]], dag_settings: Settings
) -> None:
    tasks = query(
        dag_settings,
        "select distinct task_id from analytics.gate_results where dag_run_id = %s",
        runs[0]["run_id"],
    )
    assert {task for (task,) in tasks} == {"past_days"} | {
        task for task in runs[0]["tasks"] if task.endswith((".source", ".test"))
    }
    assert query(dag_settings, "select count(*) from analytics.gate_results where dag_id is null") == [(0,)]


def test_a_stale_source_stops_the_run_and_is_not_retried(
    runs: list[dict[str, Any]], dag_settings: Settings
) -> None:
    assert in_state(runs[2], "failed") == {SOURCE_TASK}
    assert runs[2]["tries"][SOURCE_TASK] == 1
    assert runs[2]["tasks"]["train"] == "upstream_failed"
    evidence = query(
        dag_settings,
        "select gate, current_value::float, upper_bound, reason from analytics.gate_results"
        " where dag_run_id = %s and relation = 'raw.interaction'",
        runs[2]["run_id"],
    )
    assert evidence == [("source_freshness", 3.0, 1.5, "out_of_bounds")]


def test_the_task_log_has_the_lines_of_the_evidence(
    answer: dict[str, Any], runs: list[dict[str, Any]], dag_settings: Settings
) -> None:
    failed = query(
        dag_settings,
        "select gate, relation, metric from analytics.gate_results where verdict = 'fail' and status = 'fail'"
        " and severity = 'error' and mode = 'run' and dag_run_id = any(%s)",
        [run["run_id"] for run in runs],
    )
    lines = [" ".join(line.split()) for line in answer["log"].splitlines()]
    for row in failed:
        assert any(f"FAIL {' '.join(row)} current" in line for line in lines), row
    assert len(failed) >= 2


def test_the_exception_is_the_cards_and_the_last_thing_in_the_log(
    answer: dict[str, Any], runs: list[dict[str, Any]], stopping_task: str, dag_settings: Settings
) -> None:
    for run, task_id, day in ((runs[1], stopping_task, RUN_DATE), (runs[2], SOURCE_TASK, STALE_DATE)):
        [(invocation_id,)] = query(
            dag_settings,
            "select distinct invocation_id from analytics.gate_results where dag_run_id = %s and task_id = %s",
            run["run_id"],
            task_id,
        )
        rows = ledger.of_invocation(dag_settings, invocation_id)
        failed = sorted({row["node_id"] for row in rows if row["status"] == "fail"})
        cards = str(stopped(dag_settings, dt.date.fromisoformat(day), rows, failed, {}))
        assert "FAIL  " in cards and f"{day}" in cards
        assert cards in answer["log"], answer["log"][-5_000:]
        assert not any(node_id in cards for node_id in failed), "a name and no hash"


def test_a_lost_database_is_retried_and_then_fails_the_run(airflow: Airflow) -> None:
    answer = airflow.ask(
        {"conf": {"run_date": RUN_DATE}, "skip": "load"},
        DBT_TARGET="postgres",
        PGHOST="127.0.0.1",
        PGPORT="1",
        PGUSER="nobody",
        PGDATABASE="warehouse",
    )
    run = answer["runs"][0]
    assert run["state"] == "failed"
    assert run["tasks"][SOURCE_TASK] == "failed"
    assert run["tries"][SOURCE_TASK] == 3
    assert run["tasks"]["train"] == "upstream_failed"
    assert "GateStopped" not in answer["log"]


POOR = """
create function ml.poor() returns trigger language plpgsql as
$$ begin new.value := 0.6; new.lower := 0.55; new.upper := 0.65; return new; end $$;
create trigger poor before insert on ml.model_evaluation for each row
when (new.metric = 'auc' and new.reference = 'none' and new.segment = 'all') execute function ml.poor();
"""


@pytest.mark.usefixtures("runs")
def test_a_model_gate_that_fails_leaves_promotion_unrun_and_the_history_says_why(
    airflow: Airflow, good_file: Path, dag_settings: Settings
) -> None:
    before = query(dag_settings, "select count(*) from ml.promotion_history where decision = 'promoted'")
    with connect(dag_settings) as connection:
        connection.execute(POOR.encode())
    try:
        answer = airflow.ask({"conf": {"run_date": RUN_DATE, "file": str(good_file)}})
    finally:
        with connect(dag_settings) as connection:
            connection.execute("drop function ml.poor cascade")
    (run,) = answer["runs"]
    assert run["state"] == "failed"
    assert in_state(run, "failed") == {"model_gates.challenger_evaluation.test"}
    assert in_state(run, "upstream_failed") == {"promote", "outcome"}
    assert (
        query(dag_settings, "select count(*) from ml.promotion_history where decision = 'promoted'") == before
    )
    (rejected,) = query(
        dag_settings,
        "select run_date::text, model_version, reason from ml.promotion_history where decision = 'rejected'",
    )
    assert rejected[:2] == (RUN_DATE, "1")
    assert "challenger_auc" in rejected[2]
