"""What the evaluation says about a model's fitness for serving."""

from __future__ import annotations

import math

import numpy as np

from training_pipeline.model.bootstrap import Interval
from training_pipeline.model.dataset import Floats
from training_pipeline.model.measurement import MEASURED, UNDECIDED, Measurement
from training_pipeline.model.segments import WHOLE
from training_pipeline.registry.fitness import Fitness

# Times and memory are rounded up to these, so that a second evaluation says the same as a rule.
STEP_SECONDS = 0.1
STEP_MEGABYTES = 256
_SHOWN = 5


def measurements(found: Fitness, predicted: Floats) -> list[Measurement]:
    """Return rows of `ml.model_evaluation` that say what a fresh process found.

    serving_difference : the largest difference from `predicted`, 0 to 1
    serving_batch_dependence : the largest difference between predictions of one row, 0 to 1
    serving_wrong_inputs : wrong inputs that were accepted
    serving_row_seconds : for one row, rounded up to 0.1 s
    serving_batch_seconds : for each 1,000 rows of the test snapshot, rounded up to 0.1 s
    serving_megabytes : of the process with its libraries, rounded up to 256

    Parameters
    ----------
    predicted : what the model said of the same rows here, shape (n,); n may be more than the process was given
    """
    note: str | None
    if found.predicted is None:
        values = dict.fromkeys(
            ("difference", "batch_dependence", "wrong_inputs", "row_seconds", "batch_seconds", "megabytes"),
            math.nan,
        )
        note = f"the model cannot be served: {found.trouble}"
        rows = 0
    else:
        rows = len(found.predicted)
        values = {
            "difference": float(np.abs(found.predicted - predicted[:rows]).max()),
            "batch_dependence": found.batch_dependence,
            "wrong_inputs": float(len(found.accepted)),
            "row_seconds": _up(found.row_seconds, STEP_SECONDS),
            "batch_seconds": _up(found.batch_seconds / rows * 1_000, STEP_SECONDS),
            "megabytes": _up(found.memory / 2**20, STEP_MEGABYTES),
        }
        note = f"accepted: {', '.join(found.accepted[:_SHOWN])}" if found.accepted else None
    return [
        Measurement(
            f"serving_{name}", WHOLE, Interval(value, math.nan, math.nan), rows,
            status=UNDECIDED if math.isnan(value) else MEASURED, note=note,
        )
        for name, value in values.items()
    ]  # fmt: skip


def _up(value: float, step: float) -> float:
    return round(math.ceil(value / step) * step, 6)
