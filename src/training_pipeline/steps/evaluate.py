"""Measure the challenger on the test snapshot, against simple baselines and the champion on the same rows."""

from __future__ import annotations

import datetime as dt
import logging
import math
from dataclasses import dataclass

from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped
from training_pipeline.model import estimators
from training_pipeline.model import referees as baselines
from training_pipeline.model.bootstrap import Interval
from training_pipeline.model.dataset import Dataset, split_by_time
from training_pipeline.model.measuring import NO_REFERENCE, Measurement, measure
from training_pipeline.model.metrics import METRICS
from training_pipeline.model.segments import WHOLE
from training_pipeline.registry import models as registry
from training_pipeline.registry.models import Registered
from training_pipeline.steps.rows import read
from training_pipeline.warehouse import ml_tables
from training_pipeline.warehouse.postgres import connect

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """What was measured, and of what."""

    model_version: str
    champion_version: str | None
    snapshot_date: dt.date
    measurements: list[Measurement]

    def __getitem__(self, metric: str) -> Interval:
        """The challenger's own value of a metric on the whole test snapshot."""
        return next(row.value for row in self.measurements if row.metric == metric and row.segment == WHOLE)


def evaluate(settings: Settings, run_date: dt.date) -> Evaluation:
    """Load the challenger from the registry, measure it on the test snapshot, write `ml.model_evaluation`.

    The rows of this run date and version are replaced in one transaction, so that evaluating twice changes
    nothing.

    Raises
    ------
    GateStopped
        `training_set` is not what the challenger was trained on: nobody has proven these rows.
    PipelineError
        There is no challenger of this run date, or a model cannot be loaded or applied.
    """
    challenger = registry.challenger(settings, run_date)
    parts = split_by_time(read(settings, run_date))
    fitted, test = parts.fitted, parts.test
    _require_same_rows(challenger, fitted, test)

    champion = registry.with_alias(settings, registry.CHAMPION)
    predictions = {NO_REFERENCE: registry.predict(settings, challenger, test.frame)}
    if champion is not None:
        predictions[registry.CHAMPION] = (
            predictions[NO_REFERENCE]
            if champion.version == challenger.version
            else registry.predict(settings, champion, test.frame)
        )
    predictions |= baselines.predict(fitted, test)
    versions = {registry.CHAMPION: champion.version} if champion else {}
    evaluation = Evaluation(
        model_version=challenger.version,
        champion_version=champion.version if champion else None,
        snapshot_date=test.snapshots[0],
        measurements=measure(test, predictions, versions, seed=estimators.SEED),
    )
    _write(settings, run_date, challenger.name, evaluation)
    logger.info(
        "version %s on %s: %s",
        challenger.version,
        evaluation.snapshot_date,
        ", ".join(f"{name} {evaluation[name].value:.4f}" for name in METRICS),
    )
    return evaluation


def _require_same_rows(challenger: Registered, fitted: Dataset, test: Dataset) -> None:
    for part, dataset in (("data_fingerprint", fitted), ("test_fingerprint", test)):
        expected, found = challenger.tags[part], dataset.fingerprint()
        if expected != found:
            raise GateStopped(
                f"evaluation stopped: training_set has changed since version {challenger.version} was "
                f"trained, {part} was {expected[:12]} and is {found[:12]}. Build the data and train again."
            )


def _write(settings: Settings, run_date: dt.date, model_name: str, evaluation: Evaluation) -> None:
    """Replace the rows of this run date and version, in one transaction."""
    rows = [
        (
            run_date,
            model_name,
            evaluation.model_version,
            evaluation.snapshot_date,
            row.metric,
            row.segment,
            *_bounds(row.value),
            row.sample_size,
            row.reference,
            row.reference_version,
            *_bounds(row.reference_value),
            *_bounds(row.difference),
        )
        for row in evaluation.measurements
    ]
    with connect(settings) as connection, connection.transaction(), connection.cursor() as cursor:
        ml_tables.ensure(connection)
        cursor.execute(
            "delete from ml.model_evaluation where run_date = %s and model_name = %s and model_version = %s",
            (run_date, model_name, evaluation.model_version),
        )
        # evaluated_at is the database's clock, as recorded_at in the ledger: promotion compares the two
        cursor.executemany(
            "insert into ml.model_evaluation values"
            f" (%s, %s, %s, %s, transaction_timestamp(){', %s' * (len(rows[0]) - 4)})",
            rows,
        )


def _bounds(interval: Interval | None) -> tuple[float | None, float | None, float | None]:
    """Value, lower and upper bound, with NULL for what is undefined."""
    if interval is None:
        return None, None, None
    value, lower, upper = (
        None if math.isnan(x) else x for x in (interval.value, interval.lower, interval.upper)
    )
    return value, lower, upper
