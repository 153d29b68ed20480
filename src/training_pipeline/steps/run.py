"""The whole way in one process: load, data gates, train, evaluate, model gates, promote, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gates.render.terminal import progress_bar
from training_pipeline.errors import GateStopped
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.required_gates import MODEL_GATE

if TYPE_CHECKING:
    import datetime
    from pathlib import Path

    from rich.console import Console
    from rich.progress import Progress

    from training_pipeline.config import Settings
    from training_pipeline.steps.promote import Decision

# Unit tests are about the code: they run where the code is changed, not where data are judged.
DATA_SIDE = ("build", "--exclude", f"tag:{MODEL_GATE}", "resource_type:unit_test")
MODEL_SIDE = ("build", "--select", f"tag:{MODEL_GATE}")


@dataclass
class Outcome:
    """What a run came to.

    Attributes
    ----------
    seconds : dict
        Wall time by step, in the order in which they ran.
    evidence : dict
        The lines that the gates printed, by step.
    stopped : GateStopped or None
        The gate that stopped the run.
    decision : Decision or None
        What was decided about the champion; None when the run was stopped.
    report : Path or None
    """

    run_date: datetime.date
    seconds: dict[str, float] = field(default_factory=dict)
    evidence: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stopped: GateStopped | None = None
    decision: Decision | None = None
    report: Path | None = None


def run(
    settings: Settings,
    run_date: datetime.date,
    console: Console,
    *,
    file: Path | None = None,
    fixture: bool = False,
) -> Outcome:
    """Decide on one run date, from the source to the champion; a report is written also when a gate stops it.

    Parameters
    ----------
    settings : Settings
        Which warehouse, and where the state is kept.
    run_date : datetime.date
        The day that is decided on.
    console : Console
        Where the progress is shown.
    file : Path, optional
        CSV or Parquet file with interactions; the sample when None.
    fixture : bool
        Load the small part of the sample that the tests use.

    Raises
    ------
    PipelineError
        When something broke. A gate that stops the run is no error: it is in the outcome.
    """
    from training_pipeline.report.page import write_report
    from training_pipeline.source.loading import load

    outcome = Outcome(run_date)
    with progress_bar(console) as progress:
        with _step(outcome, progress, "load") as advance:
            load(settings, file=file, fixture=fixture, on_progress=advance)
        try:
            _decide(settings, outcome, progress)
        except GateStopped as stopped:
            outcome.stopped = stopped
        with _step(outcome, progress, "report"):
            why = str(outcome.stopped) if outcome.stopped else None
            outcome.report = write_report(settings, run_date, why)
    return outcome


def gate(
    settings: Settings,
    outcome: Outcome,
    name: str,
    arguments: tuple[str, ...],
    progress: dbt.Progress | None = None,
) -> None:
    """Build one side of the dbt project with its gates; what they printed goes into the outcome.

    Raises
    ------
    GateStopped
        When a gate failed; its message has the lines that they printed, its evidence their rows of the ledger: none where
        it could not be written, which the message says too.
    PipelineError
        When dbt itself broke, and no gate failed.
    """
    from gates.ledger import evidence
    from training_pipeline.warehouse import ledger

    result = dbt.invoke(settings, arguments, outcome.run_date, progress)
    outcome.evidence[name] = result.evidence
    if result.success:
        return
    lines = [line for line in result.evidence if line.startswith("FAIL")] or [evidence.names(result.failed)]
    head = f"{len(result.failed)} gate(s) stopped the run of {outcome.run_date}:"
    if result.unrecorded:
        raise GateStopped("\n".join((head, *lines, f"besides, {result.unrecorded}")))
    latest = ledger.latest(settings, outcome.run_date, result.failed)
    rows = evidence.failed([row for found in latest.values() for row in found])
    raise GateStopped("\n".join((head, *lines)), rows)


def _decide(settings: Settings, outcome: Outcome, progress: Progress) -> None:
    from training_pipeline.steps.evaluate import evaluate
    from training_pipeline.steps.promote import promote
    from training_pipeline.steps.train import train

    with _step(outcome, progress, "data gates") as advance:
        gate(settings, outcome, "data gates", DATA_SIDE, advance)
    with _step(outcome, progress, "train"):
        train(settings, outcome.run_date)
    with _step(outcome, progress, "evaluate"):
        evaluate(settings, outcome.run_date)
    with _step(outcome, progress, "model gates") as advance:
        gate(settings, outcome, "model gates", MODEL_SIDE, advance)
    with _step(outcome, progress, "promote"):
        outcome.decision = promote(settings, outcome.run_date)


@contextmanager
def _step(outcome: Outcome, progress: Progress, name: str) -> Iterator[Callable[..., None]]:
    """Show a step while it runs and keep its wall time, also when it fails."""
    task = progress.add_task(name, total=None)
    begin = time.perf_counter()

    def advance(done: int, total: int | None, what: str = "") -> None:
        progress.update(task, completed=done, total=total, description=f"{name} {what}")

    try:
        yield advance
    finally:
        outcome.seconds[name] = time.perf_counter() - begin
        progress.update(task, description=name, completed=1, total=1)
