"""Which estimator is chosen, and that fitting is a function of rows and seed alone."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training_pipeline.steps.rows import RUN_DATE, training_rows
from training_pipeline.model import estimators
from training_pipeline.model.dataset import from_table, split_by_time
from training_pipeline.model.estimators import CANDIDATES

_FIT = """
import hashlib
from tests.training_pipeline.steps.rows import RUN_DATE, training_rows
from training_pipeline.model import estimators
from training_pipeline.model.dataset import from_table
dataset = from_table(training_rows(customers=2_000), RUN_DATE)
for name in estimators.CANDIDATES:
    predicted = estimators.predict(estimators.fit(name, dataset), dataset.frame)
    print(name, hashlib.sha256(predicted.tobytes()).hexdigest())
"""


def test_predictions_are_the_same_bit_for_bit_in_another_process_with_other_threads() -> None:
    environment = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # here it is one per core
    there = subprocess.run(
        [sys.executable, "-c", _FIT],
        env=os.environ | environment | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    dataset = from_table(training_rows(customers=2_000), RUN_DATE)
    predicted = {
        name: estimators.predict(estimators.fit(name, dataset), dataset.frame) for name in CANDIDATES
    }
    assert there == [
        f"{name} {hashlib.sha256(found.tobytes()).hexdigest()}" for name, found in predicted.items()
    ]


@pytest.mark.parametrize(
    ("is_linear", "chosen"), [(True, "logistic_regression"), (False, "gradient_boosted_trees")]
)
def test_the_simpler_one_unless_the_other_is_better_beyond_noise(is_linear: bool, chosen: str) -> None:
    parts = split_by_time(from_table(training_rows(customers=500, is_linear=is_linear), RUN_DATE))
    choice = estimators.choose(parts.train, parts.validation)
    assert choice.name == chosen
    assert (choice.gain["gradient_boosted_trees"].lower > 0) == (chosen == "gradient_boosted_trees")
    assert "gradient_boosted_trees gains" in choice.reason


def test_negative_features_are_no_problem() -> None:
    dataset = from_table(training_rows(), RUN_DATE)
    assert dataset.frame["amount_trend"].min() < 0
    predicted = estimators.predict(estimators.fit("logistic_regression", dataset), dataset.frame)
    assert 0 <= predicted.min() <= predicted.max() <= 1
