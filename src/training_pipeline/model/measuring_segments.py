"""Measure predictions in each segment, with intervals that hold in all segments at once. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from training_pipeline.model import bootstrap, metrics
from training_pipeline.model.bootstrap import Interval
from training_pipeline.model.dataset import Dataset, Floats, Integers
from training_pipeline.model.measurement import MEASURED, NO_REFERENCE, UNDECIDED, Measurement, Reference
from training_pipeline.model.metrics import SEGMENT_METRICS, Metric
from training_pipeline.model.segments import MIN_SIZE, Mask, segments, tenths


@dataclass(frozen=True)
class _Mean:
    """A mean over customers that is asked for in each segment.

    Attributes
    ----------
    values : of each row, shape (n,)
    variance : of each value if labels were drawn from the predictions, shape (n,)
    """

    values: Floats
    variance: Floats


def by_segment(
    test: Dataset, predicted: Floats, references: Mapping[str, Reference], seed: int
) -> list[Measurement]:
    """Rows of each segment: calibration, and log loss against each reference that asks for segments.

    Parameters
    ----------
    test : the rows that are predicted, n of them
    predicted : the challenger's probabilities, shape (n,)
    references : by name; their predictions are probabilities
    seed : of the resamples
    """
    groups = segments(test)
    label = test.label
    gap = _Mean(predicted - label, predicted * (1 - predicted))
    rows = [
        *_described(label, predicted, groups | tenths(predicted), seed),
        *(
            _row("calibration_gap", segment, _distance(interval), groups[segment])
            for segment, interval in _simultaneous(gap, groups, seed).items()
        ),
    ]
    losses = metrics.log_losses(label, predicted)
    for name, reference in references.items():
        if reference.by_segment and reference.predicted is not None:
            gain = _gain(label, predicted, reference.predicted)
            for segment, interval in _simultaneous(gain, groups, seed).items():
                rows.append(_against(name, reference, segment, interval, losses, groups[segment]))
    return rows


def _described(
    label: Integers, predicted: Floats, groups: Mapping[str, Mask], seed: int
) -> Iterator[Measurement]:
    """What a calibration chart shows of each group, with intervals that hold for one group."""
    statistics = {
        (name, segment): _of(metric, label[members], predicted[members], members)
        for name, metric in SEGMENT_METRICS.items()
        for segment, members in groups.items()
    }
    for (name, segment), sampled in bootstrap.sample(statistics, rows=len(label), seed=seed).items():
        yield _row(name, segment, sampled.interval, groups[segment])


def _gain(label: Integers, predicted: Floats, reference: Floats) -> _Mean:
    """How much less each row loses than with the reference's prediction, in nats."""
    return _Mean(
        metrics.log_losses(label, reference) - metrics.log_losses(label, predicted),
        predicted * (1 - predicted) * (metrics.logit(predicted) - metrics.logit(reference)) ** 2,
    )


def _simultaneous(mean: _Mean, groups: Mapping[str, Mask], seed: int) -> dict[str, Interval]:
    samples = bootstrap.sample(
        {segment: _mean_of(mean.values, members) for segment, members in groups.items()},
        rows=len(mean.values),
        seed=seed,
    )
    floors = {
        segment: math.sqrt(float(mean.variance[members].sum())) / max(int(members.sum()), 1)
        for segment, members in groups.items()
    }
    return bootstrap.simultaneous(samples, floors)


def _against(
    name: str, reference: Reference, segment: str, gain: Interval, losses: Floats, members: Mask
) -> Measurement:
    loss = float(losses[members].mean()) if members.any() else math.nan
    return _row(
        "log_loss", segment, _point(loss), members,
        reference=name,
        version=reference.version,
        reference_value=_point(loss + gain.value),
        difference=gain,
    )  # fmt: skip


def _row(
    metric: str,
    segment: str,
    value: Interval,
    members: Mask,
    *,
    reference: str = NO_REFERENCE,
    version: str | None = None,
    reference_value: Interval | None = None,
    difference: Interval | None = None,
) -> Measurement:
    size = int(members.sum())
    few = size < MIN_SIZE
    return Measurement(
        metric, segment, value, size, reference, version, reference_value, difference,
        status=UNDECIDED if few else MEASURED,
        note=f"{size} customers; {MIN_SIZE} are needed" if few else None,
    )  # fmt: skip


def _distance(signed: Interval) -> Interval:
    """The interval of |x| from the interval of x."""
    if math.isnan(signed.lower):
        return Interval(abs(signed.value), math.nan, math.nan)
    ends = abs(signed.lower), abs(signed.upper)
    return Interval(abs(signed.value), 0.0 if signed.lower <= 0 <= signed.upper else min(ends), max(ends))


def _point(value: float) -> Interval:
    return Interval(value, math.nan, math.nan)


def _mean_of(values: Floats, members: Mask) -> Callable[[Floats], Floats]:
    """The mean of the members' values as a function of the weights of all rows; NaN without a member."""
    inside = members.astype(np.float64)
    total = values * inside

    def mean(weights: Floats) -> Floats:
        count = weights @ inside
        found: Floats = np.divide(weights @ total, count, out=np.full(len(count), np.nan), where=count > 0)
        return found

    return mean


def _of(metric: Metric, label: Integers, predicted: Floats, members: Mask) -> Callable[[Floats], Floats]:
    """A metric of the members as a function of the weights of all rows."""
    return lambda weights: metric(label, predicted, weights[:, members])
