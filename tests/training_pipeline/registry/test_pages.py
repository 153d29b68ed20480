"""MLflow's pages show, behind a login, and change nothing."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import requests

from training_pipeline.config import Settings
from training_pipeline.registry import models as registry
from training_pipeline.registry import pages
from training_pipeline.registry.pages import Login
from training_pipeline.warehouse import postgres

_SERVE = "import sys; sys.argv = ['training-pipeline', 'mlflow', '--port', sys.argv[1]]; from training_pipeline import cli; cli.main()"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((pages.HOST, 0))
        port: int = free.getsockname()[1]
    return port


@pytest.fixture
def served(pipeline_settings: Settings) -> Iterator[tuple[str, str]]:
    """The address of the pages, and the id of a run; there is a registered model of one version."""
    client = registry.client(pipeline_settings)
    folder = registry.artifact_root(pipeline_settings)
    run = client.create_run(client.create_experiment("looked at", artifact_location=folder.as_uri()))
    client.create_registered_model(registry.MODEL_NAME)
    client.create_model_version(registry.MODEL_NAME, source="file:///nowhere", run_id=None)
    client.set_registered_model_alias(registry.MODEL_NAME, registry.CHAMPION, "1")
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    address = f"http://{pages.HOST}:{port}"
    try:
        for _ in range(600):
            try:
                requests.get(f"{address}/health", timeout=5)
                break
            except requests.ConnectionError:
                assert process.poll() is None, process.stdout and process.stdout.read().decode()
                time.sleep(0.1)
        yield address, run.info.run_id
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _ask(address: str, login: Login | None, method: str, path: str, **values: Any) -> requests.Response:
    auth = (login.user, login.password) if login else None
    return requests.request(method, f"{address}{path}", auth=auth, timeout=30, **values)


def test_pages_are_for_looking(served: tuple[str, str], pipeline_settings: Settings) -> None:
    address, run_id = served
    login = pages.login(pipeline_settings)
    assert stat.S_IMODE(login.file.stat().st_mode) == 0o600
    api = "/api/2.0/mlflow/registered-models"
    assert _ask(address, None, "get", f"{api}/search").status_code == 401
    assert _ask(address, Login("viewer", "guess", login.file), "get", f"{api}/search").status_code == 401

    found = _ask(address, login, "get", f"{api}/search")
    assert found.status_code == 200, found.text
    [model] = found.json()["registered_models"]
    assert model["aliases"] == [{"alias": "champion", "version": "1"}]
    assert _ask(address, login, "get", "/").status_code == 200

    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("delete", f"{api}/alias", {"json": {"name": registry.MODEL_NAME, "alias": registry.CHAMPION}}),
        ("post", f"{api}/alias", {"json": {"name": registry.MODEL_NAME, "alias": "champion", "version": "1"}}),
        ("post", f"{api}/create", {"json": {"name": "another"}}),
        ("post", "/api/2.0/mlflow/experiments/create", {"json": {"name": "another"}}),
        ("delete", "/api/2.0/mlflow/model-versions/delete", {"json": {"name": registry.MODEL_NAME, "version": "1"}}),
        ("put", "/api/2.0/mlflow-artifacts/artifacts/models/a", {"data": b"x"}),
        ("post", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=b", {"data": b"x"}),
    ]  # fmt: skip
    answers = [(path, _ask(address, login, method, path, **values)) for method, path, values in changes]
    assert all(answer.status_code >= 400 for _, answer in answers), [answer.text for _, answer in answers]
    status = {path.split("?")[0]: answer.status_code for path, answer in answers}
    assert status["/api/2.0/mlflow/model-versions/delete"] == 403, "the user may only look"
    assert status["/ajax-api/2.0/mlflow/upload-artifact"] == 403
    assert not list(registry.artifact_root(pipeline_settings).rglob("b"))
    found_alias = registry.with_alias(pipeline_settings, registry.CHAMPION)
    assert found_alias is not None and found_alias.version == "1"


def test_session_of_the_pages_is_read_only(pipeline_settings: Settings) -> None:
    server = postgres.address(pipeline_settings).uri(pipeline_settings.mlflow_database)
    with (
        psycopg.connect(server + pages.READ_ONLY) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("delete from registered_model_aliases")
