"""One run at a time: who waits, for how long, what it is told, and that a killed holder holds nothing."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread

import pytest

from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.warehouse import lock
from training_pipeline.warehouse.postgres import connect

_HOLD = """
import sys, time
from training_pipeline.config import Settings
from training_pipeline.warehouse import lock
sys.argv = ["/usr/bin/training-pipeline", "run", "--run-date", "2017-12-31"]
with lock.held(Settings.load(), "run"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def impatient(settings: Settings) -> Settings:
    return replace(settings, lock_seconds=0)


@contextmanager
def _another_process(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", _HOLD], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def _held_by_a_thread(settings: Settings, use: Callable[[], None]) -> None:
    """Run something while another thread, which is as good as another process, holds the lock."""
    held, done = Event(), Event()

    def hold() -> None:
        with lock.held(settings, "train"):
            held.set()
            done.wait(60)

    thread = Thread(target=hold)
    thread.start()
    try:
        assert held.wait(60)
        use()
    finally:
        done.set()
        thread.join()


def test_who_waits_in_vain_is_told_for_whom(impatient: Settings) -> None:
    with _another_process(impatient) as process:
        reason = (
            r"one run at a time: schema analytics is held by `training-pipeline run --run-date 2017-12-31` of "
            rf"\S.*, process {process.pid} on \S+, for \d+ seconds?, and 0 seconds of waiting have passed\. Try again"
        )
        with pytest.raises(PipelineError, match=reason), lock.held(impatient, "promote"):
            pytest.fail("two at a time")


def test_a_killed_holder_frees_the_lock(impatient: Settings) -> None:
    with _another_process(impatient) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        patient = replace(impatient, lock_seconds=10)  # for the server to see that the connection has ended
        with lock.held(patient, "train"):
            pass


def test_who_waits_comes_next(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    order: list[str] = []
    started = Event()

    def first() -> None:
        with lock.held(settings, "load"):
            started.set()
            time.sleep(0.5)
            order.append("first")

    thread = Thread(target=first)
    thread.start()
    assert started.wait(60)
    with caplog.at_level(logging.WARNING), lock.held(replace(settings, lock_seconds=60), "train"):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert re.search(
        r"waiting up to 1 minute: schema analytics is held by `training-pipeline load`", caplog.text
    )


def test_waiting_ends(settings: Settings) -> None:
    def wait() -> None:
        began = time.monotonic()
        brief = replace(settings, lock_seconds=0.3)
        with (
            pytest.raises(PipelineError, match="held by `training-pipeline train`"),
            lock.held(brief, "promote"),
        ):
            pytest.fail("two at a time")
        assert 0.3 <= time.monotonic() - began < 10

    _held_by_a_thread(settings, wait)


def test_what_holds_the_lock_may_take_it_again(impatient: Settings) -> None:
    @lock.one_at_a_time("train")
    def train(settings: Settings, number: int) -> int:
        return number + 1

    with lock.held(impatient, "run"):
        assert train(impatient, 1) == 2
        assert train(impatient, number=2) == 3
    with connect(impatient) as connection:
        commands = connection.execute("select command from ml.run_lock").fetchall()
    assert commands == [("training-pipeline run",)], "the inner one is part of the outer one"


def test_the_lock_is_free_after_an_error(impatient: Settings) -> None:
    with pytest.raises(ZeroDivisionError), lock.held(impatient, "run"):
        raise ZeroDivisionError
    _held_by_a_thread(impatient, lambda: None)


def test_another_schema_is_another_lock(impatient: Settings) -> None:
    with lock.held(impatient, "run"):
        _held_by_a_thread(replace(impatient, schema="staging"), lambda: None)


def test_a_task_of_airflow_is_named(impatient: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CTX_TASK_ID", "promote")

    def wait() -> None:
        with (
            pytest.raises(PipelineError, match="held by `Airflow task promote` of"),
            lock.held(impatient, "x"),
        ):
            pytest.fail("two at a time")

    _held_by_a_thread(impatient, wait)


@pytest.mark.parametrize("value", ["-1", "soon", "nan", "inf", "1e9"])
def test_a_time_that_is_none_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("LOCK_SECONDS", value)
    with pytest.raises(PipelineError, match="LOCK_SECONDS"):
        Settings.load()
