"""A model that a server could not use is found out in a fresh process: for each way there is a model that has it, and one without."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from training_pipeline.registry import fitness
from training_pipeline.registry.fitness import Fitness
from training_pipeline.steps.serving_evidence import measurements

# MLflow about the models of this file, not about those of the pipeline
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*An input example was not provided:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*Add type hints to the:UserWarning"),
]

ROWS = pd.DataFrame({"visits": np.arange(40, dtype=np.int64), "spend": np.linspace(0.5, 9.5, 40)})
HEALTHY = "1 / (1 + np.exp(-rows['visits'] / 10.0 + rows['spend']))"

_MODEL = """
import time
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel

class Model(PythonModel):
    def load_context(self, context):
        {setup}

    def predict(self, context, model_input, params=None):
        rows = model_input
        {before}
        return np.asarray({predicted}, dtype=float)

mlflow.models.set_model(Model())
"""
SIGNATURE = ModelSignature(
    Schema([ColSpec(DataType.long, "visits"), ColSpec(DataType.double, "spend")]),
    Schema([ColSpec(DataType.double)]),
)
Look = Callable[..., Fitness]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Save a model with that code and look at it."""

    def of(
        predicted: str = HEALTHY,
        before: str = "pass",
        setup: str = "pass",
        seconds: float = 240,
        signed: bool = True,
    ) -> Fitness:
        code = tmp_path / "code_of_the_model.py"
        code.write_text(_MODEL.format(predicted=predicted, before=before, setup=setup), encoding="utf-8")
        mlflow.pyfunc.save_model(
            str(tmp_path / "model"),
            python_model=str(code),
            signature=SIGNATURE if signed else None,
            pip_requirements=["numpy"],
        )
        with fitness.probing(tmp_path / "model", ROWS, seconds) as probe:
            return probe.result()

    return of


def expected() -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-ROWS["visits"] / 10.0 + ROWS["spend"])), dtype=np.float64)


def by_name(found: Fitness) -> dict[str, float]:
    return {row.metric: row.value.value for row in measurements(found, expected())}


def test_a_healthy_model_is_fit(look: Look) -> None:
    found = look()
    assert found.trouble is None
    said = by_name(found)
    assert (said["serving_difference"], said["serving_batch_dependence"], said["serving_wrong_inputs"]) == (
        0,
        0,
        0,
    )
    assert said["serving_row_seconds"] > 0 and said["serving_batch_seconds"] > 0
    assert said["serving_megabytes"] % 256 == 0


def test_predictions_that_depend_on_the_other_rows(look: Look) -> None:
    assert by_name(look(predicted="rows['spend'].rank(pct=True)"))["serving_batch_dependence"] > 0.1


def test_a_row_that_has_a_number_among_others_and_none_alone(look: Look) -> None:
    found = look(predicted=f"{HEALTHY} if len(rows) > 1 else [np.nan]")
    assert math.isnan(by_name(found)["serving_batch_dependence"]), "NULL in the table, which the gate rejects"


def test_predictions_that_are_others_in_another_process(look: Look) -> None:
    found = look(predicted=f"np.clip({HEALTHY} + 0.001, 0, 1)")
    assert by_name(found)["serving_difference"] == pytest.approx(0.001, rel=0.1)


def test_a_model_without_a_signature_accepts_columns_of_other_types(look: Look) -> None:
    found = look(signed=False, predicted="rows.iloc[:, 0].astype(str).str.len() / 100")
    assert {"visits with fractions", "spend as text", "visits renamed"} <= set(found.accepted)
    (row,) = [row for row in measurements(found, expected()) if row.metric == "serving_wrong_inputs"]
    assert row.note is not None and "visits renamed" in row.note


def test_a_model_that_reads_a_file_of_its_old_place(look: Look) -> None:
    found = look(setup="self.weights = Path('weights.txt').read_text()")
    assert found.predicted is None
    assert found.trouble is not None and "weights.txt" in found.trouble


def test_a_model_that_needs_this_package(look: Look) -> None:
    found = look(setup="import training_pipeline.model.metrics")
    assert found.trouble is not None and "training_pipeline" in found.trouble


def test_a_model_that_never_answers(look: Look) -> None:
    found = look(before="time.sleep(60)", seconds=30)
    assert found.trouble == "it was not done after 30 s"
    rows = measurements(found, expected())
    assert {row.status for row in rows} == {"undecided"}
    assert {row.note for row in rows} == {"the model cannot be served: it was not done after 30 s"}


def test_time_and_memory_are_seen(look: Look) -> None:
    found = look(before="time.sleep(0.3)", setup="self.held = np.ones(200_000_000)")
    assert by_name(found)["serving_row_seconds"] >= 0.3
    assert by_name(found)["serving_megabytes"] >= 1_600
