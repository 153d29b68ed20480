"""Measure the challenger on the test snapshot, against referees, the champion and the anchor on the same rows.

The anchor is the best champion of the last year: compared with it, small losses of one promotion after the
other add up.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
from dataclasses import dataclass

from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.model import comparability, estimators, metrics, referees
from training_pipeline.model.bootstrap import Interval
from training_pipeline.model.dataset import Dataset, Floats, split_by_time
from training_pipeline.model.measurement import Measurement, Reference
from training_pipeline.model.measuring import measure
from training_pipeline.model.metrics import METRICS
from training_pipeline.model.segments import WHOLE
from training_pipeline.registry import champion as champions
from training_pipeline.registry import fitness, loading
from training_pipeline.registry.challenger import challenger as challenger_of
from training_pipeline.registry.champion import Record
from training_pipeline.registry.history import Champion
from training_pipeline.registry.models import CHAMPION, Registered
from training_pipeline.roles import Role, acting_as
from training_pipeline.steps import serving_evidence
from training_pipeline.steps.rows import read
from training_pipeline.warehouse import ml_tables
from training_pipeline.warehouse.lock import one_at_a_time
from training_pipeline.warehouse.postgres import connect

ANCHOR = "anchor"

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


@acting_as(Role.EVALUATE)
@one_at_a_time("evaluate")
def evaluate(settings: Settings, run_date: dt.date) -> Evaluation:
    """Load the challenger from the registry, measure it on the test snapshot, write `ml.model_evaluation`.

    It is compared with the champion of its run date: of a past run date, the one that was promoted for it or for an
    earlier one. The rows of this run date and version are replaced in one transaction, so that evaluating twice
    changes nothing.

    Raises
    ------
    GateStopped
        `training_set` is not what the challenger was trained on: nobody has proven these rows. Or somebody has changed
        the registry by hand, or the files of a model.
    PipelineError
        There is no challenger of this run date, or a model cannot be loaded or applied.
    """
    challenger = challenger_of(settings, run_date)
    parts = split_by_time(read(settings, run_date))
    fitted, test = parts.fitted, parts.test
    _require_same_rows(challenger, fitted, test)

    predicted = loading.predict(settings, challenger, test.frame)
    references = referees.references(fitted, test)
    with champions.opened(settings) as record:
        record.require_agreement()
    champion = record.standing.as_of(run_date)
    if champion is not None:
        before = _Champions(settings, record, challenger, predicted, test)
        references[CHAMPION] = before.reference(champion)
        references[ANCHOR] = before.anchor(references[CHAMPION], run_date)
    with (
        loading.checked_files(settings, challenger) as files,
        fitness.probing(files, test.typed_frame) as probe,
    ):
        measured = measure(test, predicted, references, seed=estimators.SEED)
        found = probe.result()
    if found.trouble:
        logger.warning("version %s cannot be served: %s", challenger.version, found.trouble)
    measured += serving_evidence.measurements(found, predicted)
    evaluation = Evaluation(
        model_version=challenger.version,
        champion_version=champion.version if champion else None,
        snapshot_date=test.snapshots[0],
        measurements=measured,
    )
    _write(settings, run_date, challenger, evaluation)
    logger.info(
        "version %s on %s: %s",
        challenger.version,
        evaluation.snapshot_date,
        ", ".join(f"{name} {evaluation[name].value:.4f}" for name in METRICS),
    )
    return evaluation


@dataclass(frozen=True)
class _Champions:
    """The champions until now, on the challenger's test snapshot."""

    settings: Settings
    record: Record
    challenger: Registered
    predicted: Floats
    test: Dataset

    def reference(self, champion: Champion) -> Reference:
        """The predictions of a champion, or why they cannot be compared.

        Raises
        ------
        PipelineError
            It serves now, and cannot be loaded or applied.
        """
        try:
            return self._predictions(champion)
        except PipelineError as error:  # the files of a champion that serves no more may be gone
            present = self.record.standing.present
            if present is not None and champion.version == present.version:
                raise type(error)(f"{error}, or {self.record.ways_out()}") from error
            logger.warning("version %s is not comparable: %s", champion.version, error)
            return Reference(None, champion.version, note=str(error))

    def anchor(self, champion: Reference, run_date: dt.date) -> Reference:
        """Of the comparable champions of the year before the run date the one of the lowest log loss."""
        past = self.record.standing.champions
        versions = comparability.past_champions([(one.version, one.since) for one in past], run_date)
        once = self.record.standing.once
        others = [self.reference(once[version]) for version in versions if version != champion.version]
        best = min([champion, *others], key=self._log_loss)
        return Reference(best.predicted, best.version, note=best.note)

    def _predictions(self, champion: Champion) -> Reference:
        if champion.version == self.challenger.version:
            return Reference(self.predicted, champion.version, by_segment=True)
        model = champions.registered(self.settings, champion)
        note = comparability.overlap(model.version, model.tags, self.test.snapshots[0])
        if note is None:
            predicted = loading.predict(self.settings, model, self.test.frame)
            if not (invalid := metrics.invalid(predicted)):
                return Reference(predicted, model.version, by_segment=True)
            note = f"version {model.version} gives no probability for {invalid} of {len(predicted)} rows"
        logger.warning("champion not comparable: %s", note)
        return Reference(None, champion.version, note=note)

    def _log_loss(self, reference: Reference) -> float:
        if reference.predicted is None:
            return math.inf
        return float(metrics.log_losses(self.test.label, reference.predicted).mean())


def _require_same_rows(challenger: Registered, fitted: Dataset, test: Dataset) -> None:
    for part, dataset in (("data_fingerprint", fitted), ("test_fingerprint", test)):
        expected, found = challenger.tags[part], dataset.fingerprint()
        if expected != found:
            raise GateStopped(
                f"evaluation stopped: training_set has changed since version {challenger.version} was "
                f"trained, {part} was {expected[:12]} and is {found[:12]}. Build the data and train again."
            )


def _write(settings: Settings, run_date: dt.date, model: Registered, evaluation: Evaluation) -> None:
    """Replace the rows of this run date and version, in one transaction."""
    about = (run_date, model.name, model.version, model.digest, evaluation.snapshot_date)
    rows = [(*about, *row_of(measurement)) for measurement in evaluation.measurements]
    with connect(settings) as connection, connection.transaction(), connection.cursor() as cursor:
        ml_tables.ensure(connection)
        cursor.execute(
            "delete from ml.model_evaluation where run_date = %s and model_name = %s and model_version = %s",
            (run_date, model.name, model.version),
        )
        cursor.executemany(ml_tables.INSERT_EVALUATION, rows)


def row_of(measurement: Measurement) -> tuple[object, ...]:
    """The columns of `ml.model_evaluation` from metric on, as `ml_tables.INSERT_EVALUATION` takes them."""
    return (
        measurement.metric,
        measurement.segment,
        *_bounds(measurement.value),
        measurement.sample_size,
        measurement.reference,
        measurement.reference_version,
        *_bounds(measurement.reference_value),
        *_bounds(measurement.difference),
        measurement.status,
        measurement.note,
    )


def _bounds(interval: Interval | None) -> tuple[float | None, float | None, float | None]:
    """Value, lower and upper bound, with NULL for what is undefined."""
    if interval is None:
        return None, None, None
    value, lower, upper = (
        None if math.isnan(x) else x for x in (interval.value, interval.lower, interval.upper)
    )
    return value, lower, upper
