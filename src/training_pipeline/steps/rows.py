"""Read `training_set` from the warehouse."""

from __future__ import annotations

import datetime as dt

from training_pipeline.config import Settings
from training_pipeline.model.dataset import RELATION, Dataset, from_table
from training_pipeline.warehouse.postgres import read_arrow


def read(settings: Settings, run_date: dt.date) -> Dataset:
    """Return the whole `training_set`, read by columns.

    Raises
    ------
    PipelineError
        The table cannot be read, or its rows are not fit for training; see `dataset.from_table`.
    """
    return from_table(read_arrow(settings, f'select * from "{settings.schema}".{RELATION}'), run_date)
