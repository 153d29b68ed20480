"""Describe or run the DAG in this process: `run_dag.py <request.json> <answer.json>`.

It is a separate script because the import of Airflow raises warnings, which are errors in the tests, and because
one process can run the DAG several times and import dbt once.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

DAG_FILE = Path(__file__).parents[2] / "dags" / "training_pipeline.py"


def describe(dag: Any) -> dict[str, Any]:
    return {
        "dag_id": dag.dag_id,
        "schedule": getattr(dag.timetable, "expression", None),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "params": {name: dag.params.get_param(name).schema for name in dag.params},
        "tasks": {
            task.task_id: {
                "operator": type(task).__name__,
                "downstream": sorted(task.downstream_task_ids),
                "trigger_rule": str(task.trigger_rule.value),
                "retries": task.retries,
                "rules": [rule.serialize() for rule in task.retry_policy.rules],
                "owner": task.owner,
                "select": getattr(task, "select", None),
                "exclude": getattr(task, "exclude", None),
                "environment": getattr(task, "env", None),
                "arguments": getattr(task, "op_kwargs", None),
            }
            for task in dag.tasks
        },
    }


def run(dag: Any, conf: dict[str, str], skip: str | None) -> dict[str, Any]:
    for task in dag.tasks:
        task.retry_delay = timedelta(seconds=1)
    dag_run = dag.test(run_conf=conf, mark_success_pattern=skip)
    instances = dag_run.get_task_instances()
    return {
        "run_id": dag_run.run_id,
        "state": str(dag_run.state),
        "tasks": {instance.task_id: str(instance.state) for instance in instances},
        "tries": {instance.task_id: instance.try_number for instance in instances},
    }


def main(request: Path, answer: Path) -> None:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=DAG_FILE)
    requested = json.loads(request.read_text())
    dag = bag.dags.get("training_pipeline")
    content: dict[str, Any] = {"import_errors": bag.import_errors, "dag_ids": sorted(bag.dags)}
    if dag is not None:
        content["dag"] = describe(dag)
        content["runs"] = [run(dag, each["conf"], each.get("skip")) for each in requested["runs"]]
    answer.write_text(json.dumps(content))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
