"""Percentile bootstrap: how far a metric would move with other customers.

The unit is the customer. One snapshot has one row per customer, so resampling rows is resampling customers.
Many metrics, models and groups share the same resamples, so their differences are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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


def block_sizes(rows: int, count: int = RESAMPLES) -> Iterator[int]:
    """How many resamples to hold at once, block by block, `count` in all."""
    at_once = max(1, _CELLS_AT_ONCE // rows)
    for start in range(0, count, at_once):
        yield min(at_once, count - start)


def resamples(rows: int, seed: int, count: int = RESAMPLES) -> Iterator[Floats]:
    """Blocks of weights, together shape (count, rows): how often each row is drawn, with replacement."""
    generator = np.random.default_rng(seed)
    for size in block_sizes(rows, count):
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


def simultaneous(samples: Mapping[Key, Sampled], floors: Mapping[Key, float]) -> dict[Key, Interval]:
    """Intervals that hold all truths at once in 95 % of cases, each as wide as its own noise asks for.

    The value plus and minus c standard deviations, with c the 95 % quantile over resamples of the largest
    studentized deviation among all keys ("max-t").

    Parameters
    ----------
    samples : by key, from the same resamples
    floors : the least standard deviation of each key. A group whose labels are all alike does not vary in
        resamples, though other customers would

    Examples
    --------
    >>> values = np.random.default_rng(1).normal(size=(20, 500))
    >>> means = {number: lambda weights, row=row: weights @ row / 500 for number, row in enumerate(values)}
    >>> samples = sample(means, rows=500, seed=1)
    >>> one, all_ = samples[0].interval, simultaneous(samples, dict.fromkeys(samples, 0.0))[0]
    >>> 1.3 < (all_.upper - all_.lower) / (one.upper - one.lower) < 1.8
    True
    """
    deviations = {key: max(_deviation(sampled.resampled), floors[key]) for key, sampled in samples.items()}
    varied = [key for key, deviation in deviations.items() if deviation > 0]  # NaN is not
    width = _largest_deviation([samples[key] for key in varied], [deviations[key] for key in varied])
    return {
        key: Interval(
            found.value, found.value - width * deviations[key], found.value + width * deviations[key]
        )
        for key, found in samples.items()
    }


def _largest_deviation(samples: Sequence[Sampled], deviations: Sequence[float]) -> float:
    """The 95 % quantile over resamples of the largest studentized deviation; 0 when nothing varies."""
    if not samples:
        return 0.0
    studentized = np.stack(
        [
            np.abs(sampled.resampled - sampled.value) / deviation
            for sampled, deviation in zip(samples, deviations, strict=True)
        ]
    )
    largest = np.fmax.reduce(studentized, axis=0)  # a resample without a row of a group says nothing about it
    return float(np.nanquantile(largest, COVERAGE))


def _deviation(resampled: Floats) -> float:
    """The standard deviation of the defined values; NaN without two of them."""
    defined = resampled[~np.isnan(resampled)]
    return float(defined.std(ddof=1)) if len(defined) > 1 else float("nan")
