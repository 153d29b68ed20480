"""dbt in this process: imported once, run several times, quiet; what it says is returned instead of printed."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from training_pipeline.errors import PipelineError
from training_pipeline.warehouse import dbt_environment

if TYPE_CHECKING:
    from pathlib import Path

    from dbt.cli.main import dbtRunner, dbtRunnerResult

    from training_pipeline.config import Settings

# dbt's events that end a node, each with its name for the number of nodes of the run
TOTALS = {"LogModelResult": "total", "LogTestResult": "num_models"}

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class DbtResult:
    """How a dbt invocation ended.

    Attributes
    ----------
    failed : tuple of str
        Unique ids of the tests that failed, or whose query crashed: either way nothing was proven.
    skipped : int
        Nodes that were not run because something above them failed.
    evidence : tuple of str
        The lines that the gates printed, failures first.
    """

    failed: tuple[str, ...]
    skipped: int
    evidence: tuple[str, ...]

    @property
    def success(self) -> bool:
        """Whether every gate let the run pass."""
        return not self.failed


def invoke(
    settings: Settings,
    arguments: Sequence[str],
    run_date: datetime.date,
    progress: Progress | None = None,
) -> DbtResult:
    """Run a dbt command that builds or tests; failed tests are an answer, not an error.

    Parameters
    ----------
    arguments : sequence of str
        What would follow ``dbt`` on the command line, e.g. ``["build", "--exclude", "tag:model_gate"]``.
    run_date : datetime.date
        Passed by the environment variable ``RUN_DATE``: with ``--vars`` dbt would parse the project anew for each date.
    progress : callable, optional
        Called with (nodes done, nodes in all, name of the node) whenever a node is done.

    Raises
    ------
    PipelineError
        When dbt itself broke: the project does not parse, the database is down, a model's SQL fails, the ledger cannot be
        written.
    """
    lines: list[str] = []
    done: list[str] = []

    def listen(event: Any) -> None:
        if event.info.name == "JinjaLogInfo":
            lines.append(event.info.msg)
        elif event.info.name in TOTALS and progress is not None:
            done.append(event.data.node_info.node_name)
            progress(len(done), getattr(event.data, TOTALS[event.info.name]), done[-1])

    outcome = _run(settings, arguments, run_date, [listen])
    if outcome.result is None:
        raise PipelineError(f"dbt {arguments[0]} broke: {_one_line(outcome.exception)}")
    failed, broken, skipped = [], [], 0
    for result in outcome.result.results:
        status = str(result.status)
        if result.node.resource_type == "test" and status in ("fail", "error"):
            failed.append(result.node.unique_id)
        elif status in ("error", "fail", "runtime error"):
            broken.append(f"{result.node.name}: {_one_line(result.message)}")
        elif status == "skipped":
            skipped += 1
    if broken:
        raise PipelineError(f"dbt {arguments[0]} broke in {'; '.join(broken)}")
    if not outcome.success and not failed:
        raise PipelineError(f"dbt {arguments[0]} broke: {_one_line(outcome.exception)}")
    return DbtResult(tuple(failed), skipped, tuple(lines))


def compile_inline(settings: Settings, template: str, run_date: datetime.date) -> str:
    """Return what a piece of Jinja and SQL compiles to in the project, for the run date.

    Raises
    ------
    PipelineError
        When it does not compile.
    """
    outcome = _run(settings, ["compile", "--inline", template], run_date)
    if not outcome.success or outcome.result is None:
        raise PipelineError(f"dbt compile broke: {_one_line(outcome.exception)}")
    return str(outcome.result.results[0].node.compiled_code)


def read_manifest(settings: Settings) -> dict[str, Any]:
    """Return dbt's manifest as the last dbt command of this project wrote it.

    Raises
    ------
    PipelineError
        When there is none yet.
    """
    path = manifest_path(settings)
    if not path.exists():
        raise PipelineError(
            f"{path} does not exist: run `dbt parse` or `dbt build` in {settings.dbt_project} first"
        )
    manifest: dict[str, Any] = json.loads(path.read_text())
    return manifest


def manifest_path(settings: Settings) -> Path:
    """Return where dbt writes the manifest."""
    return settings.dbt_output / "target" / "manifest.json"


def _run(
    settings: Settings,
    arguments: Sequence[str],
    run_date: datetime.date,
    callbacks: Sequence[Callable[[Any], None]] = (),
) -> dbtRunnerResult:
    location = ["--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.root)]
    with _environment(dbt_environment(settings) | {"RUN_DATE": run_date.isoformat()}):
        runner = _runner()
        runner.callbacks = list(callbacks)
        return runner.invoke(["--log-level", "none", *arguments, *location])


@cache
def _runner() -> dbtRunner:
    from dbt.cli.main import dbtRunner  # two thirds of a dbt start is this import

    return dbtRunner()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def _one_line(message: object) -> str:
    return " ".join(str(message or "no message, see dbt's log").split())
