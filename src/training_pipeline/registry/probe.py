"""What a server would see of a model: run as a script in a fresh process, in an empty directory, without this package.

Takes the folder of the model's files and the file for what it finds, as JSON; reads rows as Parquet from stdin.
"""

from __future__ import annotations

import io
import json
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ALONE = 25  # rows that are predicted one by one
WRONG = 5  # rows of each wrong input


def look(folder: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Load the model and return its predictions, whether they depend on the batch, the wrong inputs it takes, time and memory."""
    from mlflow.pyfunc import load_model

    served = load_model(folder)
    begin = time.perf_counter()
    whole = _predict(served, rows)
    batch_seconds = time.perf_counter() - begin
    alone, seconds = [], []
    for place in range(min(ALONE, len(rows))):
        begin = time.perf_counter()
        alone += _predict(served, rows.iloc[[place]])
        seconds.append(time.perf_counter() - begin)
    backwards = _predict(served, rows.iloc[::-1])[::-1]
    with_more = _predict(served, rows.assign(a_column_that_is_no_feature=1.0))
    others = [
        *zip(whole, backwards, strict=True),
        *zip(whole, with_more, strict=True),
        *zip(whole, alone, strict=False),
    ]
    return {
        "predicted": whole,
        "batch_dependence": float(np.max([abs(one - other) for one, other in others])),  # NaN where one is
        "accepted": [what for what, wrong in wrong_inputs(rows.head(WRONG)) if _accepts(served, wrong)],
        "row_seconds": statistics.median(seconds),
        "batch_seconds": batch_seconds,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def wrong_inputs(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield inputs that a model must refuse: a feature is missing, has another name or another type."""
    for name in rows.columns:
        yield f"{name} missing", rows.drop(columns=name)
        yield f"{name} renamed", rows.rename(columns={name: f"{name}_of_last_year"})
        yield f"{name} as text", rows.assign(**{name: [f"{value} units" for value in rows[name]]})
        if pd.api.types.is_integer_dtype(rows[name]):
            yield f"{name} with fractions", rows.assign(**{name: rows[name] + 0.5})


def _predict(served: Any, rows: pd.DataFrame) -> list[float]:
    return [float(value) for value in served.predict(rows)]


def _accepts(served: Any, rows: pd.DataFrame) -> bool:
    try:
        served.predict(rows)
    except Exception:  # whatever a model raises
        return False
    return True


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for ours in ("training_pipeline", "gates"):
        sys.modules[ours] = None  # type: ignore[assignment]  # a server does not have them
    found = look(sys.argv[1], pd.read_parquet(io.BytesIO(sys.stdin.buffer.read())))
    Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")
