"""The model as MLflow serves it: it takes feature columns and returns the probability of an interaction.

MLflow copies this file into the model ("models from code") and runs it where the model is loaded, so the
file imports nothing from this package. skops stores the estimator next to it. skops builds only the types
that are named here, so a model file cannot run code, unlike a pickle.
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

    # MLflow requires these names, even those that are not used
    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Floats:  # noqa: ARG002
        """Return the probability of an interaction within the horizon, shape (n,), 0 to 1."""
        # A sum depends on the order of values in memory; one order gives the same bits for the same rows
        values = np.ascontiguousarray(model_input.to_numpy(dtype=np.float64))
        features = pd.DataFrame(values, columns=model_input.columns, copy=False)
        probability: Floats = self._estimator.predict_proba(features)[:, 1]
        return probability


mlflow.models.set_model(InteractionPropensity())
