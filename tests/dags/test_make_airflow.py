"""`make airflow`: real services, a real run through the API, and no process left afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from training_pipeline.config import Settings

from .airflow_api import AirflowApi, wait_for
from .compose_file import ROOT
from .conftest import RUN_DATE

pytestmark = pytest.mark.long

START_SECONDS = 240
RUN_SECONDS = 420
LOGIN = re.compile(r"Airflow is on (?P<url>\S+) +user: (?P<user>\S+) +password: (?P<password>\S+)")


@dataclass(frozen=True)
class LocalAirflow:
    """A running scripts/airflow.sh and the file of its output."""

    process: subprocess.Popen[bytes]
    output: Path

    def login(self) -> re.Match[str] | None:
        printed = self.output.read_text()
        assert self.process.poll() is None, printed
        return LOGIN.search(printed)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def processes_of(airflow: LocalAirflow) -> list[psutil.Process]:
    """Return the processes of its session; Airflow renames its processes, which hides their environment."""
    processes = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(pid) == airflow.process.pid:
                processes.append(psutil.Process(pid))
    return processes


def logs_of_failures(settings: Settings, tasks: dict[str, str]) -> str:
    """Return the ends of the logs of the failed tasks."""
    failed = [task_id for task_id, state in tasks.items() if state == "failed"]
    logs = (settings.state_dir / "airflow" / "logs").rglob("attempt=*.log")
    return "\n".join(
        f"{log.parent.name} {log.name}\n{log.read_text()[-4000:]}"
        for log in logs
        if log.parent.name.removeprefix("task_id=") in failed
    )


@pytest.fixture
def local_airflow(dag_environment: dict[str, str], tmp_path: Path) -> Iterator[LocalAirflow]:
    output = tmp_path / "airflow.txt"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [ROOT / "scripts" / "airflow.sh"],
            env=dag_environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    airflow = LocalAirflow(process, output)
    yield airflow
    if process.poll() is None:
        airflow.stop()


def test_it_starts_runs_the_dag_and_stops_without_a_trace(
    local_airflow: LocalAirflow, dag_settings: Settings, good_file: Path
) -> None:
    login = wait_for("the address and password of Airflow", local_airflow.login, START_SECONDS)
    assert login["url"].startswith("http://127.0.0.1:")
    listening = {
        connection.laddr.ip
        for process in processes_of(local_airflow)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}

    api = AirflowApi(login["url"], login["user"], login["password"])
    state, tasks = api.run("training_pipeline", {"run_date": RUN_DATE, "file": str(good_file)}, RUN_SECONDS)
    assert (state, set(tasks.values())) == ("success", {"success"}), logs_of_failures(dag_settings, tasks)

    assert local_airflow.stop() == 0
    assert processes_of(local_airflow) == []
