"""Where only the gates are installed, the command of the pipeline names what it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

COMMAND = "import sys; {missing}sys.argv = ['training-pipeline', '--version']; from training_pipeline.start import main; main()"


def _start(missing: str) -> subprocess.CompletedProcess[str]:
    without = f"sys.modules[{missing!r}] = None; " if missing else ""
    return subprocess.run(
        [sys.executable, "-c", COMMAND.format(missing=without)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("missing", ["psycopg", "pyarrow"])
def test_a_missing_extra_is_one_line_that_installs_it(missing: str) -> None:
    ended = _start(missing)
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert f"the package '{missing}' is not installed" in line
    assert "pip install 'dbt-gates[pipeline]'" in line


def test_with_the_extra_the_command_runs() -> None:
    ended = _start("")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_missing_part_of_the_package_is_no_missing_extra() -> None:
    ended = _start("training_pipeline.cli_verify")
    assert "import of training_pipeline.cli_verify halted" in ended.stderr
    assert "pip install" not in ended.stderr
