"""Run dbt commands that build or test, and return how they ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gates.project.config import Project
from gates.project.dbt import broke, describe, one_line, run

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class DbtResult:
    """How a dbt invocation ended.

    Attributes
    ----------
    invocation_id : str
        The id of the invocation in the ledger.
    tests : tuple of str
        Unique ids of the tests that ran; each has left evidence, unless `unrecorded` says why not.
    failed : tuple of str
        Unique ids of the tests that failed or whose query crashed: either way nothing was proven.
    crashed : mapping
        The database's message by the unique id of the test whose query crashed.
    unrecorded : str
        Why the evidence is not in the ledger; empty where it is.
    """

    invocation_id: str
    tests: tuple[str, ...]
    failed: tuple[str, ...]
    crashed: Mapping[str, str] = field(default_factory=dict)
    unrecorded: str = ""

    @property
    def success(self) -> bool:
        """Whether every gate let the run pass."""
        return not self.failed


def invoke(
    project: Project, arguments: Sequence[str], run_date: dt.date, progress: Progress | None = None
) -> DbtResult:
    """Run a dbt command that builds or tests; failed tests are an answer, not an error.

    Parameters
    ----------
    arguments : sequence of str
        The words after ``dbt`` on the command line, e.g. ``["build", "--exclude", "tag:model_gate"]``.
    run_date : date
        Passed by the environment variable ``RUN_DATE``: dbt parses the project again for each ``--vars``.
    progress : callable, optional
        Called with (nodes done, number of nodes, name of the node) whenever a node is done.

    Raises
    ------
    GatesError
        When dbt itself broke: the project does not parse, the database is down, the SQL of a model fails,
        a unit test fails, no gate failed but the ledger cannot be written.
    """
    listener = _Listener(progress)
    outcome = run(project, arguments, {"RUN_DATE": str(run_date)}, callbacks=[listener])
    results: list[Any] | None = getattr(outcome.result, "results", None)
    if results is None:
        failure = broke(project, arguments, one_line(outcome.exception))
        if listener.failed:  # it broke afterwards
            rejected_ids = tuple(listener.failed)
            return DbtResult(listener.invocation_id, rejected_ids, rejected_ids, unrecorded=str(failure))
        raise failure
    tests = [result for result in results if result.node.resource_type == "test"]
    rejected = [result for result in tests if result.status == "fail"]
    crashed = [result for result in tests if result.status == "error"]
    broken = [
        result
        for result in results
        if result.node.resource_type != "test"
        and result.status not in ("success", "skipped", "pass", "warn", "no-op")
    ]
    # A failed gate is the reason to name, because other nodes may have broken due to it. Where queries only crashed, gates say no
    # more than models do: the database is down, or the SQL is wrong.
    if broken and not rejected:
        raise broke(project, arguments, "; ".join(map(describe, broken)))
    if not outcome.success and not (rejected or crashed):
        raise broke(project, arguments, one_line(outcome.exception))
    hooks = [describe(result) for result in broken if result.node.resource_type == "operation"]
    return DbtResult(
        invocation_id=listener.invocation_id,
        tests=tuple(result.node.unique_id for result in tests if result.status != "skipped"),
        failed=tuple(result.node.unique_id for result in rejected + crashed),
        crashed={result.node.unique_id: one_line(result.message) for result in crashed},
        unrecorded=str(broke(project, arguments, "; ".join(hooks))) if hooks else "",
    )


class _Listener:
    """Keep the id of the invocation and the tests that fail, and report progress."""

    def __init__(self, progress: Progress | None) -> None:
        self.invocation_id = ""
        self.failed: list[str] = []
        self._progress = progress
        self._done = 0
        self._total = 0

    def __call__(self, event: Any) -> None:
        """Take an event; dbt calls this from its worker threads."""
        name = event.info.name
        self.invocation_id = event.info.invocation_id
        if name == "LogTestResult" and event.data.status == "fail":
            self.failed.append(event.data.node_info.unique_id)
        elif name == "ConcurrencyLine":
            self._total = event.data.node_count
        elif name in ("NodeFinished", "SkippingDetails") and self._progress is not None:
            self._done += 1
            self._progress(min(self._done, self._total), self._total, event.data.node_info.node_name)
