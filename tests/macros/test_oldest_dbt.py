"""The oldest dbt that `require-dbt-version` allows gives the evidence of the truth table in every case."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .harness.cases import differences, load_cases
from .harness.project import MACROS
from .harness.run import run_in_process

ADAPTER = "dbt-duckdb>=1.10,<1.12"
TIMEOUT = 900  # seconds

pytestmark = pytest.mark.long  # it installs another dbt


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the oldest dbt-core that the package allows; return its interpreter."""
    package = yaml.safe_load((MACROS / "dbt_project.yml").read_text(encoding="utf-8"))
    lowest = package["require-dbt-version"][0].removeprefix(">=")
    folder = tmp_path_factory.mktemp("oldest") / "venv"
    python = folder / "bin" / "python"
    uv = str(Path(sys.executable).parent / "uv")
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), f"dbt-core=={lowest}", ADAPTER],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
        assert done.returncode == 0, done.stderr
    return python


def test_truth_table(oldest: Path, tmp_path: Path) -> None:
    cases = [case for case in load_cases() if "duckdb" in case.engines]
    evidence = run_in_process(oldest, "duckdb", cases, tmp_path, TIMEOUT)
    different = {
        case.name: problems
        for case in cases
        if (problems := differences(case.evidence, evidence.get(case.name, [])))
        or {row["status"] for row in evidence[case.name]} != {case.status}
    }
    assert different == {}
