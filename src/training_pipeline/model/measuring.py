"""Measure predictions on a snapshot: alone, against references on the same rows, and by segment. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from training_pipeline.model import bootstrap
from training_pipeline.model.bootstrap import Interval, Sampled
from training_pipeline.model.dataset import Dataset, Floats
from training_pipeline.model.metrics import METRICS, SEGMENT_METRICS, Metric, advantage
from training_pipeline.model.segments import WHOLE, Mask, segments

NO_REFERENCE = "none"


@dataclass(frozen=True)
class Measurement:
    """One row of `ml.model_evaluation`: a metric of the challenger and, where there is one, of a reference.

    Attributes
    ----------
    difference : how much better the challenger is than the reference; positive is better for every metric,
        see `metrics.advantage`
    """

    metric: str
    segment: str
    value: Interval
    sample_size: int
    reference: str = NO_REFERENCE
    reference_version: str | None = None
    reference_value: Interval | None = None
    difference: Interval | None = None


def measure(
    test: Dataset, predictions: Mapping[str, Floats], versions: Mapping[str, str], seed: int
) -> list[Measurement]:
    """Measure the challenger and its references on the same resamples of customers.

    Parameters
    ----------
    test : the rows that are predicted, n of them
    predictions : probabilities, shape (n,), of the challenger under 'none' and of each reference under its
        name
    versions : of the references that are registered models, by the reference's name
    seed : of the resamples
    """
    challenger = predictions[NO_REFERENCE]
    groups = segments(test, challenger)
    everyone = np.ones(len(test), dtype=np.bool_)
    statistics: dict[tuple[str, str], Callable[[Floats], Floats]] = {}
    for name, metric in METRICS.items():
        for model, predicted in predictions.items():
            statistics[name, model] = _of(metric, test, predicted, everyone)
    for name, metric in SEGMENT_METRICS.items():
        for segment, members in groups.items():
            statistics[name, segment] = _of(metric, test, challenger, members)
    samples = bootstrap.sample(statistics, rows=len(test), seed=seed)

    whole = [
        Measurement(
            name,
            WHOLE,
            samples[name, NO_REFERENCE].interval,
            len(test),
            reference=model,
            reference_version=versions.get(model),
            **_comparison(
                name, samples[name, NO_REFERENCE], samples[name, model] if model != NO_REFERENCE else None
            ),
        )
        for name in METRICS
        for model in predictions
    ]
    parts = [
        Measurement(name, segment, samples[name, segment].interval, int(members.sum()))
        for name in SEGMENT_METRICS
        for segment, members in groups.items()
    ]
    return whole + parts


def _comparison(metric: str, challenger: Sampled, reference: Sampled | None) -> dict[str, Interval | None]:
    if reference is None:
        return {"reference_value": None, "difference": None}
    better = Sampled(
        value=float(advantage(metric, np.array(challenger.value), np.array(reference.value))),
        resampled=advantage(metric, challenger.resampled, reference.resampled),
    )
    return {"reference_value": reference.interval, "difference": better.interval}


def _of(metric: Metric, test: Dataset, predicted: Floats, members: Mask) -> Callable[[Floats], Floats]:
    """A metric of some of the rows as a function of the weights of all rows."""
    label, predicted = test.label[members], predicted[members]
    return lambda weights: metric(label, predicted, weights[:, members])
