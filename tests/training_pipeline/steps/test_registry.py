"""What is registered is what is served."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.model.dataset import from_table, split_by_time
from training_pipeline.registry import loading
from training_pipeline.registry import models as registry
from training_pipeline.registry.challenger import challenger

from .rows import RUN_DATE, training_rows

_LOAD = """
import sys
import mlflow, numpy, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/interaction_propensity@challenger")
numpy.save(sys.argv[3], model.predict(pandas.read_parquet(sys.argv[2])))
assert "training_pipeline" not in sys.modules
"""


def _test_frame() -> pd.DataFrame:
    return split_by_time(from_table(training_rows(), RUN_DATE)).test.typed_frame


def test_fresh_process_reproduces_the_predictions(evaluated: Settings, tmp_path: Path) -> None:
    frame = _test_frame()
    frame.to_parquet(tmp_path / "features.parquet")
    subprocess.run(
        [
            sys.executable,
            "-c",
            _LOAD,
            registry.tracking_uri(evaluated),
            tmp_path / "features.parquet",
            tmp_path / "p.npy",
        ],
        check=True,
        capture_output=True,
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    here = loading.predict(evaluated, challenger(evaluated, RUN_DATE), frame)
    assert here.shape == (200,)
    assert np.abs(np.load(tmp_path / "p.npy") - here).max() <= 1e-9


def test_column_order_does_not_matter(evaluated: Settings) -> None:
    model = challenger(evaluated, RUN_DATE)
    frame = _test_frame()
    turned = frame[frame.columns[::-1]]
    assert np.array_equal(loading.predict(evaluated, model, frame), loading.predict(evaluated, model, turned))


def test_absent_feature_is_refused(evaluated: Settings) -> None:
    model = challenger(evaluated, RUN_DATE)
    with pytest.raises(
        PipelineError, match="version 1 needs the features recency_days, which training_set does not"
    ):
        loading.predict(evaluated, model, _test_frame().drop(columns="recency_days"))


def test_model_whose_files_are_gone_is_an_error_with_a_remedy(evaluated: Settings) -> None:
    folder = registry.artifact_root(evaluated)
    away = folder.rename(folder.with_name("away"))
    try:
        with pytest.raises(
            PipelineError, match=r"version 1 cannot be loaded from .*Restore its files from a backup"
        ):
            loading.predict(evaluated, challenger(evaluated, RUN_DATE), _test_frame())
    finally:
        away.rename(folder)


def test_challenger_of_another_run_date_is_refused(evaluated: Settings) -> None:
    with pytest.raises(
        PipelineError,
        match="challenger of run date 2017-07-01; nothing was trained for it",
    ):
        challenger(evaluated, RUN_DATE.replace(month=7, day=1))


def test_nothing_registered(trainable: Settings) -> None:
    assert registry.with_alias(trainable, registry.CHAMPION) is None
    with pytest.raises(PipelineError, match="Train first: training-pipeline train --run-date 2017-06-30"):
        challenger(trainable, RUN_DATE)
    with pytest.raises(PipelineError, match="the registry has no version 7 of interaction_propensity"):
        registry.with_version(trainable, "7")
