"""Intervals that say how far a metric would move with other customers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from training_pipeline.model import bootstrap
from training_pipeline.model.bootstrap import Floats, Sampled


def _mean_of(values: Floats) -> Callable[[Floats], Floats]:
    return lambda weights: weights @ values / len(values)


def _mean(values: Floats) -> Sampled:
    return bootstrap.sample({"mean": _mean_of(values)}, rows=len(values), seed=1)["mean"]


def test_each_resample_draws_as_many_rows_as_there_are() -> None:
    blocks = list(bootstrap.resamples(rows=37, seed=1, count=20))
    assert [block.sum(axis=1).tolist() for block in blocks] == [[37.0] * 20]


def test_resamples_do_not_depend_on_how_many_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(bootstrap.resamples(rows=50, seed=4, count=30)))
    monkeypatch.setattr(bootstrap, "_CELLS_AT_ONCE", 50 * 7)
    assert np.array_equal(np.concatenate(list(bootstrap.resamples(rows=50, seed=4, count=30))), whole)


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(0).normal(size=100)
    assert _mean(values).interval == _mean(values).interval


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    # 300 samples of 200 customers, true rate 0.3: 95 % of the intervals hold it, give or take 2.8 standard
    # errors
    samples = (np.random.default_rng(11).random((300, 200)) < 0.3).astype(np.float64)
    statistics = {number: _mean_of(values) for number, values in enumerate(samples)}
    found = [sampled.interval for sampled in bootstrap.sample(statistics, rows=200, seed=1).values()]
    covered = sum(interval.lower <= 0.3 <= interval.upper for interval in found)
    assert 0.95 - 0.035 <= covered / 300 <= 0.95 + 0.035


def test_interval_of_a_mean_is_that_of_theory() -> None:
    values = np.random.default_rng(2).normal(size=2_000)
    found = _mean(values).interval
    assert found.upper - found.lower == pytest.approx(2 * 1.96 * values.std() / np.sqrt(2_000), rel=0.1)


def test_differences_are_paired() -> None:
    # Two models that err alike: each is uncertain, their difference is not
    losses = np.random.default_rng(3).exponential(size=500)
    samples = bootstrap.sample(
        {"one": lambda weights: weights @ losses, "two": lambda weights: weights @ (losses + 0.1)},
        rows=500,
        seed=1,
    )
    difference = Sampled(0.0, samples["two"].resampled - samples["one"].resampled).interval
    assert difference.lower == pytest.approx(50) == difference.upper


def test_undefined_resamples_are_left_out() -> None:
    found = Sampled(1.0, np.array([np.nan, 1.0, 1.0])).interval
    assert (found.lower, found.upper) == (1.0, 1.0)
    assert np.isnan(Sampled(np.nan, np.array([np.nan])).interval.lower)


def test_simultaneous_intervals_hold_all_truths_at_once() -> None:
    # 12 groups of 50 customers in each of 100 worlds, true mean 0: all 12 are held in 95 % of the worlds
    worlds = np.random.default_rng(8).normal(size=(100, 600))
    members = [np.arange(600) % 12 == group for group in range(12)]
    held = {"one by one": 0, "at once": 0}
    for values in worlds:
        samples = bootstrap.sample(
            {group: _mean_in(values, inside) for group, inside in enumerate(members)}, 600, seed=1, count=300
        )
        at_once = bootstrap.simultaneous(samples, dict.fromkeys(samples, 0.0)).values()
        one_by_one = [sampled.interval for sampled in samples.values()]
        held["at once"] += all(found.lower <= 0 <= found.upper for found in at_once)
        held["one by one"] += all(found.lower <= 0 <= found.upper for found in one_by_one)
    assert held["at once"] >= 90
    assert held["one by one"] < 70


def test_group_whose_labels_are_alike_is_not_known_exactly() -> None:
    samples = {"same": Sampled(0.0, np.zeros(100)), "varied": Sampled(0.0, np.linspace(-1, 1, 100))}
    found = bootstrap.simultaneous(samples, {"same": 0.2, "varied": 0.0})
    assert found["same"].upper > 0.2
    empty = bootstrap.simultaneous({"nobody": Sampled(np.nan, np.full(100, np.nan))}, {"nobody": 0.0})
    assert np.isnan(empty["nobody"].lower)
    itself = bootstrap.simultaneous({"all": Sampled(0.0, np.zeros(100))}, {"all": 0.0})["all"]
    assert (itself.lower, itself.upper) == (0.0, 0.0), (
        "a model differs from itself by nothing, and that is known"
    )


def _mean_in(values: Floats, inside: np.ndarray) -> Callable[[Floats], Floats]:
    return lambda weights: weights @ (values * inside) / (weights @ inside.astype(np.float64))
