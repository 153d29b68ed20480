"""Metrics of predicted probabilities, each for many weightings of the same rows at once.

A metric takes labels and predictions, shape (n,), and weights, shape (r, n): how often each row counts in
each of r resamples. It returns shape (r,). All weights one is the plain metric; a bootstrap is many rows of
weights.

Examples
--------
>>> import numpy as np
>>> label, predicted = np.array([1, 0, 1]), np.array([0.9, 0.6, 0.4])
>>> plain = np.ones((1, 3))
>>> for name, metric in METRICS.items():
...     print(name, round(float(metric(label, predicted, plain)[0]), 4))
auc 0.5
log_loss 0.646
brier 0.2433
predicted_over_actual 0.95
calibration_slope 0.4434
calibration_intercept 0.1777
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from training_pipeline.model import calibration

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Metric = Callable[[Integers, Floats, Floats], Floats]


def auc(label: Integers, predicted: Floats, weights: Floats) -> Floats:
    """Area under the ROC curve: the share of (1, 0) pairs ranked rightly, ties counting half. Best is 1.0.

    NaN for a resample that has one class only.
    """
    order = np.argsort(predicted, kind="stable")
    ranked = predicted[order]
    positive, negative = weights[:, order] * label[order], weights[:, order] * (1 - label[order])
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    if len(starts) < len(ranked):
        positive = np.add.reduceat(positive, starts, axis=1)
        negative = np.add.reduceat(negative, starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return _ratio(np.einsum("ij,ij->i", positive, below + negative / 2), pairs)


def log_loss(label: Integers, predicted: Floats, weights: Floats) -> Floats:
    """Mean negative log-likelihood in nats. Best is 0.0."""
    return _ratio(weights @ log_losses(label, predicted), weights.sum(axis=1))


def log_losses(label: Integers, predicted: Floats) -> Floats:
    """The log loss of each row, shape (n,), with probabilities kept off 0 and 1 by the spacing of doubles."""
    spacing = float(np.finfo(np.float64).eps)
    likelihood = np.clip(np.where(label == 1, predicted, 1 - predicted), spacing, 1 - spacing)
    losses: Floats = -np.log(likelihood)
    return losses


def brier(label: Integers, predicted: Floats, weights: Floats) -> Floats:
    """Mean squared difference of probability and outcome. Best is 0.0."""
    return _ratio(weights @ (predicted - label) ** 2, weights.sum(axis=1))


def predicted_over_actual(label: Integers, predicted: Floats, weights: Floats) -> Floats:
    """Mean prediction over mean outcome. Best is 1.0; NaN for a resample without a positive."""
    return _ratio(weights @ predicted, weights @ label.astype(np.float64))


def mean_predicted(_label: Integers, predicted: Floats, weights: Floats) -> Floats:
    """Mean prediction of a group of rows; NaN for an empty resample."""
    return _ratio(weights @ predicted, weights.sum(axis=1))


def actual_rate(label: Integers, _predicted: Floats, weights: Floats) -> Floats:
    """Share of label 1 in a group of rows; NaN for an empty resample."""
    return _ratio(weights @ label.astype(np.float64), weights.sum(axis=1))


METRICS: Mapping[str, Metric] = {
    "auc": auc,
    "log_loss": log_loss,
    "brier": brier,
    "predicted_over_actual": predicted_over_actual,
    "calibration_slope": calibration.slope,
    "calibration_intercept": calibration.intercept,
}
SEGMENT_METRICS: Mapping[str, Metric] = {
    "mean_predicted": mean_predicted,
    "actual_rate": actual_rate,
}
_BEST = {"predicted_over_actual": 1.0, "calibration_slope": 1.0, "calibration_intercept": 0.0}


def advantage(metric: str, value: Floats, reference: Floats) -> Floats:
    """How much better `value` is than `reference`: positive is better, whatever the metric's own direction.

    auc: value - reference; a metric with a best value inside its range (predicted_over_actual and
    calibration_slope: 1, calibration_intercept: 0): how much nearer to it; the losses: reference - value.
    """
    if metric == "auc":
        return value - reference
    if metric in _BEST:
        return np.abs(reference - _BEST[metric]) - np.abs(value - _BEST[metric])
    return reference - value


def logit(predicted: Floats) -> Floats:
    """Log odds of each prediction, shape (n,), finite: predictions are kept off 0 and 1 as in `log_losses`."""
    spacing = float(np.finfo(np.float64).eps)
    inside = np.clip(predicted, spacing, 1 - spacing)
    odds: Floats = np.log(inside) - np.log1p(-inside)
    return odds


def usable(label: Integers, predicted: Floats) -> Floats:
    """Predictions that every metric takes: beyond [0, 1] they are moved to its ends; no number counts as wrong."""
    inside: Floats = np.clip(np.where(np.isfinite(predicted), predicted, 1.0 - label), 0.0, 1.0)
    return inside


def invalid(predicted: Floats) -> int:
    """How many predictions are no probabilities: outside [0, 1], NaN or infinite. Best is 0."""
    return int((~((predicted >= 0) & (predicted <= 1))).sum())


def _ratio(top: Floats, bottom: Floats) -> Floats:
    quotient: Floats = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)
    return quotient
