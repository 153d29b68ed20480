"""Whether probabilities mean what they say: logistic recalibration, and calibration error beside its own noise.

Recalibration asks which logit(actual) = intercept + slope * logit(predicted) the outcomes support (Cox, Two
further applications of a model for binary regression, Biometrika 45, 1958). A calibrated model has intercept
0 at slope 1, and slope 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training_pipeline.model import bootstrap
from training_pipeline.model.bootstrap import Interval

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BINS = 10
_STEPS = 50
_FARTHEST = 20.0  # an intercept or slope beyond it has no maximum of the likelihood: the classes are apart
_NEAREST = 1e-6  # predictions are kept this far off 0 and 1, where a logit is infinite


def intercept(label: Integers, predicted: Floats, weights: Floats) -> Floats:
    """How far all logits are off, at slope 1, shape (r,). Best is 0.0; positive: the model predicts too little.

    NaN for a resample that has one class only.
    """
    offset = _logit(predicted)
    coefficients = _recalibrated(label, offset, np.ones((len(label), 1)), weights)
    return coefficients[:, 0]


def slope(label: Integers, predicted: Floats, weights: Floats) -> Floats:
    """How the spread of the logits has to change, shape (r,). Best is 1.0; below: the model is too sure.

    NaN for a resample of one class only, or when all predictions are equal, or when they part the classes.
    """
    logit = _logit(predicted)
    if np.ptp(logit) == 0:
        return np.full(len(weights), np.nan)
    coefficients = _recalibrated(label, np.zeros(len(label)), np.c_[np.ones(len(label)), logit], weights)
    return coefficients[:, 1]


def error(label: Integers, predicted: Floats, weights: Floats) -> Floats:
    """Expected calibration error: mean |predicted - actual| over ten quantile bins, shape (r,). Best is 0.0.

    The bins are made from the given rows and kept for resamples; rows of equal prediction share a bin.
    """
    gaps = weights @ (_members(predicted) * (predicted - label)[:, None])
    errors: Floats = np.abs(gaps).sum(axis=1) / weights.sum(axis=1)
    return errors


def bins(predicted: Floats) -> Integers:
    """The quantile bin of each prediction, 0 to 9, shape (n,)."""
    edges = np.quantile(predicted, np.linspace(0, 1, BINS + 1)[1:-1])
    return np.searchsorted(edges, predicted, side="left").astype(np.int64)


@dataclass(frozen=True)
class Error:
    """The calibration error of some rows beside the noise that it consists of.

    Attributes
    ----------
    interval : holds the true error in at least 95 % of cases. The error is a norm of the gaps of the bins, so
        it is off by no more than the norm of their noise: the value less and plus the 95 % quantile of that
    noise : the error of a perfect model with these predictions: mean, 2.5 % and 97.5 % quantile
    """

    interval: Interval
    noise: Interval


def error_and_noise(label: Integers, predicted: Floats, seed: int) -> Error:
    """The calibration error, its interval, and its distribution when labels are drawn from the predictions."""
    rows = len(label)
    members = _members(predicted)
    gaps = (predicted - label) @ members / rows
    value = float(np.abs(gaps).sum())
    shifts = np.concatenate(
        [
            np.abs(weights @ (members * (predicted - label)[:, None]) / rows - gaps).sum(axis=1)
            for weights in bootstrap.resamples(rows, seed)
        ]
    )
    # a bin whose labels are all alike does not vary in resamples; labels drawn from the predictions do
    drawn = _drawn_errors(predicted, members, seed)
    reach = float(np.quantile(np.maximum(np.sort(shifts), np.sort(drawn)), bootstrap.COVERAGE))
    lower, upper = np.quantile(drawn, [(1 - bootstrap.COVERAGE) / 2, (1 + bootstrap.COVERAGE) / 2])
    return Error(
        interval=Interval(value, max(0.0, value - reach), min(1.0, value + reach)),
        noise=Interval(float(drawn.mean()), float(lower), float(upper)),
    )


def _drawn_errors(predicted: Floats, members: Floats, seed: int) -> Floats:
    """The errors of a perfect model, shape (r,): labels drawn from the predictions."""
    generator = np.random.default_rng(seed)
    rows = len(predicted)
    errors = []
    for size in bootstrap.block_sizes(rows):
        label = generator.random((size, rows)) < predicted
        errors.append(np.abs((predicted - label) @ members).sum(axis=1) / rows)
    return np.concatenate(errors)


def _members(predicted: Floats) -> Floats:
    members: Floats = (bins(predicted)[:, None] == np.arange(BINS)).astype(np.float64)
    return members


def _logit(predicted: Floats) -> Floats:
    inside = np.clip(predicted, _NEAREST, 1 - _NEAREST)
    logit: Floats = np.log(inside) - np.log1p(-inside)
    return logit


def _recalibrated(label: Integers, offset: Floats, columns: Floats, weights: Floats) -> Floats:
    """The coefficients of a logistic regression for each resample, shape (r, k).

    Newton's method on the rows as they are, then one step of it for each resample: the difference to more
    steps is of the order of 1/n.
    """
    count = columns.shape[1]
    undefined = np.full((len(weights), count), np.nan)
    start = _maximum(label, offset, columns)
    if start is None:
        return undefined
    fitted = _sigmoid(offset + columns @ start)
    products = np.einsum("ni,nj->nij", columns, columns).reshape(len(label), -1)
    score = weights @ (columns * (label - fitted)[:, None])
    information = (weights @ (products * (fitted * (1 - fitted))[:, None])).reshape(-1, count, count)
    positive, total = weights @ label, weights.sum(axis=1)
    usable = (positive > 0) & (positive < total) & (np.linalg.matrix_rank(information) == count)
    undefined[usable] = start + np.linalg.solve(information[usable], score[usable][..., None])[..., 0]
    return undefined


def _maximum(label: Integers, offset: Floats, columns: Floats) -> Floats | None:
    """Where the likelihood of the rows as they are is largest; None where it is nowhere."""
    if len(np.unique(label)) < 2:
        return None
    coefficients = np.zeros(columns.shape[1])
    for _ in range(_STEPS):
        fitted = _sigmoid(offset + columns @ coefficients)
        information = (columns * (fitted * (1 - fitted))[:, None]).T @ columns
        if np.linalg.matrix_rank(information) < len(coefficients):
            return None
        step = np.linalg.solve(information, columns.T @ (label - fitted))
        # steps of at most 1 cannot jump over the maximum and back for ever
        coefficients = coefficients + step / max(1.0, float(np.abs(step).max()))
        if np.abs(coefficients).max() > _FARTHEST:
            return None
        if np.abs(step).max() < 1e-9:
            return coefficients
    return None


def _sigmoid(logit: Floats) -> Floats:
    probability: Floats = 0.5 * (1 + np.tanh(logit / 2))
    return probability
