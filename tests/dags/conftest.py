"""Airflow for the tests, with a separate metadata database, warehouse and data files."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from training_pipeline.config import Settings
from training_pipeline.roles import Role
from training_pipeline.source.loading import load
from training_pipeline.warehouse.postgres import dbt_environment, read_arrow

from .compose_file import ROOT, read_env

RUN_DATE = "2017-04-30"  # the first day on which the fixture has three snapshots with matured labels
SCRIPTS = Path(sys.executable).parent
# Prefixes of variables that a developer's shell may set.
FOREIGN = (
    "AIRFLOW",
    "DBT_",
    "EMBEDDED_",
    "MLFLOW_",
    "PG",
    "RUN_DATE",
    "SOURCE_",
    "TIMEZONE",
    "TRAINING_",
    "WAREHOUSE_",
)


@dataclass(frozen=True)
class Airflow:
    """Run the DAG in a separate process, on SQLite."""

    environment: dict[str, str]
    folder: Path

    def ask(self, *runs: dict[str, Any], **environment: str) -> dict[str, Any]:
        """Describe the DAG and run it once for each of `runs`, one after the other."""
        request, answer = self.folder / "request.json", self.folder / "answer.json"
        request.write_text(json.dumps({"runs": runs}))
        answer.unlink(missing_ok=True)
        process = subprocess.run(
            [sys.executable, Path(__file__).with_name("run_dag.py"), request, answer],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stdout[-20_000:] + process.stderr[-5_000:]
        content: dict[str, Any] = json.loads(answer.read_text())
        return {**content, "log": process.stdout + process.stderr}


@pytest.fixture(scope="session")
def dag_settings(make_state_dir: Callable[[], Path]) -> Settings:
    """Settings of a separate server: runs of the DAG build on each other, other tests start from a copy."""
    return Settings(ROOT, make_state_dir(), role=Role.ADMINISTRATOR)


@pytest.fixture(scope="session")
def dag_environment(dag_settings: Settings) -> dict[str, str]:
    """The variables of a process that uses this warehouse; dbt has already parsed the project."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    environment |= {
        "TRAINING_PIPELINE_ROOT": str(ROOT),
        "TRAINING_PIPELINE_STATE": str(dag_settings.state_dir),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "false",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    subprocess.run(
        [SCRIPTS / "dbt", "--quiet", "parse"],
        env=environment | dbt_environment(dag_settings),
        check=True,
        capture_output=True,
    )
    return environment


@pytest.fixture(scope="session")
def airflow(dag_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    home = tmp_path_factory.mktemp("airflow")
    environment = dag_environment | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__COSMOS__CACHE_DIR": str(home / "cosmos"),
    }
    subprocess.run([SCRIPTS / "airflow", "db", "migrate"], env=environment, check=True, capture_output=True)
    return Airflow(environment, home)


@pytest.fixture(scope="session")
def described(airflow: Airflow) -> dict[str, Any]:
    """The description of the DAG, without a run."""
    return airflow.ask()


@pytest.fixture(scope="session")
def good_file(dag_settings: Settings) -> Path:
    """The fixture as a user's file."""
    load(dag_settings, fixture=True)
    path = dag_settings.state_dir / "good.parquet"
    pq.write_table(read_arrow(dag_settings, "select * from raw.interaction order by interaction_id"), path)
    return path


@pytest.fixture(scope="session")
def half_file(good_file: Path) -> Path:
    """The fixture as a file that lost half of the rows of the run date."""
    rows = pq.read_table(good_file)
    of_the_day = pc.equal(rows["interaction_date"], dt.date.fromisoformat(RUN_DATE))
    every_other = pa.array([number % 2 == 1 for number in range(rows.num_rows)])
    path = good_file.with_name("half.parquet")
    pq.write_table(rows.filter(pc.invert(pc.and_(of_the_day, every_other))), path)
    return path


@pytest.fixture(scope="session")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables that docker compose reads from the .env of scripts/make_env.py."""
    output = tmp_path_factory.mktemp("env") / ".env"
    command = [sys.executable, str(ROOT / "scripts" / "make_env.py"), "--output", str(output)]
    subprocess.run(command, check=True, capture_output=True)
    return read_env(output.read_text())
