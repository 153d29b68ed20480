"""Metrics against values worked out by hand and against scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from training_pipeline.model import metrics
from training_pipeline.model.metrics import METRICS

LABEL = np.array([1, 0, 1, 0])
PREDICTED = np.array([0.8, 0.6, 0.6, 0.1])
PLAIN = np.ones((1, 4))


def _sample(rows: int = 500, seed: int = 3) -> tuple[metrics.Integers, metrics.Floats]:
    generator = np.random.default_rng(seed)
    predicted = generator.integers(0, 50, rows) / 50  # many ties, and 0.0 among them
    return (generator.random(rows) < predicted).astype(np.int64), predicted


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("auc", 3.5 / 4),  # pairs (.8,.6) (.8,.1) (.6,.1) are right, (.6,.6) is a tie
        ("log_loss", -(math.log(0.8) + math.log(0.4) + math.log(0.6) + math.log(0.9)) / 4),
        ("brier", (0.04 + 0.36 + 0.16 + 0.01) / 4),
        ("predicted_over_actual", 2.1 / 2),
    ],
)
def test_value_by_hand(name: str, by_hand: float) -> None:
    assert METRICS[name](LABEL, PREDICTED, PLAIN)[0] == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("auc", reference.roc_auc_score),
        ("log_loss", reference.log_loss),
        ("brier", reference.brier_score_loss),
    ],
)
def test_value_of_scikit_learn(name: str, expected: object) -> None:
    label, predicted = _sample()
    assert callable(expected)
    assert METRICS[name](label, predicted, np.ones((1, 500)))[0] == pytest.approx(
        expected(label, predicted), rel=1e-12
    )


@pytest.mark.parametrize("name", ["auc", "log_loss", "brier", "predicted_over_actual"])
def test_weights_are_repetitions(name: str) -> None:
    label, predicted = _sample()
    counts = np.random.default_rng(5).integers(0, 4, (3, 500))
    repeated = [
        METRICS[name](np.repeat(label, row), np.repeat(predicted, row), np.ones((1, row.sum())))[0]
        for row in counts
    ]
    assert METRICS[name](label, predicted, counts.astype(np.float64)) == pytest.approx(repeated, rel=1e-12)


def test_undefined_is_nan_not_zero() -> None:
    only_positives = np.array([[1.0, 0.0, 1.0, 0.0]])
    assert np.isnan(metrics.auc(LABEL, PREDICTED, only_positives)[0])
    assert np.isnan(metrics.predicted_over_actual(LABEL, PREDICTED, 1 - only_positives)[0])
    assert np.isnan(metrics.mean_predicted(LABEL, PREDICTED, np.zeros((1, 4)))[0])


@pytest.mark.parametrize(
    ("metric", "better", "worse"),
    [("auc", 0.9, 0.8), ("log_loss", 0.3, 0.4), ("brier", 0.1, 0.2),
     ("predicted_over_actual", 0.98, 1.05), ("predicted_over_actual", 1.01, 0.9),
     ("calibration_slope", 1.1, 0.8), ("calibration_intercept", -0.1, 0.2)],
)  # fmt: skip
def test_advantage_is_positive_for_the_better(metric: str, better: float, worse: float) -> None:
    assert metrics.advantage(metric, np.array(better), np.array(worse)) > 0
    assert metrics.advantage(metric, np.array(worse), np.array(better)) < 0


def test_what_is_no_probability_is_counted_and_measured_as_wrong() -> None:
    predicted = np.array([1.2, -0.5, np.nan, np.inf])
    assert metrics.invalid(predicted) == 4
    assert metrics.invalid(np.array([0.0, 0.5, 1.0])) == 0
    assert metrics.usable(LABEL, predicted).tolist() == [1.0, 0.0, 0.0, 1.0]
