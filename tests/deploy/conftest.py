"""What docker compose would read from .env."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .compose_file import ROOT, read_env


@pytest.fixture(scope="session")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables that scripts/make_env.py writes."""
    output = tmp_path_factory.mktemp("env") / ".env"
    command = [sys.executable, str(ROOT / "scripts" / "make_env.py"), "--output", str(output)]
    subprocess.run(command, check=True, capture_output=True)
    return read_env(output.read_text())
