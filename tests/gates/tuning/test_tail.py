"""The upper limit of a high quantile: it keeps the budget on tables that nobody has seen, and refuses what it cannot use."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm, t

from gates.tuning.tail import extremal_index, quantile_limit

Sample = Callable[[np.random.Generator, int], NDArray[np.float64]]
TABLES = 300
# How the noise of a table is distributed, and the share of its days beyond a value. On the additive scale of the bounds a
# ratio whose tail is Pareto is exponential; noise with Student's t of four degrees is heavier than that.
NOISE: dict[str, tuple[Sample, Callable[[float], float]]] = {
    "normal": (lambda random, days: np.abs(random.standard_normal(days)), lambda value: 2 * norm.sf(value)),
    "exponential": (lambda random, days: random.exponential(size=days), lambda value: math.exp(-value)),
    "heavy": (lambda random, days: np.abs(random.standard_t(4, days)), lambda value: 2 * t.sf(value, 4)),
}


def in_runs(random: np.random.Generator, days: int) -> NDArray[np.float64]:
    """Exponential noise of which each value lasts three days: a third of the days are independent."""
    return np.repeat(random.exponential(size=days // 3), 3)


def false_alarms(noise: str, days: int, budget: float) -> NDArray[np.float64]:
    """Return for each of many tables the share of its future days beyond the limit that its past gives."""
    random = np.random.default_rng(20170930)
    draw, beyond = NOISE[noise]
    return np.array(
        [beyond(quantile_limit(list(draw(random, days)), range(days), budget)) for _ in range(TABLES)]
    )


@pytest.mark.parametrize("noise", sorted(NOISE))
@pytest.mark.parametrize("days", [120, 220, 400])
def test_most_tables_keep_to_the_budget(noise: str, days: int) -> None:
    shares = false_alarms(noise, days, 0.01)
    assert shares.mean() < 0.007, "on average well below the budget"
    assert (shares > 0.01).mean() <= 0.11, (
        "95 % confidence, a little less where the tail is heavier than exponential"
    )
    assert (shares > 0.02).mean() <= 0.03, "twice the budget"
    assert np.median(shares) > 0.0005, "and not by bounds that see nothing"


@pytest.mark.parametrize("noise", ["normal", "exponential"])
def test_strict_budget_is_kept_by_extrapolation(noise: str) -> None:
    shares = false_alarms(noise, 220, 0.001)
    assert (shares > 0.001).mean() <= 0.07
    largest = [0.0] * 210 + [1 + number / 10 for number in range(10)]
    assert quantile_limit(largest, range(220), 0.001) > max(largest), "no day of 220 is one in a thousand"


def test_runs_count_as_one() -> None:
    random = np.random.default_rng(1)
    tables = [in_runs(random, 240) for _ in range(TABLES)]
    shares = np.array([math.exp(-quantile_limit(list(table), range(240), 0.01)) for table in tables])
    assert (shares > 0.01).mean() <= 0.12
    steady = [quantile_limit(list(random.permutation(table)), range(240), 0.01) for table in tables]
    limits = [quantile_limit(list(table), range(240), 0.01) for table in tables]
    assert np.median(limits) > 1.1 * np.median(steady), "the same values in runs tell less"


def test_days_in_runs_are_not_enough() -> None:
    table = in_runs(np.random.default_rng(7), 330)
    assert quantile_limit(list(table), range(330), 0.01) > table.max(), (
        "110 independent days prove no order statistic"
    )


def test_enough_days_need_no_tail() -> None:
    """Of 299 days the largest bounds the 1 % quantile with 95 % confidence, of 473 the second largest (Wilks 1941)."""
    scattered = list(np.random.default_rng(2).permutation(np.arange(473) / 100))
    assert quantile_limit(scattered, range(473), 0.01) == 4.71
    assert quantile_limit([*scattered[:472], 9999.0], range(473), 0.01) == sorted(scattered[:472])[-1], (
        "one day may be beyond, however far"
    )


def test_limit_is_never_below_the_largest_of_few_days() -> None:
    values = [number * 37 % 219 / 219 for number in range(219)] + [40.0]
    assert quantile_limit(values, range(220), 0.01) == 40.0, "more than the tail of the others has by far"


@pytest.mark.parametrize("value", [0.0, 1.0, 3.5])
@pytest.mark.parametrize("days", [1, 5, 10, 100, 400])
def test_ties_are_their_own_limit(value: float, days: int) -> None:
    assert quantile_limit([value] * days, range(days), 0.01) == value


@pytest.mark.parametrize("days", [1, 2, 9, 10, 11, 12, 25])
def test_short_series_have_a_limit(days: int) -> None:
    values = [number * 7 % days / days for number in range(days)]
    for budget in (0.001, 0.05):
        assert max(values) <= quantile_limit(values, range(days), budget) < math.inf


def test_mostly_zero_is_no_tail() -> None:
    values = [0.0] * 199 + [0.3]
    assert quantile_limit(values, range(200), 0.01) == 0.3, "one day beyond zero is within the budget"


@pytest.mark.parametrize("values", [[], [1.0, math.inf], [math.nan]])
def test_what_is_no_number_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="must be finite and at least one"):
        quantile_limit(values, range(len(values)), 0.01)


def test_extremal_index_is_the_share_of_runs() -> None:
    random = np.random.default_rng(3)
    table = in_runs(random, 9000)
    above = np.flatnonzero(table > np.quantile(table, 0.95))
    assert extremal_index(above) == pytest.approx(1 / 3, abs=0.05)
    single = np.flatnonzero(random.exponential(size=9000) > 3)
    assert extremal_index(single) == pytest.approx(1, abs=0.08)
    assert extremal_index([]) == extremal_index([5]) == 1.0
