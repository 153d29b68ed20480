"""Percentile bootstrap: how far a metric would move with other customers.

The unit is the customer. One snapshot has one row per customer, so resampling rows is resampling customers.
Many metrics, models and groups share the same resamples, so their differences are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

Floats = npt.NDArray[np.float64]
Key = TypeVar("Key")

RESAMPLES = 1_000
COVERAGE = 0.95
_CELLS_AT_ONCE = 4_000_000  # 32 MB of weights, whatever the number of rows


@dataclass(frozen=True)
class Interval:
    """A value with the bounds of its 95 % interval; NaN where it is undefined."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Sampled:
    """A statistic on the rows as they are, and on each resample, shape (r,)."""

    value: float
    resampled: Floats

    @property
    def interval(self) -> Interval:
        """The percentile interval: 2.5 % of the defined resampled values lie on each side of it."""
        defined = self.resampled[~np.isnan(self.resampled)]
        if not len(defined):
            return Interval(self.value, float("nan"), float("nan"))
        lower, upper = np.quantile(defined, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
        return Interval(self.value, float(lower), float(upper))


def resamples(rows: int, seed: int, count: int = RESAMPLES) -> Iterator[Floats]:
    """Blocks of weights, together shape (count, rows): how often each row is drawn, with replacement."""
    generator = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // rows)
    for start in range(0, count, at_once):
        size = min(at_once, count - start)
        drawn = generator.integers(0, rows, (size, rows))
        drawn += np.arange(size)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def sample(
    statistics: Mapping[Key, Callable[[Floats], Floats]], rows: int, seed: int, count: int = RESAMPLES
) -> dict[Key, Sampled]:
    """Each statistic on the rows as they are and on resamples of them, the same resamples for all.

    Parameters
    ----------
    statistics : functions of weights, shape (r, rows), to values, shape (r,)
    rows : number of rows, at least 1
    seed : of the resamples; the same seed gives the same values
    count : number of resamples

    Examples
    --------
    >>> values = np.arange(100.0)
    >>> mean = sample({"mean": lambda weights: weights @ values / 100}, rows=100, seed=1)["mean"].interval
    >>> mean.value, 43 < mean.lower < 45, 54 < mean.upper < 56
    (49.5, True, True)
    """
    plain = np.ones((1, rows))
    values = {key: float(statistic(plain)[0]) for key, statistic in statistics.items()}
    drawn: dict[Key, list[Floats]] = {key: [] for key in statistics}
    with threadpool_limits(limits=1):  # sums over several threads depend on their number
        for weights in resamples(rows, seed, count):
            for key, statistic in statistics.items():
                drawn[key].append(statistic(weights))
    return {key: Sampled(values[key], np.concatenate(drawn[key])) for key in statistics}
