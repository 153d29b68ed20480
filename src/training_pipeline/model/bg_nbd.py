"""BG/NBD: a customer buys at a random rate and may drop out after each purchase.

Purchases of a customer follow a Poisson process whose rate is Gamma(r, alpha) over customers; after each
purchase the customer drops out with a probability that is Beta(a, b) over customers. Source: Fader, Hardie
and Lee, "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model, Marketing Science
24(2), 2005. The model needs no label: it is fitted on the history of each customer alone.

Examples
--------
>>> import numpy as np
>>> history = History(repeats=np.array([9.0, 0.0]), last=np.array([88.0, 0.0]), age=np.array([90.0, 90.0]))
>>> model = BgNbd(r=1.4, alpha=9.4, a=0.1, b=2.0)
>>> model.returns(history, days=np.array([30.0, 30.0])).round(2).tolist()
[0.92, 0.31]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import betaln, gammaln
from threadpoolctl import threadpool_limits

from training_pipeline.errors import PipelineError

Floats = npt.NDArray[np.float64]

_LOG_BOUND = (
    12.0  # of each parameter's logarithm, for ages in units of their mean: far beyond any plausible fit
)


@dataclass(frozen=True)
class History:
    """What BG/NBD knows of n customers, each an array of shape (n,).

    Attributes
    ----------
    repeats : purchases after the first one
    last : days from the first to the last purchase; 0 without a repeat
    age : days since the first purchase, at least `last`
    """

    repeats: Floats
    last: Floats
    age: Floats


@dataclass(frozen=True)
class BgNbd:
    """The four parameters, all positive; `alpha` in days."""

    r: float
    alpha: float
    a: float
    b: float

    def alive(self, history: History) -> Floats:
        """The probability that a customer has not dropped out, shape (n,); 1 without a repeat purchase.

        A customer drops out only after a purchase, and the first one starts the count.
        """
        repeats, last, age = history.repeats, history.last, history.age
        with np.errstate(over="ignore"):  # infinite odds of being gone are a probability of 0
            odds_of_gone = (self.a / (self.b + np.maximum(repeats, 1) - 1)) * np.exp(
                (self.r + repeats) * (np.log(self.alpha + age) - np.log(self.alpha + last))
            )
        alive: Floats = np.where(repeats > 0, 1 / (1 + odds_of_gone), 1.0)
        return alive

    def returns(self, history: History, days: Floats) -> Floats:
        """The probability of at least one purchase within `days`, shape (n,).

        For a customer who is alive the rate is Gamma(r + repeats, alpha + age), and the next purchase comes
        before the next chance to drop out.
        """
        exponent = self.r + history.repeats
        silent = np.exp(
            exponent * (np.log(self.alpha + history.age) - np.log(self.alpha + history.age + days))
        )
        returning: Floats = self.alive(history) * (1 - silent)
        return returning


def fit(history: History) -> BgNbd:
    """Fit by maximum likelihood.

    Raises
    ------
    PipelineError
        There is no customer, or the likelihood has no maximum that could be found.
    """
    if not len(history.repeats):
        raise PipelineError("BG/NBD needs at least one customer; received none")
    unit = max(float(history.age.mean()), 1.0)  # parameters of one size make the search short
    scaled = History(history.repeats, history.last / unit, history.age / unit)

    def loss(logarithms: Floats) -> float:
        return -float(_log_likelihood(BgNbd(*np.exp(logarithms)), scaled).mean())

    with threadpool_limits(limits=1):
        found = minimize(loss, np.zeros(4), method="L-BFGS-B", bounds=[(-_LOG_BOUND, _LOG_BOUND)] * 4)
    if not np.isfinite(found.fun):
        raise PipelineError(
            f"BG/NBD could not be fitted on {len(history.repeats)} customers: {found.message}"
        )
    r, alpha, a, b = np.exp(found.x).tolist()
    return BgNbd(r, alpha * unit, a, b)


def _log_likelihood(model: BgNbd, history: History) -> Floats:
    """Of each customer, shape (n,): equation (6) of the paper, in logarithms."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    repeats, last, age = history.repeats, history.last, history.age
    rate = gammaln(r + repeats) - gammaln(r) + r * np.log(alpha)
    still_there = betaln(a, b + repeats) - betaln(a, b) - (r + repeats) * np.log(alpha + age)
    dropped_out = np.where(
        repeats > 0,
        betaln(a + 1, b + np.maximum(repeats, 1) - 1) - betaln(a, b) - (r + repeats) * np.log(alpha + last),
        -np.inf,
    )
    total: Floats = rate + np.logaddexp(still_there, dropped_out)
    return total
