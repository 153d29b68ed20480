"""The model as MLflow serves it: feature columns in, the probability of an interaction out.

MLflow copies this file into the model ("models from code") and runs it where the model is loaded, so it
imports nothing of this package. The estimator beside it is stored by skops, which only builds types that are
named here: unlike a pickle, a model file cannot run code of its own.
"""

from __future__ import annotations

from typing import Any

import mlflow
import numpy as np
import numpy.typing as npt
import pandas as pd
import skops.io
from mlflow.pyfunc.model import PythonModel

Floats = npt.NDArray[np.float64]

ESTIMATOR = "estimator"
TRUSTED_TYPES = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


class InteractionPropensity(PythonModel):
    """A fitted scikit-learn pipeline that predicts the probability of label 1."""

    def load_context(self, context: Any) -> None:
        """Load the estimator that was logged with the model."""
        self._estimator = skops.io.load(context.artifacts[ESTIMATOR], trusted=TRUSTED_TYPES)

    # MLflow wants these names, whether they are used or not
    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Floats:  # noqa: ARG002
        """The probability of an interaction within the horizon, shape (n,), 0 to 1."""
        # Sums depend on the order of values in memory: one order, so that the same rows get the same bits
        values = np.ascontiguousarray(model_input.to_numpy(dtype=np.float64))
        features = pd.DataFrame(values, columns=model_input.columns, copy=False)
        probability: Floats = self._estimator.predict_proba(features)[:, 1]
        return probability


mlflow.models.set_model(InteractionPropensity())
