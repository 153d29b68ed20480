"""Run the commands on the project of `shop`, on all engines at the same time, each in a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from training_pipeline.config import Settings
from training_pipeline.warehouse.address import connect_to
from training_pipeline.warehouse.embedded import server as embedded

TIMEOUT = 1200  # seconds
ENGINES = ("duckdb", "postgres", "spark")


@pytest.fixture(scope="session")
def shops(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The results of `shop_run`, by engine."""
    address = embedded.start(server)
    with connect_to(address, "postgres") as connection:
        connection.autocommit = True
        connection.execute("drop database if exists freight with (force)")
        connection.execute("create database freight")
    folders = {engine: tmp_path_factory.mktemp(engine) for engine in ENGINES}
    common = {"schema": "freight", "threads": 2}
    profiles: dict[str, dict[str, Any]] = {
        "duckdb": {"type": "duckdb", "path": str(folders["duckdb"] / "warehouse.duckdb")},
        "postgres": {
            "type": "postgres",
            "host": address.host,
            "port": address.port,
            "user": address.user,
            "password": address.password,
            "dbname": "freight",
        },
        "spark": {"type": "spark", "method": "session", "host": "NA", "threads": 1},
    }
    running = {}
    for engine, folder in folders.items():
        (folder / "profile.json").write_text(json.dumps(common | profiles[engine]))
        with (folder / "output.txt").open("wb") as output:
            running[engine] = subprocess.Popen(
                [sys.executable, "-m", "tests.gates.shop_run", str(folder)],
                env={**os.environ, "PYTHONPATH": str(ROOT), "SPARK_LOCAL_IP": "127.0.0.1"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
    try:
        yield {engine: _result(running[engine], folder) for engine, folder in folders.items()}
    finally:
        for process in running.values():
            process.kill()
            process.wait()


def _result(process: subprocess.Popen[bytes], folder: Path) -> Any:
    code = process.wait(timeout=TIMEOUT)
    output = (folder / "output.txt").read_text(errors="replace")
    assert code == 0, f"{folder.name}: {output[-4000:]}"
    return json.loads((folder / "result.json").read_text())
