"""A fault is not seen behind a model that cannot be computed again, and the commands say so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gates.days.replay import Replay
from gates.project.config import Project
from gates.tuning.faults import Fault
from gates.tuning.injection import kept_models
from tests.gates.shop import LAST_DAY, write_shop

LOST = Fault("lost", keep="1 = 0")
OF_DAYS = Fault("means off", set={"kilos": "0"}, inject_into="parcel_by_day")
HISTORY = {
    "snapshots": [
        {
            "name": "parcel_history",
            "relation": "ref('parcel_by_day')",
            "config": {"unique_key": "sent_day", "strategy": "check", "check_cols": ["kilos"]},
        }
    ]
}
LATEST = "select sent_day, kilos from {{ ref('parcel_history') }} where dbt_valid_to is null"
GATED = {
    "models": [
        {
            "name": "latest_kilos",
            "data_tests": [
                {"gates.row_existence": {"name": "latest_rows", "arguments": {"date_column": "sent_day"}}}
            ],
        }
    ]
}
MESSAGE = "parcel_history is a snapshot, which is not computed again from a broken {}: latest_rows may miss its faults"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    profile = {"type": "duckdb", "path": str(tmp_path / "shop.duckdb"), "schema": "freight", "threads": 1}
    added = {
        "snapshots/history.yml": yaml.safe_dump(HISTORY),
        "models/latest_kilos.sql": LATEST,
        "models/latest_kilos.yml": yaml.safe_dump(GATED),
    }
    return write_shop(tmp_path / "project", profile, added=added)


def test_gates_behind_a_snapshot_are_named(shop: Path) -> None:
    replay = Replay(Project(shop, profiles=shop))
    assert kept_models(replay, [LOST, LOST]) == [MESSAGE.format("parcel")]
    assert kept_models(replay, [LOST, OF_DAYS]) == [MESSAGE.format("parcel"), MESSAGE.format("parcel_by_day")]
    assert kept_models(replay, [LOST], "parcel_mean") == [], "nothing follows it"
    assert kept_models(replay, []) == []


def test_backtest_says_so_on_stderr(shop: Path) -> None:
    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name(program)), *arguments, "--profiles-dir", "."]
        environment = os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        return subprocess.run(
            command, cwd=shop, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    assert run("dbt", "build", "--exclude", "resource_type:test").returncode == 0
    options = ("--run-date", str(LAST_DAY), "--first-day", "2025-07-20", "--faults", "one_fault.yml")
    ended = run("gates", "backtest", *options)
    assert ended.returncode == 0, ended.stderr
    assert MESSAGE.format("parcel") in " ".join(ended.stderr.split())
    assert "parcel_history" not in ended.stdout
