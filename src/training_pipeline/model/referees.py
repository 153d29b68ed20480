"""What a model must beat to be worth its keep: predictions that need no model to speak of."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

from training_pipeline.model.dataset import RECENCY, Dataset, Floats

RECENCY_ONLY = "recency_only"
BASE_RATE = "base_rate"


def predict(fitted: Dataset, test: Dataset) -> dict[str, Floats]:
    """The probabilities that each baseline gives to the rows of `test`, shape (n,); fitted on `fitted`.

    base_rate: the share of label 1, for everyone. recency_only: logistic in the days since the last
    interaction alone, on a log scale, so monotone in them.
    """
    recency = Pipeline(
        [
            ("log_scale", FunctionTransformer(np.log1p)),
            ("standardise", StandardScaler()),
            ("classify", LogisticRegression()),
        ]
    )
    with threadpool_limits(limits=1):
        recency.fit(fitted.frame[[RECENCY]], fitted.label)
        by_recency: Floats = recency.predict_proba(test.frame[[RECENCY]])[:, 1]
    return {RECENCY_ONLY: by_recency, BASE_RATE: np.full(len(test), fitted.label.mean())}
