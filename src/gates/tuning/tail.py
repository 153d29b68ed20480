"""Estimate from few days how large a statistic gets without a fault: an upper confidence limit of a high quantile."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, chi2

CONFIDENCE = 0.95
TAIL = 0.1  # share of the days whose values are the tail (DuMouchel 1983, Annals of Statistics 11)
LEAST_TAIL = 10  # days


def quantile_limit(values: Sequence[float], days: Sequence[int], budget: float) -> float:
    """Return a value that, with 95 % confidence, at most a share `budget` of other days exceeds.

    With enough days it is an order statistic, for any distribution (Wilks 1941, Annals of Mathematical Statistics 12). Otherwise
    it is the larger of the largest value and the quantile of an exponential tail above the value u that a tenth of the days
    exceed (Hill 1975, Annals of Statistics 3; Weissman 1978, JASA 73)::

        u + m * ln(share above u / budget),    m = mean excess * 2 k t / chi2(0.05; 2 k t)

    m is the upper confidence limit of the mean excess over u on k days, of which k * t are independent: exceedances in a run count
    as one (`extremal_index`).

    Parameters
    ----------
    values : sequence of float, shape (n,)
        Finite, on a scale on which effects are additive: a log ratio has an exponential tail where the ratio has a Pareto tail.
    days : sequence of int, shape (n,)
        The number of the day of each value, increasing.
    budget : float
        Share of the days, above 0 and below 1.

    Raises
    ------
    ValueError
        When there is no value, or one that is not finite.

    Examples
    --------
    >>> quantile_limit([0.0] * 298 + [1.0], range(299), 0.01)
    1.0
    >>> round(quantile_limit([number * 37 % 100 / 10 for number in range(200)], range(200), 0.01), 1)
    10.8
    """
    sample: NDArray[np.float64] = np.asarray(values, dtype=float)
    if sample.size == 0 or not np.isfinite(sample).all():
        raise ValueError("values must be finite and at least one")
    largest_first = np.sort(sample)[::-1]
    start = largest_first[min(max(round(TAIL * sample.size), LEAST_TAIL), sample.size - 1)]
    above = sample > start
    independent = extremal_index(np.asarray(days)[above])
    allowed = int(binom.ppf(1 - CONFIDENCE, int(independent * sample.size), budget))
    if allowed >= 1:
        return float(largest_first[allowed - 1])
    excess, share = sample[above] - start, above.mean()
    if share <= budget:
        return float(largest_first[0])
    freedom = 2 * excess.size * independent
    mean = excess.mean() * freedom / chi2.ppf(1 - CONFIDENCE, freedom)
    return float(max(largest_first[0], start + mean * math.log(share / budget)))


def extremal_index(days: Sequence[int] | NDArray[np.int64]) -> float:
    """Return the share of exceedances that is independent, above 0; 1.0 where they do not come in runs.

    It is estimated from the times between exceedances (Ferro and Segers 2003, Journal of the Royal Statistical Society B 65).

    Parameters
    ----------
    days : sequence of int
        The numbers of the days with an exceedance, increasing.

    Examples
    --------
    >>> extremal_index([3, 40, 71, 122])
    1.0
    >>> round(extremal_index([3, 4, 5, 120, 121, 122]), 2)
    0.4
    """
    gaps = np.diff(np.asarray(days, dtype=float))
    if gaps.size == 0:
        return 1.0
    if gaps.max() <= 2:
        return float(min(1.0, 2 * gaps.sum() ** 2 / (gaps.size * (gaps**2).sum())))
    spread = ((gaps - 1) * (gaps - 2)).sum()
    return float(min(1.0, 2 * (gaps - 1).sum() ** 2 / (gaps.size * spread)))
