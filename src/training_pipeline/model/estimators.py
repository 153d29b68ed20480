"""The candidate estimators, simplest first, and how one is chosen.

Everything is deterministic: one thread while fitting (sums over several threads depend on their number) and
an explicit seed. On a monthly snapshot of a few thousand customers one thread is also the fastest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

from training_pipeline.model import bootstrap, metrics
from training_pipeline.model.dataset import Dataset, Floats

SEED = 2017


def logistic_regression(seed: int) -> Pipeline:
    """Logistic regression on log-scaled, standardised features.

    The scale is asinh(x), which is log(2x) but for the smallest values, and unlike log1p is defined for the
    negative ones too (a feature may be a difference), without a function of our own that a model file would
    need.
    """
    return Pipeline(
        [
            ("log_scale", FunctionTransformer(np.arcsinh)),
            ("standardise", StandardScaler()),
            ("classify", LogisticRegression(C=1.0, max_iter=2_000, random_state=seed)),
        ]
    )


def gradient_boosted_trees(seed: int) -> Pipeline:
    """Shallow gradient-boosted trees.

    Eight leaves and 50 customers a leaf, because a month has a few thousand customers; no early stopping,
    because it would set rows aside at random rather than by time.
    """
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=100,
        max_leaf_nodes=8,
        min_samples_leaf=50,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    return Pipeline([("classify", trees)])


CANDIDATES: Mapping[str, Callable[[int], Pipeline]] = {
    "logistic_regression": logistic_regression,
    "gradient_boosted_trees": gradient_boosted_trees,
}


@dataclass(frozen=True)
class Choice:
    """The estimator that was chosen and why.

    Attributes
    ----------
    log_loss : of every candidate on the validation snapshot, in nats; best is 0.0
    gain : log loss of the simplest minus log loss of each other candidate on the same rows; positive is
        better
    """

    name: str
    log_loss: Mapping[str, float]
    gain: Mapping[str, bootstrap.Interval]

    @property
    def reason(self) -> str:
        """One sentence for people."""
        gains = "; ".join(
            f"{name} gains {gain.value:.4f} nats ({gain.lower:.4f} to {gain.upper:.4f})"
            for name, gain in self.gain.items()
        )
        return f"{self.name}: on validation {gains}; a gain counts when its whole interval is above 0"


def fit(name: str, dataset: Dataset, seed: int = SEED) -> Pipeline:
    """A candidate fitted on all rows of a data set; same rows, same seed, same predictions bit for bit."""
    estimator = CANDIDATES[name](seed)
    with threadpool_limits(limits=1):
        estimator.fit(dataset.frame, dataset.label)
    return estimator


def predict(estimator: Pipeline, features: pd.DataFrame) -> Floats:
    """The probability of label 1 for each row, shape (n,)."""
    with threadpool_limits(limits=1):
        probability: npt.NDArray[np.float64] = estimator.predict_proba(features)[:, 1]
    return probability


def choose(train: Dataset, validation: Dataset, seed: int = SEED) -> Choice:
    """Choose the simplest candidate unless another is better on the validation snapshot beyond noise.

    Better means: the 95 % interval of the paired difference in log loss, bootstrapped over customers, lies
    wholly above zero. Among several such, the one of the lowest log loss.
    """
    losses = {
        name: metrics.log_losses(validation.label, predict(fit(name, train, seed), validation.frame))
        for name in CANDIDATES
    }
    simplest, *others = CANDIDATES
    rows = len(validation)
    samples = bootstrap.sample(
        {name: _mean_of(losses[simplest] - losses[name]) for name in others}, rows=rows, seed=seed
    )
    gain = {name: sampled.interval for name, sampled in samples.items()}
    better = [name for name in others if gain[name].lower > 0]
    chosen = min(better, key=lambda name: float(losses[name].mean()), default=simplest)
    return Choice(chosen, {name: float(loss.mean()) for name, loss in losses.items()}, gain)


def _mean_of(values: Floats) -> Callable[[Floats], Floats]:
    return lambda weights: weights @ values / len(values)
