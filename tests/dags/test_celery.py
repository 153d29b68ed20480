"""docker-compose.yaml without containers: its commands and settings, as processes on this machine.

Redis, Postgres, the Celery worker and all services are real; only their addresses and folders differ from the
containers. One run is green, and one is stopped by the first gate.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from training_pipeline.config import Settings
from training_pipeline.warehouse.address import PostgresAddress
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.embedded.account import package_binaries
from training_pipeline.warehouse.embedded.cluster import MAJOR_VERSION

from .airflow_api import AirflowApi, wait_for
from .compose_file import ROOT, Compose, read_compose
from .conftest import RUN_DATE, SCRIPTS
from .test_compose import SECRETS

pytestmark = pytest.mark.long

LONG_RUNNING = ("airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-worker")
DAY_WITHOUT_ROWS = "2017-05-01"  # the source has rows up to the day before, so it is not stale yet
START_SECONDS = 240
RUN_SECONDS = 420


def free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def first_start_of_postgres(server: PostgresAddress, variables: dict[str, str]) -> None:
    """Do what the Postgres image does on an empty volume: run the init script as the superuser."""
    environment = {
        "PATH": f"{package_binaries(MAJOR_VERSION)}:{os.environ['PATH']}",
        "PGHOST": server.host,
        "PGPORT": str(server.port),
        "PGPASSWORD": server.password,
        "POSTGRES_USER": server.user,
        "AIRFLOW_PASSWORD": variables["AIRFLOW_PASSWORD"],
        "CELERY_PASSWORD": variables["CELERY_PASSWORD"],
    }
    subprocess.run(
        [ROOT / "scripts" / "create_databases.sh"], env=environment, check=True, capture_output=True
    )


# Writes what a task can read of environments: its own, as it began and now, and those of the processes above it.
PROBE = """
import json, os
from pathlib import Path
from airflow.sdk import DAG, Connection, Param, task

@task
def look(file):
    environments, process = {"now": json.dumps(dict(os.environ))}, os.getpid()
    while process > 1:
        try:
            environments[f"process {process}"] = Path(f"/proc/{process}/environ").read_text(errors="replace")
        except OSError:
            pass
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    login = Connection.get("training_pipeline_load").login
    Path(file).write_text(json.dumps({"environments": environments, "login": login}))

with DAG("probe", schedule=None, params={"file": Param("", type="string")}):
    look("{{ params.file }}")
"""


class Services:
    """The services of docker-compose.yaml on this machine."""

    def __init__(self, compose: Compose, folder: Path, server: PostgresAddress) -> None:
        redis, api, scheduler_health, worker_logs, triggerer_logs = free_ports(5)
        self.url = f"http://127.0.0.1:{api}"
        self.redis_port = redis
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self._compose = compose
        self._moved = {
            "@postgres/": f"@{server.host}:{server.port}/",
            "/opt/training-pipeline/.logins": f"{folder}/logins",
            'save ""': f'save ""\nport {redis}\nbind 127.0.0.1',
            "redis:6379": f"127.0.0.1:{redis}",
            "airflow-apiserver:8080": f"127.0.0.1:{api}",
            "localhost:8080": f"127.0.0.1:{api}",
            "localhost:8974": f"127.0.0.1:{scheduler_health}",
        }
        self._here = {
            "PATH": f"{SCRIPTS}:{os.environ['PATH']}",
            "HOSTNAME": socket.gethostname(),  # in a container this and socket.gethostname() are its id
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
            "PGHOST": server.host,
            "PGPORT": str(server.port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(api),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(scheduler_health),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(triggerer_logs),
            # The variables that the image sets
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__COSMOS__CACHE_DIR": str(folder / "cosmos"),
            "TRAINING_PIPELINE_STATE": str(folder / "state"),
        }

    def environment(self, service: str, base: dict[str, str]) -> dict[str, str]:
        settings = {
            name: self._move(str(value))
            for name, value in self._compose["services"][service].get("environment", {}).items()
        }
        return base | settings | self._here

    def start(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
            )

    def start_service(self, name: str, base: dict[str, str]) -> None:
        self.start(name, self._command(name), self.environment(name, base))

    def run_service(self, name: str, base: dict[str, str]) -> None:
        """Run a service that ends."""
        ended = subprocess.run(
            self._command(name),
            env=self.environment(name, base),
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]

    def is_healthy(self, name: str, base: dict[str, str]) -> bool:
        """Run the health check of a service; raise an AssertionError if a process has ended."""
        assert all(process.poll() is None for process in self.processes), self.logs()
        kind, *check = self._compose["services"][name]["healthcheck"]["test"]
        check = [self._move(word) for word in check]
        command = ["/bin/sh", "-c", *check] if kind == "CMD-SHELL" else check
        process = subprocess.run(command, env=self.environment(name, base), check=False, capture_output=True)
        return process.returncode == 0

    def logs(self) -> str:
        return "\n".join(
            f"{log.name}\n{log.read_text()[-3000:]}" for log in sorted(self.folder.glob("*.log"))
        )

    def task_logs(self, tasks: dict[str, str]) -> str:
        failed = [task_id for task_id, state in tasks.items() if state == "failed"]
        logs = (self.folder / "airflow" / "logs").rglob("attempt=*.log")
        return "\n".join(
            f"{log.parent.name} {log.name}\n{log.read_text()[-4000:]}"
            for log in logs
            if log.parent.name.removeprefix("task_id=") in failed
        )

    def stop(self) -> None:
        for process in reversed(self.processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _command(self, name: str) -> list[str]:
        return [self._move(word) for word in self._compose["services"][name]["command"]]

    def _move(self, text: str) -> str:
        for there, here in self._moved.items():
            text = text.replace(there, here)
        return text


@pytest.fixture
def services(variables: dict[str, str], make_state_dir: Callable[[], Path]) -> Iterator[Services]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (Debian, Ubuntu: apt-get install redis-server)")
    folder = make_state_dir()
    # These names differ from the names of the services' databases.
    server = embedded.start(Settings(ROOT, folder, database="unused", mlflow_database="unused_mlflow"))
    first_start_of_postgres(server, variables)
    (folder / "dags").mkdir()
    (folder / "dags" / "training_pipeline.py").symlink_to(ROOT / "dags" / "training_pipeline.py")
    (folder / "dags" / "probe.py").write_text(PROBE)
    compose = read_compose({**variables, "POSTGRES_PASSWORD": server.password})
    services = Services(compose, folder, server)
    yield services
    services.stop()


def test_a_celery_worker_runs_the_dag_with_a_login_for_each_task(
    services: Services, variables: dict[str, str], dag_environment: dict[str, str], good_file: Path
) -> None:
    base = dag_environment
    services.start_service("redis", base)
    parse = ["--quiet", "parse", "--project-dir", str(ROOT / "dbt_project"), "--profiles-dir", str(ROOT)]
    parse += ["--target-path", str(services.folder / "state" / "dbt" / "target")]
    environment = services.environment("warehouse-init", base)
    subprocess.run([str(SCRIPTS / "dbt"), *parse], env=environment, check=True, capture_output=True)
    for name in ("warehouse-init", "airflow-init"):
        services.run_service(name, base)
        services.run_service(name, base)  # they run on every start

    # The worker waits for the api-server; the other services wait for nothing.
    for names in (("airflow-apiserver",), LONG_RUNNING):
        for name in names:
            services.start_service(name, base)
        for name in names:
            wait_for(f"a healthy {name}", partial(services.is_healthy, name, base), START_SECONDS)

    api = AirflowApi(services.url, "admin", variables["AIRFLOW_ADMIN_PASSWORD"])
    try:
        seen = api.run("probe", {"file": str(services.folder / "seen.json")}, RUN_SECONDS)
        good = api.run("training_pipeline", {"run_date": RUN_DATE, "file": str(good_file)}, 2 * RUN_SECONDS)
        stopped = api.run(
            "training_pipeline", {"run_date": DAY_WITHOUT_ROWS, "file": str(good_file)}, RUN_SECONDS
        )
    except TimeoutError:
        pytest.fail(services.logs())

    assert seen[0] == "success", services.logs()
    found = json.loads((services.folder / "seen.json").read_text())
    assert found["login"] == "warehouse_load", "a task gets the connection that it asks for"
    secrets = {name for name in SECRETS if name not in ("CELERY_PASSWORD", "REDIS_PASSWORD")}
    for place, text in found["environments"].items():
        assert not {name for name in secrets if variables[name] in text}, place
        assert "PGPASSWORD" not in text and "PGUSER" not in text, place

    assert (good[0], set(good[1].values())) == ("success", {"success"}), services.task_logs(good[1])
    assert stopped[0] == "failed"
    failed = [task for task, final in stopped[1].items() if final == "failed"]
    assert failed == ["data_gates.raw_interaction.test"], services.task_logs(stopped[1])
    assert stopped[1]["train"] == "upstream_failed"
    assert stopped[1]["report"] == "success"
