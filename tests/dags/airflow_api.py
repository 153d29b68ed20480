"""A small client for the API of a running Airflow."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

FINISHED = {"success", "failed"}


def wait_for(what: str, condition: Callable[[], Any], seconds: float, interval: float = 1.0) -> Any:
    """Return the first true value of `condition`; raise a TimeoutError that names `what` if none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(interval)
    raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")


class AirflowApi:
    """The API at `url` for the user `username`."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url = url
        self.headers = {"Content-Type": "application/json"}
        answer = self.request("POST", "/auth/token", {"username": username, "password": password})
        self.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=self.headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def has_dag(self, dag_id: str) -> bool:
        try:
            self.request("GET", f"/api/v2/dags/{dag_id}")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            raise
        return True

    def run(self, dag_id: str, conf: dict[str, str], seconds: float) -> tuple[str, dict[str, str]]:
        """Trigger a run without a logical date; return its final state and the final states of its tasks."""
        wait_for(f"{dag_id} being parsed", lambda: self.has_dag(dag_id), 60)
        runs = f"/api/v2/dags/{dag_id}/dagRuns"
        run_id = quote(
            self.request("POST", runs, {"logical_date": None, "conf": conf})["dag_run_id"], safe=""
        )

        def final_state() -> str | None:
            state = str(self.request("GET", f"{runs}/{run_id}")["state"])
            return state if state in FINISHED else None

        state = wait_for(f"the end of the run of {dag_id}", final_state, seconds)
        tasks = self.request("GET", f"{runs}/{run_id}/taskInstances?limit=200")["task_instances"]
        return state, {task["task_id"]: task["state"] for task in tasks}
