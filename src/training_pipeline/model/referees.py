"""What a model must beat to be worth its keep: predictions that need little or no model."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

from training_pipeline.errors import PipelineError
from training_pipeline.model import bg_nbd, metrics
from training_pipeline.model.dataset import RECENCY, TENURE, VISITS, Dataset, Floats, Integers
from training_pipeline.model.measurement import Reference

RECENCY_ONLY = "recency_only"
BASE_RATE = "base_rate"
BG_NBD = "bg_nbd"
BEST_FEATURE = "best_feature"

_FEATURE_BINS = 20
_PRIOR_ROWS = 10  # a bin's rate counts as if so many rows of the base rate were in it


def references(fitted: Dataset, test: Dataset) -> dict[str, Reference]:
    """The referees with the probabilities, shape (n,), that they give to the rows of `test`.

    base_rate: the share of label 1 among the rows of `fitted`, for everyone. recency_only: logistic in the
    days since the last interaction alone, on a log scale, so monotone in them. bg_nbd: the model of the same
    name, fitted on the last snapshot of `fitted`, where the features that it needs are there. best_feature:
    the one feature that separates the labels of `fitted` best: a label that leaked into a feature shows here.
    """
    found = {
        RECENCY_ONLY: Reference(_recency_only(fitted, test), by_segment=True),
        BASE_RATE: Reference(np.full(len(test), fitted.label.mean())),
    }
    name, predicted = _best_feature(fitted, test)
    found[BEST_FEATURE] = Reference(predicted, note=f"the feature is {name}")
    if {RECENCY, TENURE, VISITS} <= set(test.features):
        try:
            found[BG_NBD] = Reference(_bg_nbd(fitted, test), by_segment=True)
        except PipelineError as error:
            found[BG_NBD] = Reference(None, note=str(error))
    return found


def _recency_only(fitted: Dataset, test: Dataset) -> Floats:
    recency = Pipeline(
        [
            ("log_scale", FunctionTransformer(np.log1p)),
            ("standardise", StandardScaler()),
            ("classify", LogisticRegression()),
        ]
    )
    with threadpool_limits(limits=1):
        recency.fit(fitted.frame[[RECENCY]], fitted.label)
        predicted: Floats = recency.predict_proba(test.frame[[RECENCY]])[:, 1]
    return predicted


def _bg_nbd(fitted: Dataset, test: Dataset) -> Floats:
    latest = fitted.where(fitted.snapshot_date == fitted.snapshot_date.max())
    days = (test.label_end_date - test.snapshot_date).astype(np.float64)
    return bg_nbd.fit(_history(latest)).returns(_history(test), days)


def _history(dataset: Dataset) -> bg_nbd.History:
    columns = dict(zip(dataset.features, dataset.values.T, strict=True))
    age = columns[TENURE]
    return bg_nbd.History(repeats=columns[VISITS] - 1, last=age - columns[RECENCY], age=age)


def _best_feature(fitted: Dataset, test: Dataset) -> tuple[str, Floats]:
    """The feature whose bins separate the labels of `fitted` best, and the rate of each test row's bin.

    Bins rather than ranks: a label can also hide in a feature that is not monotone in it.
    """
    weights = np.ones((1, len(fitted)))
    best, best_auc = 0, -1.0
    for number in range(len(fitted.features)):
        edges, rates = _rates(fitted.values[:, number], fitted.label)
        predicted = rates[np.searchsorted(edges, fitted.values[:, number])]
        if (auc := float(metrics.auc(fitted.label, predicted, weights)[0])) > best_auc:
            best, best_auc = number, auc
    edges, rates = _rates(fitted.values[:, best], fitted.label)
    return fitted.features[best], rates[np.searchsorted(edges, test.values[:, best])]


def _rates(values: Floats, label: Integers) -> tuple[Floats, Floats]:
    """The upper edges of a feature's bins but the last, and the rate of label 1 in each bin.

    The bins are quantiles, and a value that many rows share has a bin to itself: a leak may be in the few
    other rows.
    """
    distinct, counts = np.unique(values, return_counts=True)
    shares = np.linspace(0, 1, _FEATURE_BINS + 1)[1:-1]
    ends = np.searchsorted(np.cumsum(counts), shares * len(values))
    frequent = np.flatnonzero(counts * _FEATURE_BINS >= len(values))
    ends = np.unique(np.r_[ends, frequent, frequent - 1])
    edges = distinct[ends[(ends >= 0) & (ends < len(distinct) - 1)]]
    bins = np.searchsorted(edges, values)
    rows = np.bincount(bins, minlength=len(edges) + 1)
    positive = np.bincount(bins, weights=label, minlength=len(edges) + 1)
    rates: Floats = (positive + _PRIOR_ROWS * label.mean()) / (rows + _PRIOR_ROWS)
    return edges, rates
