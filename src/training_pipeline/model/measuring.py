"""Measure predictions on a snapshot: alone, against references on the same rows, and by segment. No I/O."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

from training_pipeline.model import bootstrap, calibration, metrics
from training_pipeline.model.bootstrap import Interval, Sampled
from training_pipeline.model.dataset import Dataset, Floats, Integers
from training_pipeline.model.measurement import (
    MEASURED,
    NO_REFERENCE,
    NOT_COMPARABLE,
    OWN_NOISE,
    UNDECIDED,
    Measurement,
    Reference,
)
from training_pipeline.model.measuring_segments import by_segment
from training_pipeline.model.metrics import METRICS, Metric, advantage
from training_pipeline.model.segments import WHOLE


def measure(
    test: Dataset, predicted: Floats, references: Mapping[str, Reference], seed: int
) -> list[Measurement]:
    """Measure the challenger and its references on the same resamples of customers.

    Parameters
    ----------
    test : the rows that are predicted, n of them
    predicted : the challenger's probabilities, shape (n,); what is none is counted, and measured as wrong
    references : by name
    seed : of the resamples
    """
    usable = metrics.usable(test.label, predicted)
    rivals = {
        name: reference
        if reference.predicted is None
        else dataclasses.replace(reference, predicted=metrics.usable(test.label, reference.predicted))
        for name, reference in references.items()
    }
    return [
        *_fitness(test, predicted),
        *_whole(test, usable, rivals, seed),
        *by_segment(test, usable, rivals, seed),
    ]


def _fitness(test: Dataset, predicted: Floats) -> list[Measurement]:
    """What has to hold before any other number means something."""
    positive = int(test.label.sum())
    counts = {
        "invalid_predictions": metrics.invalid(predicted),
        "smaller_class": min(positive, len(test) - positive),
    }
    return [
        Measurement(name, WHOLE, Interval(count, math.nan, math.nan), len(test))
        for name, count in counts.items()
    ]


def _whole(
    test: Dataset, predicted: Floats, references: Mapping[str, Reference], seed: int
) -> list[Measurement]:
    label, rows = test.label, len(test)
    statistics = {(name, NO_REFERENCE): _of(metric, label, predicted) for name, metric in METRICS.items()}
    for model, reference in references.items():
        if reference.predicted is not None:
            statistics |= {
                (name, model): _of(metric, label, reference.predicted) for name, metric in METRICS.items()
            }
    samples = bootstrap.sample(statistics, rows=rows, seed=seed)
    error = calibration.error_and_noise(label, predicted, seed)
    return [
        *(_alone(name, label, samples[name, NO_REFERENCE].interval) for name in METRICS),
        *(
            _compared(name, rows, samples[name, NO_REFERENCE], model, reference, samples.get((name, model)))
            for name in METRICS
            for model, reference in references.items()
        ),
        Measurement("calibration_error", WHOLE, error.interval, rows),
        Measurement(
            "calibration_error", WHOLE, error.interval, rows, OWN_NOISE, reference_value=error.noise,
            note="labels drawn from the predictions: a perfect model with these predictions",
        ),
    ]  # fmt: skip


def _alone(metric: str, label: Integers, value: Interval) -> Measurement:
    status, note = (MEASURED, None) if not math.isnan(value.value) else (UNDECIDED, _what_is_needed(label))
    return Measurement(metric, WHOLE, value, len(label), status=status, note=note)


def _compared(
    metric: str,
    rows: int,
    challenger: Sampled,
    name: str,
    reference: Reference,
    sampled: Sampled | None,
) -> Measurement:
    if sampled is None:
        return Measurement(
            metric, WHOLE, challenger.interval, rows, name, reference.version,
            status=NOT_COMPARABLE, note=reference.note,
        )  # fmt: skip
    better = Sampled(
        value=float(advantage(metric, np.array(challenger.value), np.array(sampled.value))),
        resampled=advantage(metric, challenger.resampled, sampled.resampled),
    ).interval
    undefined = math.isnan(better.value)
    return Measurement(
        metric, WHOLE, challenger.interval, rows, name, reference.version, sampled.interval, better,
        status=UNDECIDED if undefined else MEASURED,
        note=f"{metric} is undefined here" if undefined else reference.note,
    )  # fmt: skip


def _what_is_needed(label: Integers) -> str:
    if len(np.unique(label)) < 2:
        return f"customers of both labels are needed; all {len(label)} are {label[0]}"
    return f"predictions that differ, and do not part the labels, are needed; customers: {len(label)}"


def _of(metric: Metric, label: Integers, predicted: Floats) -> Callable[[Floats], Floats]:
    """A metric of all rows as a function of their weights."""
    return lambda weights: metric(label, predicted, weights)
