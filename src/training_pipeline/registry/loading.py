"""Load a model version from the registry, after its files have been compared with the digest that was registered.

The files are copied first, and the copy is both hashed and read: what changes in the registry's folder meanwhile has no
effect. No code of the folder is run. `registry.serving` reads the copy, which builds no types but those that it names.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from gates.text import printable
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.model.dataset import Floats
from training_pipeline.registry import models as registry
from training_pipeline.registry.digest import digest
from training_pipeline.registry.models import Registered


def predict(settings: Settings, model: Registered, features: pd.DataFrame) -> Floats:
    """Load a version from the registry and predict the probability of label 1, shape (n,).

    Raises
    ------
    GateStopped
        The files of the version are not those that were registered.
    PipelineError
        The model needs features that the rows do not have, or its files are missing.
    """
    with checked_files(settings, model) as folder:
        from mlflow.models import Model
        from threadpoolctl import threadpool_limits

        from training_pipeline.registry.serving import ESTIMATOR, InteractionPropensity

        description: Any = Model.load(str(folder))
        served = InteractionPropensity()
        served.load_context(
            SimpleNamespace(artifacts={ESTIMATOR: str(folder / _estimator_path(description))})
        )
        input_names = description.get_input_schema().input_names()
        if missing := sorted(set(input_names) - set(features.columns)):
            raise PipelineError(
                f"{model.name} version {model.version} needs the features {', '.join(missing)}, which "
                "training_set does not have. Add them to customer_snapshot"
            )
        with threadpool_limits(limits=1):
            return np.asarray(served.predict(None, features[input_names]), dtype=np.float64)


@contextmanager
def checked_files(settings: Settings, model: Registered) -> Iterator[Path]:
    """Give a copy of the files of a version, which are those that were registered.

    Raises
    ------
    GateStopped
        They are not, or nobody has recorded what they were.
    PipelineError
        They are missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = _copy(settings, model, Path(folder))
        if model.digest is None:
            raise GateStopped(
                f"{model.name} version {model.version} has no digest: it was registered before files were "
                "recorded, and nobody can say that they are the same. Train again"
            )
        if (present := digest(copy)) != model.digest:
            raise GateStopped(
                f"the files of {model.name} version {model.version} in {registry.artifact_root(settings)} are not "
                f"those that were registered: SHA-256 {present[:12]}…, registered {model.digest[:12]}…. "
                "Restore them from a backup"
            )
        yield copy


def digest_now(settings: Settings, model: Registered) -> str:
    """Return the digest of the files of a version as they are.

    Raises
    ------
    PipelineError
        They are missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        return digest(_copy(settings, model, Path(folder)))


def _copy(settings: Settings, model: Registered, folder: Path) -> Path:
    registry.client(settings)
    from mlflow.exceptions import MlflowException

    try:
        copy = registry.download(model.uri, folder)
        if not any(copy.iterdir()):
            raise FileNotFoundError("there are no files")
    except (MlflowException, OSError) as error:
        raise PipelineError(
            f"{model.name} version {model.version} cannot be loaded from "
            f"{registry.artifact_root(settings)}: {printable(error)}. Restore its files from a backup"
        ) from error
    return copy


def _estimator_path(description: Any) -> str:
    from training_pipeline.registry.serving import ESTIMATOR

    return str(description.flavors["python_function"]["artifacts"][ESTIMATOR]["path"])
