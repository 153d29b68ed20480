"""BG/NBD on simulated customers whose parameters are known."""

from __future__ import annotations

import numpy as np
import pytest

from training_pipeline.errors import PipelineError
from training_pipeline.model import bg_nbd
from training_pipeline.model.bg_nbd import BgNbd, Floats, History

TRUTH = BgNbd(r=0.8, alpha=12.0, a=0.8, b=2.5)


def _simulate(customers: int, age: float, ahead: float, seed: int) -> tuple[History, Floats]:
    """Histories over `age` days as the model says they arise, and who buys in the `ahead` days after them."""
    generator = np.random.default_rng(seed)
    rates = generator.gamma(TRUTH.r, 1 / TRUTH.alpha, customers)
    leaving = generator.beta(TRUTH.a, TRUTH.b, customers)
    repeats, last, returned = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    for number in range(customers):
        now = generator.exponential(1 / rates[number])
        while now <= age + ahead:
            if now > age:
                returned[number] = 1
                break
            repeats[number] += 1
            last[number] = now
            if generator.random() < leaving[number]:
                break
            now += generator.exponential(1 / rates[number])
    return History(repeats, last, np.full(customers, age)), returned


def test_fit_finds_the_parameters_that_the_customers_were_drawn_with() -> None:
    found = bg_nbd.fit(_simulate(8_000, age=365, ahead=0, seed=1)[0])
    assert found.r == pytest.approx(TRUTH.r, rel=0.1)
    assert found.alpha == pytest.approx(TRUTH.alpha, rel=0.15)
    # a and b are known together: what they say is how many leave after a purchase
    assert found.a / (found.a + found.b) == pytest.approx(TRUTH.a / (TRUTH.a + TRUTH.b), rel=0.1)


def test_returns_is_the_share_of_customers_who_do() -> None:
    history, returned = _simulate(20_000, age=120, ahead=30, seed=2)
    predicted = TRUTH.returns(history, np.full(20_000, 30.0))
    tenth = np.searchsorted(np.quantile(predicted, np.linspace(0, 1, 11)[1:-1]), predicted)
    for number in np.unique(tenth):
        members = tenth == number
        noise = np.sqrt(predicted[members].mean() * (1 - predicted[members].mean()) / members.sum())
        assert abs(predicted[members].mean() - returned[members].mean()) < 4 * noise


def test_more_purchases_and_fresher_ones_make_a_return_likelier() -> None:
    history = History(np.array([2.0, 6.0, 6.0]), np.array([80.0, 80.0, 20.0]), np.full(3, 90.0))
    few, many, long_ago = TRUTH.returns(history, np.full(3, 30.0)).tolist()
    assert long_ago < few < many
    assert TRUTH.alive(History(np.zeros(1), np.zeros(1), np.array([400.0])))[0] == 1.0


def test_extreme_histories_stay_probabilities() -> None:
    history = History(np.array([5_000.0, 0.0]), np.array([1.0, 0.0]), np.array([36_500.0, 0.0]))
    predicted = TRUTH.returns(history, np.array([30.0, 30.0]))
    assert np.isfinite(predicted).all() and (predicted >= 0).all() and (predicted <= 1).all()


def test_no_customer_is_refused() -> None:
    nobody = np.array([])
    with pytest.raises(PipelineError, match="BG/NBD needs at least one customer; received none"):
        bg_nbd.fit(History(nobody, nobody, nobody))
