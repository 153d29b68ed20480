"""dbt in this process: imported once, run several times, quiet; what it says is returned, not printed."""

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
from training_pipeline.warehouse.postgres import dbt_environment

if TYPE_CHECKING:
    from pathlib import Path

    from dbt.cli.main import dbtRunner, dbtRunnerResult

    from training_pipeline.config import Settings

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class DbtResult:
    """How a dbt invocation ended.

    Attributes
    ----------
    failed : tuple of str
        Unique ids of the tests that failed, or whose query crashed: either way nothing was proven.
    crashed : tuple of str
        What crashed in those of them whose query did, with the database's message.
    evidence : tuple of str
        The lines that the gates printed, failures first.
    unrecorded : str
        Why the evidence of a gate that failed is not in the ledger; empty where it is.
    """

    failed: tuple[str, ...]
    crashed: tuple[str, ...]
    evidence: tuple[str, ...]
    unrecorded: str = ""

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
    settings : Settings
        Which project and which warehouse.
    arguments : sequence of str
        What would follow ``dbt`` on the command line, e.g. ``["build", "--exclude", "tag:model_gate"]``.
    run_date : datetime.date
        Passed by the environment variable ``RUN_DATE``: dbt parses the project anew for each ``--vars``.
    progress : callable, optional
        Called with (nodes done, nodes in all, name of the node) whenever a node is done.

    Raises
    ------
    PipelineError
        When dbt itself broke: the project does not parse, the database is down, the SQL of a model fails,
        a unit test fails, no gate failed but the ledger cannot be written.
    """
    listener = _Listener(progress)
    outcome = _run(settings, arguments, run_date, [listener])
    results: list[Any] | None = getattr(outcome.result, "results", None)
    if results is None:
        broke = _broke(settings, arguments, _one_line(outcome.exception))
        if listener.failed:  # it broke afterwards
            return DbtResult(tuple(listener.failed), (), tuple(listener.lines), str(broke))
        raise broke
    tests = [result for result in results if result.node.resource_type == "test"]
    failed = [result for result in tests if result.status == "fail"]
    crashed = [result for result in tests if result.status == "error"]
    broken = [
        result
        for result in results
        if result.node.resource_type != "test"
        and result.status not in ("success", "skipped", "pass", "warn", "no-op")
    ]
    # A gate that failed is the reason to name, and what broke besides may be due to it; but when queries only
    # crashed, the gates among them say no more than the models: the database is down, or the SQL is wrong.
    if broken and not failed:
        raise _broke(settings, arguments, "; ".join(map(_describe, broken)))
    if not outcome.success and not (failed or crashed):
        raise _broke(settings, arguments, _one_line(outcome.exception))
    hooks = [_describe(result) for result in broken if result.node.resource_type == "operation"]
    return DbtResult(
        failed=tuple(result.node.unique_id for result in failed + crashed),
        crashed=tuple(map(_describe, crashed)),
        evidence=tuple(listener.lines),
        unrecorded=str(_broke(settings, arguments, "; ".join(hooks))) if hooks else "",
    )


def compile_inline(
    settings: Settings, template: str, run_date: datetime.date, variables: Mapping[str, str] | None = None
) -> str:
    """Return what a piece of Jinja and SQL compiles to in the project, for the run date.

    Raises
    ------
    PipelineError
        When it does not compile.
    """
    outcome = _run(settings, ["compile", "--inline", template], run_date, variables=variables)
    if not outcome.success or outcome.result is None:
        raise _broke(settings, ["compile"], _one_line(outcome.exception))
    compiled: Any = outcome.result
    return str(compiled.results[0].node.compiled_code)


def compile_nodes(
    settings: Settings,
    arguments: Sequence[str],
    run_date: datetime.date,
    variables: Mapping[str, str] | None = None,
) -> list[Any]:
    """Return the selected nodes of the project with their SQL as ``compiled_code``.

    Parameters
    ----------
    variables : mapping, optional
        Variables of the environment that the SQL depends on, besides the run date.

    Raises
    ------
    PipelineError
        When the project does not compile.
    """
    outcome = _run(settings, ["compile", *arguments], run_date, variables=variables)
    if not outcome.success or outcome.result is None:
        raise _broke(settings, ["compile"], _one_line(outcome.exception))
    compiled: Any = outcome.result
    return [result.node for result in compiled.results]


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


class _Listener:
    """Collects the lines that the gates print and the tests that fail, and passes on how many nodes are done."""

    def __init__(self, progress: Progress | None) -> None:
        self.lines: list[str] = []
        self.failed: list[str] = []
        self._progress = progress
        self._done = 0
        self._total = 0

    def __call__(self, event: Any) -> None:
        """Take an event; dbt calls this from its worker threads."""
        name = event.info.name
        if name == "JinjaLogInfo":
            self.lines.append(event.info.msg)
        elif name == "LogTestResult" and event.data.status == "fail":
            self.failed.append(event.data.node_info.unique_id)
        elif name == "ConcurrencyLine":
            self._total = event.data.node_count
        elif name in ("NodeFinished", "SkippingDetails") and self._progress is not None:
            self._done += 1
            self._progress(min(self._done, self._total), self._total, event.data.node_info.node_name)


def _describe(result: Any) -> str:
    keeps_evidence = result.node.resource_type == "operation" and "gates.record" in result.node.raw_code
    what = "the evidence could not be written to the ledger" if keeps_evidence else result.node.name
    return f"{what}: {_one_line(result.message)}"


def _broke(settings: Settings, arguments: Sequence[str], why: str) -> PipelineError:
    log = settings.dbt_output / "logs" / "dbt.log"
    return PipelineError(f"dbt {arguments[0]} broke: {why} (more in {log})")


def _run(
    settings: Settings,
    arguments: Sequence[str],
    run_date: datetime.date,
    callbacks: Sequence[Callable[[Any], None]] = (),
    variables: Mapping[str, str] | None = None,
) -> dbtRunnerResult:
    location = ["--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.root)]
    with _environment(dbt_environment(settings) | {"RUN_DATE": str(run_date)} | dict(variables or {})):
        runner = _runner()
        runner.callbacks = list(callbacks)
        outcome = runner.invoke(["--log-level", "none", "--log-level-file", "debug", *arguments, *location])
    if isinstance(outcome.exception, KeyboardInterrupt):
        raise outcome.exception  # dbt turns it into a result, but who pressed Ctrl-C wants an end
    return outcome


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
