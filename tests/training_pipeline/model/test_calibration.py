"""Recalibration against coefficients that are known, and an interval of the calibration error that holds the truth."""

from __future__ import annotations

import numpy as np
import pytest

from training_pipeline.model import calibration
from training_pipeline.model.calibration import Floats, Integers

SIMULATIONS = 80


def _drawn(
    seed: int, rows: int = 2_000, shift: float = 0.0, stretch: float = 1.0
) -> tuple[Integers, Floats, Floats]:
    """Labels of a world whose logits are shift + stretch * the model's: label, predicted, true probability."""
    generator = np.random.default_rng(seed)
    logit = generator.normal(1, 1.5, rows)
    truth = 1 / (1 + np.exp(-(shift + stretch * logit)))
    return (generator.random(rows) < truth).astype(np.int64), 1 / (1 + np.exp(-logit)), truth


def _plain(rows: int) -> Floats:
    return np.ones((1, rows))


@pytest.mark.parametrize(("shift", "stretch"), [(0.0, 1.0), (np.log(1.3), 1.0), (0.0, 1.3), (-0.5, 0.7)])
def test_recalibration_finds_what_the_world_is_made_of(shift: float, stretch: float) -> None:
    label, predicted, _ = _drawn(seed=1, rows=200_000, shift=shift, stretch=stretch)
    assert calibration.slope(label, predicted, _plain(200_000))[0] == pytest.approx(stretch, abs=0.02)
    if stretch == 1.0:
        assert calibration.intercept(label, predicted, _plain(200_000))[0] == pytest.approx(shift, abs=0.02)


def test_one_step_for_a_resample_is_as_good_as_fitting_it_again() -> None:
    label, predicted, _ = _drawn(seed=2, rows=500)
    weights = np.random.default_rng(1).multinomial(500, np.full(500, 1 / 500), 20).astype(np.float64)
    for metric in (calibration.slope, calibration.intercept):
        again = []
        for row in weights.astype(int):
            repeated = np.repeat(label, row), np.repeat(predicted, row)
            again.append(metric(*repeated, _plain(500))[0])
        steps = metric(label, predicted, weights)
        assert np.abs(steps - again).max() < 0.3 * np.std(again)


def test_undefined_is_nan() -> None:
    label, predicted, _ = _drawn(seed=3, rows=50)
    assert np.isnan(calibration.intercept(np.ones_like(label), predicted, _plain(50))[0])
    assert np.isnan(calibration.slope(label, np.full(50, 0.4), _plain(50))[0])
    assert np.isnan(calibration.slope(label, 0.01 + label.astype(np.float64) * 0.98, _plain(50))[0]), (
        "the classes are parted"
    )
    only_one_class = label.astype(np.float64)[None, :]
    assert np.isnan(calibration.slope(label, predicted, only_one_class)[0])


def test_error_by_hand() -> None:
    # three bins: .1 against 0; both .6 against .5; .8 against 1
    label, predicted = np.array([1, 0, 1, 0]), np.array([0.8, 0.6, 0.6, 0.1])
    assert calibration.error(label, predicted, _plain(4))[0] == pytest.approx((0.1 + 2 * 0.1 + 0.2) / 4)


def test_equal_predictions_share_a_bin() -> None:
    # A base rate has one bin, in whatever order the rows come: its error is the one of the mean alone
    label = np.r_[np.ones(70), np.zeros(30)].astype(np.int64)
    assert calibration.error(label, np.full(100, 0.6), _plain(100))[0] == pytest.approx(0.1)


@pytest.mark.parametrize(("shift", "stretch"), [(0.0, 1.0), (-0.3, 1.0), (0.0, 0.6)])
@pytest.mark.parametrize("rows", [300])
def test_interval_of_the_error_covers_the_truth(rows: int, shift: float, stretch: float) -> None:
    covered = 0
    for seed in range(SIMULATIONS):
        label, predicted, truth = _drawn(seed, rows, shift, stretch)
        bins = calibration.bins(predicted)
        error = (
            sum(abs((predicted - truth)[bins == number].sum()) for number in range(calibration.BINS)) / rows
        )
        found = calibration.error_and_noise(label, predicted, seed=seed).interval
        covered += found.lower <= error <= found.upper
    assert covered >= 0.93 * SIMULATIONS, f"{covered} of {SIMULATIONS}"


def test_noise_is_the_error_of_a_perfect_model() -> None:
    errors, beyond = [], 0
    for seed in range(SIMULATIONS):
        label, predicted, _ = _drawn(seed, rows=300)
        found = calibration.error_and_noise(label, predicted, seed=seed)
        errors.append(found.interval.value)
        beyond += found.interval.value > found.noise.upper
        assert found.interval.lower <= found.interval.value <= found.interval.upper
    assert np.mean(errors) == pytest.approx(found.noise.value, rel=0.1)
    assert beyond <= 0.07 * SIMULATIONS, "the upper end is the 97.5 % quantile"


def test_shifted_odds_are_beyond_the_noise() -> None:
    label, predicted, _ = _drawn(seed=1, shift=-np.log(2))
    found = calibration.error_and_noise(label, predicted, seed=1)
    assert found.interval.value > 2 * found.noise.upper
    assert found.interval.lower > 0
