"""Metrics of predicted probabilities, each for many weightings of the same rows at once.

A metric takes labels and predictions, shape (n,), and weights, shape (r, n): how often each row counts in
each of r resamples. It returns shape (r,). All weights one is the plain metric; a bootstrap is many rows of
weights.

Examples
--------
>>> import numpy as np
>>> label, predicted = np.array([1, 0, 1]), np.array([0.9, 0.6, 0.4])
>>> plain = np.ones((1, 3))
>>> [round(float(metric(label, predicted, plain)[0]), 4) for metric in METRICS.values()]
[0.5, 0.646, 0.2433, 0.4333, 0.95]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Metric = Callable[[Integers, Floats, Floats], Floats]

CALIBRATION_BINS = 10


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


def calibration_error(label: Integers, predicted: Floats, weights: Floats) -> Floats:
    """Expected calibration error: mean |predicted - actual| over ten quantile bins. Best is 0.0.

    The bins are those of the rows as given, also for resamples; rows of equal prediction share a bin.
    Noise alone makes it positive, and more so in resamples: its interval lies rather high.
    """
    members = (calibration_bins(predicted)[:, None] == np.arange(CALIBRATION_BINS)).astype(np.float64)
    gaps = weights @ (members * (predicted - label)[:, None])
    return _ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))


def calibration_bins(predicted: Floats) -> Integers:
    """The quantile bin of each prediction, 0 to 9, shape (n,)."""
    edges = np.quantile(predicted, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1])
    return np.searchsorted(edges, predicted, side="left").astype(np.int64)


def predicted_over_actual(label: Integers, predicted: Floats, weights: Floats) -> Floats:
    """Mean prediction over mean outcome. Best is 1.0; NaN for a resample without a positive."""
    return _ratio(weights @ predicted, weights @ label.astype(np.float64))


def calibration_gap(label: Integers, predicted: Floats, weights: Floats) -> Floats:
    """|mean prediction - mean outcome| of a group of rows. Best is 0.0; NaN for an empty resample."""
    return np.abs(_ratio(weights @ (predicted - label), weights.sum(axis=1)))


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
    "calibration_error": calibration_error,
    "predicted_over_actual": predicted_over_actual,
}
SEGMENT_METRICS: Mapping[str, Metric] = {
    "calibration_gap": calibration_gap,
    "mean_predicted": mean_predicted,
    "actual_rate": actual_rate,
}


def advantage(metric: str, value: Floats, reference: Floats) -> Floats:
    """How much better `value` is than `reference`: positive is better, whatever the metric's own direction.

    auc: value - reference; predicted_over_actual: |reference - 1| - |value - 1|; the losses: reference -
    value.
    """
    if metric == "auc":
        return value - reference
    if metric == "predicted_over_actual":
        return np.abs(reference - 1) - np.abs(value - 1)
    return reference - value


def _ratio(top: Floats, bottom: Floats) -> Floats:
    quotient: Floats = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)
    return quotient
