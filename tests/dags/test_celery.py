"""docker-compose.yaml without containers: its commands and settings, as processes on this machine.

Redis, Postgres, the Celery worker and all services are real; only their addresses and folders differ from the
containers. The first gate stops this run; the tests of `dag.test()` and `make airflow` cover good data.
"""

from __future__ import annotations

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
from psycopg import sql

from training_pipeline.config import Settings
from training_pipeline.warehouse.address import PostgresAddress, connect_to
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.embedded.account import package_binaries
from training_pipeline.warehouse.embedded.cluster import MAJOR_VERSION

from .airflow_api import AirflowApi, wait_for
from .compose_file import ROOT, Compose, read_compose
from .conftest import SCRIPTS

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
    """Do what the Postgres image does on an empty volume: create a role and a database, run the init script."""
    with connect_to(server, "postgres") as connection:
        connection.autocommit = True
        password = sql.Literal(variables["POSTGRES_PASSWORD"])
        connection.execute(sql.SQL("create role airflow superuser login password {}").format(password))
        connection.execute("create database airflow owner airflow")
    environment = {
        "PATH": f"{package_binaries(MAJOR_VERSION)}:{os.environ['PATH']}",
        "PGHOST": server.host,
        "PGPORT": str(server.port),
        "PGPASSWORD": variables["POSTGRES_PASSWORD"],
        "POSTGRES_USER": "airflow",
        "POSTGRES_DB": "airflow",
        "WAREHOUSE_PASSWORD": variables["WAREHOUSE_PASSWORD"],
    }
    subprocess.run(
        [ROOT / "scripts" / "create_databases.sh"], env=environment, check=True, capture_output=True
    )


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
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
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
        self.start(name, self._compose["services"][name]["command"], self.environment(name, base))

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

    def _move(self, text: str) -> str:
        for there, here in self._moved.items():
            text = text.replace(there, here)
        return text


@pytest.fixture
def services(
    variables: dict[str, str], dag_environment: dict[str, str], make_state_dir: Callable[[], Path]
) -> Iterator[Services]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (Debian, Ubuntu: apt-get install redis-server)")
    folder = make_state_dir()
    # These names differ from the names that the init script creates.
    server = embedded.start(Settings(ROOT, folder, database="unused", mlflow_database="unused_mlflow"))
    first_start_of_postgres(server, variables)
    services = Services(read_compose(variables), folder, server)
    yield services
    services.stop()


def test_a_celery_worker_runs_the_dag_until_a_gate_stops_it(
    services: Services, variables: dict[str, str], dag_environment: dict[str, str], good_file: Path
) -> None:
    base = dag_environment
    listen = ["--port", str(services.redis_port), "--bind", "127.0.0.1"]
    password = ["--requirepass", variables["REDIS_PASSWORD"]]
    services.start("redis", ["redis-server", *listen, *password, "--save", ""], base)
    init = services.environment("airflow-init", base)
    parse = [
        "dbt",
        "--quiet",
        "parse",
        "--project-dir",
        str(ROOT / "dbt_project"),
        "--profiles-dir",
        str(ROOT),
    ]
    parse += ["--target-path", str(services.folder / "state" / "dbt" / "target")]
    subprocess.run([str(SCRIPTS / parse[0]), *parse[1:]], env=init, check=True, capture_output=True)
    prepare = read_compose(variables)["services"]["airflow-init"]["command"]
    subprocess.run(prepare, env=init, check=True, capture_output=True)

    # The worker waits for the api-server; the other services wait for nothing.
    for names in (("airflow-apiserver",), LONG_RUNNING):
        for name in names:
            services.start_service(name, base)
        for name in names:
            wait_for(f"a healthy {name}", partial(services.is_healthy, name, base), START_SECONDS)

    api = AirflowApi(services.url, "admin", variables["AIRFLOW_ADMIN_PASSWORD"])
    conf = {"run_date": DAY_WITHOUT_ROWS, "file": str(good_file)}
    try:
        state, tasks = api.run("training_pipeline", conf, RUN_SECONDS)
    except TimeoutError:
        pytest.fail(services.logs())
    assert state == "failed"
    assert [task for task, final in tasks.items() if final == "failed"] == ["data_gates.raw_interaction.test"]
    assert tasks["train"] == "upstream_failed"
    assert tasks["report"] == "success"
