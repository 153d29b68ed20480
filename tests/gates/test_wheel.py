"""The built wheel, installed as docs/package.md says, in an environment with an adapter and nothing of the pipeline."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.conftest import ROOT

from .shop import DOUBLED, LAST_DAY, write_shop

PAGE = ROOT / "docs" / "package.md"
UNWANTED = ("training_pipeline", "airflow", "mlflow", "sklearn", "psycopg", "psycopg2", "pandas", "pyspark")


def commands_of_the_page() -> list[list[str]]:
    """Return the words of each command in the section about `gates`; the run date is the last day of the project here."""
    section = PAGE.read_text(encoding="utf-8").partition("## The command `gates`")[2]
    (block,) = re.findall(r"^```sh\n(.*?)^```$", section.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    return [shlex.split(line.replace("2026-11-22", str(LAST_DAY))) for line in block.splitlines()]


def run(*command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DBT_", "PYTHON", "RUN_DATE"))
    }
    environment |= {"COLUMNS": "200", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done


@pytest.mark.long
def test_wheel_backtests_a_project_without_the_pipeline(tmp_path: Path) -> None:
    (pip, install, requirement), version, backtest = commands_of_the_page()
    distribution, _, _ = requirement.partition(" @ git+")
    build = ("wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT))
    run(sys.executable, "-m", "pip", *build, directory=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    scripts = tmp_path / "venv" / "bin"
    run(str(scripts / pip), install, "-q", f"{distribution} @ {wheel.as_uri()}", directory=tmp_path)
    script = f"import importlib.util as u; print(*(name for name in {UNWANTED} if u.find_spec(name)))"
    installed = run(str(scripts / "python"), "-c", script, directory=tmp_path).stdout.split()
    assert installed == ["training_pipeline"], "the wheel holds it, and nothing that it needs is installed"
    profile = {
        "type": "duckdb",
        "path": str(tmp_path / "warehouse.duckdb"),
        "schema": "freight",
        "threads": 2,
    }
    project = write_shop(tmp_path / "project", profile)
    run(str(scripts / "dbt"), "run", "--profiles-dir", ".", directory=project)

    assert run(str(scripts / version[0]), *version[1:], directory=project).stdout.strip() in wheel.name
    options = ("--profiles-dir", ".", "--faults", "one_fault.yml", "--every", "40")
    printed = run(str(scripts / backtest[0]), *backtest[1:], *options, directory=project).stdout

    assert f"{DOUBLED}  parcels_like_last_week: " in printed
    assert "in grams" in printed and "mean_weight 100.0 %" in printed
