"""The whole way in one process: load, data gates, past days, train, evaluate, model gates, promote, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from training_pipeline.errors import GateStopped
from training_pipeline.steps.gating import gate
from training_pipeline.warehouse.lock import one_at_a_time
from training_pipeline.warehouse.required_gates import MODEL_GATE

if TYPE_CHECKING:
    import datetime
    from pathlib import Path

    from gates.ledger.evidence import Row
    from training_pipeline.config import Settings
    from training_pipeline.registry.history import Decision

# Unit tests are about the code: they run where the code is changed, not where data are judged.
DATA_SIDE = ("build", "--exclude", f"tag:{MODEL_GATE}", "resource_type:unit_test")
MODEL_SIDE = ("build", "--select", f"tag:{MODEL_GATE}")

Progress = Callable[
    [str, int, int | None, str], None
]  # the step, how much of it is done, of how much, with what


@dataclass
class Outcome:
    """What a run came to.

    Attributes
    ----------
    seconds : dict
        Wall time by step, in the order in which they ran.
    notes : dict
        What there is to say about a step, by step.
    evidence : dict
        The rows of the ledger that the gates of this run left, by step.
    stopped : GateStopped or None
        The gate that stopped the run.
    decision : Decision or None
        What was decided about the champion; None when the run was stopped.
    report : Path or None
    """

    run_date: datetime.date
    seconds: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, list[Row]] = field(default_factory=dict)
    stopped: GateStopped | None = None
    decision: Decision | None = None
    report: Path | None = None


@one_at_a_time("run")
def run(
    settings: Settings,
    run_date: datetime.date,
    progress: Progress = lambda *_: None,
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
    progress : callable, optional
        Takes how far each step is.
    file : Path, optional
        CSV or Parquet file with interactions; the sample when None.
    fixture : bool
        Load the small part of the sample that the tests use.

    Raises
    ------
    PipelineError
        When something broke. A gate that stops the run is no error: it is in the outcome.
    """
    from training_pipeline.source.loading import load

    outcome = Outcome(run_date)
    with _step(outcome, progress, "load") as advance:
        loaded = load(settings, file=file, fixture=fixture, on_progress=advance)
        outcome.notes["load"] = f"{loaded.rows:,} rows: {loaded.note}"
    return decide(settings, outcome, progress)


def decide(settings: Settings, outcome: Outcome, progress: Progress = lambda *_: None) -> Outcome:
    """Decide on the run date of the outcome with the rows that are loaded, and write its report; see `run`."""
    from training_pipeline.report.page import write_report

    try:
        _decide(settings, outcome, progress)
    except GateStopped as stopped:
        outcome.stopped = stopped
    with _step(outcome, progress, "report"):
        why = str(outcome.stopped) if outcome.stopped else None
        outcome.report = write_report(settings, outcome.run_date, why)
    return outcome


def _decide(settings: Settings, outcome: Outcome, progress: Progress) -> None:
    from training_pipeline.steps import past_days
    from training_pipeline.steps.evaluate import evaluate
    from training_pipeline.steps.promote import promote, reject
    from training_pipeline.steps.train import train

    def judge(step: str, side: tuple[str, ...]) -> None:
        def keep(rows: list[Row]) -> None:
            outcome.evidence[step] = rows

        with _step(outcome, progress, step) as advance:
            gate(settings, outcome.run_date, side, keep, advance)

    judge("data gates", DATA_SIDE)
    with _step(outcome, progress, "past days") as advance:
        outcome.notes["past days"] = past_days.judge(settings, outcome.run_date, advance)
    with _step(outcome, progress, "train"):
        model = train(settings, outcome.run_date)
        outcome.notes["train"] = f"model version {model.version}: {model.estimator} on {model.rows:,} rows"
    with _step(outcome, progress, "evaluate"):
        evaluate(settings, outcome.run_date)
    try:
        judge("model gates", MODEL_SIDE)
    except GateStopped as stopped:
        reject(settings, outcome.run_date, stopped)
        raise
    with _step(outcome, progress, "promote"):
        outcome.decision = promote(settings, outcome.run_date)


@contextmanager
def _step(outcome: Outcome, progress: Progress, name: str) -> Iterator[Callable[..., None]]:
    """Show a step while it runs and keep its wall time, also when it fails."""
    progress(name, 0, None, "")
    begin = time.perf_counter()

    def advance(done: int, total: int | None, what: str = "") -> None:
        progress(name, done, total, what)

    try:
        yield advance
    finally:
        outcome.seconds[name] = time.perf_counter() - begin
        progress(name, 1, 1, "")
