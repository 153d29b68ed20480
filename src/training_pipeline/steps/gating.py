"""Run one side of the dbt project with its gates, read what they left in the ledger, and say what stopped the run."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gates.ledger.declared import declarations
from gates.ledger.evidence import Row, names
from gates.project.dbt import one_line
from gates.render.cards import FAIL, Context, cards
from gates.text import counted
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.warehouse import dbt, ledger, ledger_owner
from training_pipeline.warehouse.required_gates import any_judges_days


def gate(
    settings: Settings,
    run_date: dt.date,
    arguments: Sequence[str],
    keep: Callable[[list[Row]], None],
    progress: dbt.Progress | None = None,
) -> None:
    """Build one side of the dbt project with its gates.

    Parameters
    ----------
    arguments : sequence of str
        Of dbt: which side.
    keep : callable
        Takes the rows that this invocation left in the ledger, also when it stops.

    Raises
    ------
    GateStopped
        When a gate failed; its message has a card of each, its evidence their rows of the ledger: none where it could
        not be written, which the message says too.
    PipelineError
        When dbt itself broke and no gate failed, or a test has left no evidence: nothing would prove that it passed.
    """
    ledger_owner.prepare(settings)
    result = dbt.invoke(settings, arguments, run_date, progress)
    rows = ledger.of_invocation(settings, result.invocation_id)
    keep(rows)
    absent = sorted(set(result.tests) - {row["node_id"] for row in rows})
    unrecorded = result.unrecorded
    if absent and not unrecorded:
        unrecorded = (
            f"{ledger.address(settings).as_string()} has no row of it: {settings.dbt_project}/dbt_project.yml must have "
            'on-run-end: "{{ gates.record(results) }}"'
        )
    if not result.success:
        raise stopped(settings, run_date, rows, result.failed, result.crashed, unrecorded)
    if absent:
        raise PipelineError(f"no evidence of {counted(len(absent), 'test')} ({names(absent)}): {unrecorded}")


def stopped(
    settings: Settings,
    run_date: dt.date,
    rows: Iterable[Row],
    failed: Sequence[str],
    messages: Mapping[str, str],
    unrecorded: str = "",
) -> GateStopped:
    """Return the exception for gates that failed: how many, and a card of each.

    Parameters
    ----------
    rows : iterable of mapping
        The rows of the invocation.
    failed : sequence of str
        Unique ids of the tests that failed.
    messages : mapping
        The database's message by the unique id of a test whose query failed.
    unrecorded : str
        Why some of them have no rows; empty where all have.
    """
    of_failed = [row for row in rows if row["node_id"] in failed]
    lines = [f"{counted(len(failed), 'gate')} stopped the run of {run_date}"]
    lines += failure_cards(settings, of_failed, messages)
    if absent := sorted(set(failed) - {row["node_id"] for row in of_failed}):
        reason = unrecorded or "the ledger has no row of this run, the log says why"
        lines.append(f"{FAIL}  {names(absent)}: no evidence in the ledger: {reason}")
    if any_judges_days(dbt.read_manifest(settings), set(failed) - set(messages)):
        lines.append(
            f'if the day is right as it is: gates accept {run_date} --accepted --why "…" (docs/days.md)'
        )
    return GateStopped("\n".join(lines), of_failed)


def failure_cards(
    settings: Settings, rows: Sequence[Row], messages: Mapping[str, str] | None = None
) -> list[str]:
    """Return the lines of a card for each test that failed."""
    return cards(rows, context(settings, rows, messages), FAIL)


def stopped_task(settings: Settings, run_date: dt.date, project_dir: Path) -> GateStopped | None:
    """Return the exception for a dbt command of another process, from the files that it has left; None where no gate failed.

    A query that only crashed is no verdict.

    Parameters
    ----------
    project_dir : Path
        Where that process ran dbt: its results are in `target`.
    """
    failed: list[str] = []
    crashed: dict[str, str] = {}
    rows: list[Row] = []
    # of a source, dbt calls an age beyond its bound an error, and leaves out what crashed
    for name, verdict in {"run_results.json": "fail", "sources.json": "error"}.items():
        written = project_dir / "target" / name
        answer: dict[str, Any] = json.loads(written.read_text()) if written.exists() else {"results": []}
        rejected = [result["unique_id"] for result in answer["results"] if result["status"] == verdict]
        if rejected:
            rows += ledger.of_invocation(settings, answer["metadata"]["invocation_id"])
        failed += rejected
        if name == "run_results.json":
            tests = [result for result in answer["results"] if result["unique_id"].startswith("test.")]
            crashed |= {
                result["unique_id"]: one_line(result["message"])
                for result in tests
                if result["status"] == "error"
            }
    return stopped(settings, run_date, rows, [*failed, *crashed], crashed) if failed else None


def context(settings: Settings, rows: Sequence[Row], messages: Mapping[str, str] | None = None) -> Context:
    """Return what the cards about some rows know next to them."""
    before = ledger.past(settings, rows)
    declared = declarations(dbt.read_manifest(settings))
    return Context(declared, before, messages or {}, settings.schema, settings.dbt_project.name)
