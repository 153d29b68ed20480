"""### Training pipeline

Nothing trains on data that has not been proven, nothing is promoted that has not been proven.

`load` → **data_gates** → `past_days` → `train` → `evaluate` → **model_gates** → `promote` → `report`

* **data_gates** and **model_gates** are the dbt project, one task for each model and one for its tests. A gate
  that fails leaves everything behind it unrun (`upstream_failed`); its evidence is in the task's log and in the
  table `gate_results`.
* `past_days` judges the days before the run date that training reads and that no gate has judged as they are now.
* `report` is written whatever happened. `outcome` decides what the run is called: green only when the model gates
  let `promote` run and the report was written.
* A verdict is not retried, a broken connection is.

Each run decides on one day, its **run date**: the parameter `run_date` when it is given, else the day of the
logical date, else the day of the trigger. Every task can be cleared and run again. To run the sample by hand,
trigger with `run_date` 2017-12-31.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import (
    DAG,
    CronDataIntervalTimetable,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    TriggerRule,
    task,
)
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import DbtResourceType, InvocationMode, LoadMode, SourceRenderingBehavior, TestBehavior
from cosmos.operators.local import DbtTestLocalOperator

from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped
from training_pipeline.roles import Role
from training_pipeline.warehouse.dbt import manifest_path

SETTINGS = Settings.load()
MODEL_GATES = "model_gates"  # the group of tasks

# A run that was triggered without a logical date has no `ds`; it was triggered for the day of its trigger.
RUN_DATE = "{{ params.run_date or ((dag_run.logical_date or dag_run.run_after) | ds) }}"

# Noon UTC: by then the day that is decided on is over in every time zone. The logical date is the start of
# the interval: the run of Tuesday noon decides on Monday.
SCHEDULE = os.environ.get("TRAINING_PIPELINE_SCHEDULE") or "0 12 * * *"

ONLY_INFRASTRUCTURE = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=GateStopped,
            action=RetryAction.FAIL,
            reason="a gate gives the same verdict on the same data",
        )
    ]
)


def connect_as(role: Role) -> None:
    """Put the login of a role into the environment of this task's process: no other task sees it.

    It is Airflow's connection `training_pipeline_<role>`, which a task asks Airflow for. Without such a connection the login
    is PGUSER of the environment; the embedded server's logins are in its folder.
    """
    if SETTINGS.target == "embedded":
        return
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        login = Connection.get(f"training_pipeline_{role}")
    except AirflowNotFoundException:
        if "PGUSER" in os.environ:
            return
        raise
    given = {"PGHOST": login.host, "PGPORT": login.port, "PGUSER": login.login, "PGPASSWORD": login.password}
    os.environ.update({name: str(value) for name, value in given.items() if value})


def connect_dbt(_context: Any, _operator: Any) -> None:
    """Put the connection that profiles.yml reads into the environment of the task's own process.

    Not into `operator.env`: Airflow stores that field and shows it in its interface.
    """
    from training_pipeline.warehouse.postgres import dbt_environment

    connect_as(Role.BUILD)
    os.environ.update(dbt_environment(SETTINGS))


def raise_verdict(project_dir: str, context: Any) -> None:
    """Raise GateStopped, with what the ledger holds of it, when dbt ran and a gate failed.

    For a rejected gate and for a dead database Cosmos raises the same error. It calls this first, so what is
    left to its own error is everything that is not a verdict: a query that crashed, a connection that was lost.
    """
    from training_pipeline.config import resolve_run_date
    from training_pipeline.steps.gating import stopped_task
    from training_pipeline.steps.promote import reject

    run_date = resolve_run_date(context["task"].env["RUN_DATE"])
    if (stopped := stopped_task(SETTINGS, run_date, Path(project_dir))) is not None:
        if context["task"].task_id.startswith(f"{MODEL_GATES}."):
            connect_as(Role.PROMOTE)
            reject(SETTINGS, run_date, stopped)
        raise stopped


def dbt_group(group_id: str, **selection: list[str]) -> DbtTaskGroup:
    """Return the selected part of the dbt project as a group of tasks, the tests of each model behind it."""
    group = DbtTaskGroup(
        group_id=group_id,
        project_config=ProjectConfig(
            dbt_project_path=SETTINGS.dbt_project,
            # Built beforehand by scripts/airflow.sh or the image: the DAG is drawn without running dbt.
            manifest_path=manifest_path(SETTINGS),
            install_dbt_deps=False,
        ),
        profile_config=ProfileConfig(
            profile_name="training_pipeline",
            target_name=SETTINGS.target,
            profiles_yml_filepath=SETTINGS.root / "profiles.yml",
        ),
        execution_config=ExecutionConfig(invocation_mode=InvocationMode.DBT_RUNNER),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            test_behavior=TestBehavior.AFTER_EACH,
            source_rendering_behavior=SourceRenderingBehavior.ALL,
            source_pruning=True,
            # A test with two parents runs in a separate task, after both of them.
            should_detach_multiple_parents_tests=True,
            # An asset event is emitted before the result of dbt is looked at; an error in it would hide that.
            emit_datasets=False,
            **selection,
        ),
        operator_args={
            "env": {
                # Not by --vars, which would make dbt parse the whole project again.
                "RUN_DATE": RUN_DATE,
                # Cosmos runs dbt in a copy of the project, one for each task, and reads its results there.
                "DBT_TARGET_PATH": "target",
                "DBT_LOG_PATH": "logs",
            },
            "append_env": True,
            "interceptors": [connect_dbt],
            "callback": raise_verdict,
        },
    )
    # Cosmos selects tests by the bare name of what they test, which dbt also takes for a folder: the tests of the
    # model interaction would be the tests of everything in models/interaction/, whether it is built yet or not.
    for test in group.iter_tasks():
        if isinstance(test, DbtTestLocalOperator):
            tested = group.dbt_graph.nodes[test.extra_context["dbt_node_config"]["unique_id"]]
            if tested.resource_type != DbtResourceType.SOURCE:
                test.select = f"fqn:{'.'.join(tested.fqn)}"
    return group


@task
def load(file: str) -> None:
    """Load the user's file, or the sample when none is named, into raw.interaction."""
    from training_pipeline.source.loading import load as load_interactions

    connect_as(Role.LOAD)
    load_interactions(SETTINGS, file=Path(file) if file else None)


@task
def past_days(run_date: str) -> None:
    """Judge the days that training reads and that are not judged yet; a rejected day stops the run."""
    from training_pipeline.config import resolve_run_date
    from training_pipeline.steps.past_days import judge

    connect_as(Role.BUILD)
    judge(SETTINGS, resolve_run_date(run_date))


@task
def train(run_date: str) -> None:
    """Train the challenger; refuses to start without the certificate of the run date."""
    from training_pipeline.config import resolve_run_date
    from training_pipeline.steps.train import train as train_challenger

    connect_as(Role.TRAIN)
    train_challenger(SETTINGS, resolve_run_date(run_date))


@task
def evaluate(run_date: str) -> None:
    """Measure the challenger on the test snapshot and against the champion, into model_evaluation."""
    from training_pipeline.config import resolve_run_date
    from training_pipeline.steps.evaluate import evaluate as evaluate_challenger

    connect_as(Role.EVALUATE)
    evaluate_challenger(SETTINGS, resolve_run_date(run_date))


@task
def promote(run_date: str) -> None:
    """Make the challenger the champion, or keep the champion with a reason."""
    from training_pipeline.config import resolve_run_date
    from training_pipeline.steps.promote import promote as promote_challenger

    connect_as(Role.PROMOTE)
    promote_challenger(SETTINGS, resolve_run_date(run_date))


@task(trigger_rule=TriggerRule.ALL_DONE)
def report(run_date: str) -> None:
    """Write the report of the run date, also of a run that a gate stopped."""
    from training_pipeline.config import resolve_run_date
    from training_pipeline.report.page import write_report

    connect_as(Role.REPORT)
    write_report(SETTINGS, resolve_run_date(run_date))


with DAG(
    dag_id="training_pipeline",
    doc_md=__doc__,
    schedule=None if SCHEDULE == "manual" else CronDataIntervalTimetable(SCHEDULE, timezone="UTC"),
    start_date=datetime(2017, 1, 1, tzinfo=UTC),  # the first day of the sample; no run may lie before it
    catchup=False,
    max_active_runs=1,  # two runs would write the same tables
    params={
        "run_date": Param(
            None,
            type=["null", "string"],
            format="date",
            description="The day to decide on, else the logical date",
        ),
        "file": Param(
            None,
            type=["null", "string"],
            description="CSV or Parquet file with interactions, else the sample",
        ),
    },
    default_args={
        "owner": "training-pipeline",
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": ONLY_INFRASTRUCTURE,
        "execution_timeout": timedelta(hours=1),
    },
    tags=["dbt", "training"],
):
    loaded = load(file="{{ params.file or '' }}")
    data_gates = dbt_group("data_gates", exclude=["tag:model_gate", "resource_type:unit_test"])
    judged = past_days(run_date=RUN_DATE)
    trained = train(run_date=RUN_DATE)
    evaluated = evaluate(run_date=RUN_DATE)
    model_gates = dbt_group(MODEL_GATES, select=["tag:model_gate"])
    promoted = promote(run_date=RUN_DATE)
    reported = report(run_date=RUN_DATE)

    loaded >> data_gates >> judged >> trained >> evaluated >> model_gates >> promoted
    # Also behind the groups: promote is given up as soon as one gate fails, while others may still run.
    [data_gates, judged, model_gates, promoted] >> reported
    # Airflow derives the state of a run from its leaf tasks, and the report of a stopped run succeeds. So the leaf is a task that
    # needs promote as well.
    [promoted, reported] >> EmptyOperator(task_id="outcome")
