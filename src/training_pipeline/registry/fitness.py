"""Whether a model can be served: asked of a fresh process that knows nothing but the files of the registry.

The process has no credentials, no variables of ours, an empty directory, and this package is hidden from it.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from gates.text import clipped, printable
from training_pipeline.model.dataset import Floats
from training_pipeline.registry import probe

SECONDS = 300.0
MOST_ROWS = 10_000


@dataclass(frozen=True)
class Fitness:
    """What the process found.

    Attributes
    ----------
    predicted : shape (n,), None where the model could not be served
    batch_dependence : the largest difference between predictions of the same row, 0 to 1: among all rows, in another
        order, alone, and with a column that is no feature
    accepted : wrong inputs that the model did not refuse
    row_seconds : to predict one row, the median
    batch_seconds : to predict n rows
    memory : bytes, the most that the process ever had, with its libraries
    trouble : why the model could not be served
    """

    predicted: Floats | None = None
    batch_dependence: float = math.nan
    accepted: tuple[str, ...] = ()
    row_seconds: float = math.nan
    batch_seconds: float = math.nan
    memory: float = math.nan
    trouble: str | None = None


@dataclass(frozen=True)
class Probe:
    """A process that looks at a model."""

    process: subprocess.Popen[bytes]
    found: Path
    errors: IO[bytes]
    seconds: float
    deadline: float

    def result(self) -> Fitness:
        """Wait for the process and return what it found; it is killed when its time is over."""
        try:
            code = self.process.wait(max(0.0, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            return Fitness(trouble=f"it was not done after {self.seconds:.0f} s")
        if code != 0 or not self.found.exists():
            self.errors.seek(0)
            said = self.errors.read().decode("utf-8", "replace").strip().splitlines()
            return Fitness(trouble=clipped(printable(said[-1] if said else f"the process ended with {code}")))
        found = json.loads(self.found.read_text(encoding="utf-8"))
        predicted = np.array(found.pop("predicted"), dtype=np.float64)
        return Fitness(predicted, accepted=tuple(found.pop("accepted")), **found)


@contextmanager
def probing(files: Path, rows: pd.DataFrame, seconds: float = SECONDS) -> Iterator[Probe]:
    """Start to look at a model; the process ends with the block.

    Parameters
    ----------
    files : Path
        The folder of the model, as the registry gives it.
    rows : DataFrame
        Rows with the columns and types of the feature table, n of them; the first 10,000 are used.
    seconds : float
        When the process is killed.
    """
    with (
        tempfile.TemporaryDirectory() as empty,
        tempfile.TemporaryDirectory() as ours,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as errors,
    ):
        rows.head(MOST_ROWS).to_parquet(given)
        given.seek(0)
        found = Path(ours) / "found.json"
        process = subprocess.Popen(
            [sys.executable, "-I", str(Path(probe.__file__)), str(files.resolve()), str(found)],
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=empty,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": empty,
                "OMP_NUM_THREADS": "1",
                "MLFLOW_DISABLE_TELEMETRY": "true",
            },
        )
        try:
            yield Probe(process, found, errors, seconds, time.monotonic() + seconds)
        finally:
            process.kill()
            process.wait()
