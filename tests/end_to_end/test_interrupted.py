"""A run whose process or server is killed in any step, or whose disk is full: one line, and the next run comes to the same end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training_pipeline.steps.registered import require_one_champion
from training_pipeline.config import Settings
from training_pipeline.roles import Role
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.postgres import connect

from .conftest import RUN_DATE

STEPS = ("load", "data gates", "past days", "train", "evaluate", "model gates", "promote", "report")
ROWS = 60_865  # of the fixture
MOST_LINES = 6  # a sentence and what the step had printed

# Runs the command line; half a second after a step has begun, the trouble begins too.
_RUN = """
import os, resource, signal, sys, threading
from contextlib import contextmanager
import psutil
from training_pipeline import start
from training_pipeline.config import Settings
from training_pipeline.steps import run
from training_pipeline.warehouse.embedded import server

step, trouble, *arguments = sys.argv[1:]
original = run._step

def begin():
    if trouble == "process":
        os.kill(os.getpid(), signal.SIGKILL)
    if trouble == "server":
        psutil.Process(server.status(Settings.load()).pid).kill()

@contextmanager
def troubled(outcome, progress, name):
    with original(outcome, progress, name) as advance:
        if name == step and trouble == "full disk":
            resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000))
        elif name == step:
            threading.Timer(0.5, begin).start()
        yield advance

if trouble == "full disk of the server":  # which inherits the limit from the process that starts it
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))
run._step = troubled
sys.argv = ["training-pipeline", *arguments]
start.main()
"""
COMMAND = ("run", "--fixture", "--run-date", str(RUN_DATE))


@pytest.fixture
def own(environment: pytest.MonkeyPatch, make_state_dir: Callable[[], Path]) -> Settings:
    """Settings of a server that does not exist yet and that nobody else uses."""
    environment.setenv("TRAINING_PIPELINE_STATE", str(make_state_dir()))
    return replace(Settings.load(), role=Role.ADMINISTRATOR)


def ended(*arguments: str, step: str = "", trouble: str = "") -> subprocess.CompletedProcess[str]:
    """Run `training-pipeline` with arguments in another process."""
    return subprocess.run(
        [sys.executable, "-c", _RUN, step, trouble, *arguments],
        capture_output=True, text=True, timeout=600, check=False, env=dict(os.environ),
    )  # fmt: skip


def require_the_same_end(settings: Settings) -> None:
    """The next run promotes or keeps, the source is whole, and the proof holds."""
    again = ended(*COMMAND)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "PROMOTED" in again.stdout or "KEPT" in again.stdout
    verified = ended("verify", str(RUN_DATE))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    embedded.start(settings)
    with connect(settings) as connection:
        assert connection.execute("select count(*) from raw.interaction").fetchone() == (ROWS,)
    require_one_champion(settings, "1")


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_run_that_was_killed(step: str, own: Settings) -> None:
    killed = ended(*COMMAND, step=step, trouble="process")
    assert killed.returncode in (-signal.SIGKILL, 0), killed.stderr
    assert killed.returncode or step in ("promote", "report"), "only these may end within half a second"
    require_the_same_end(own)


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=() if step == "data gates" else pytest.mark.long) for step in STEPS]
)
def test_run_whose_server_was_killed(step: str, own: Settings) -> None:
    broken = ended(*COMMAND, step=step, trouble="server")
    if broken.returncode or step not in ("promote", "report"):
        require_one_line(broken)
    require_the_same_end(own)


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS[:5])
def test_run_whose_disk_is_full(step: str, own: Settings) -> None:
    """A limit on the size of files stands for the disk."""
    require_one_line(ended(*COMMAND, step=step, trouble="full disk"))
    require_the_same_end(own)


@pytest.mark.long
def test_run_whose_server_has_a_full_disk(own: Settings) -> None:
    """The limit is below the size of the server's log of changes, so the server ends too."""
    assert ended("db", "start").returncode == 0
    assert ended("db", "stop").returncode == 0
    require_one_line(ended(*COMMAND, trouble="full disk of the server"))
    assert ended("db", "stop").returncode == 0
    require_the_same_end(own)


def require_one_line(broken: subprocess.CompletedProcess[str]) -> None:
    """Nothing but a sentence about what is broken."""
    assert broken.returncode == 1, broken.stdout + broken.stderr
    assert "Traceback" not in broken.stdout + broken.stderr, broken.stderr
    assert len(broken.stderr.strip().splitlines()) <= MOST_LINES, broken.stderr
