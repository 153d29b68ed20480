"""Synthetic training rows: what the tests of this folder train on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

RUN_DATE = dt.date(2017, 6, 30)
SNAPSHOTS = tuple(dt.date(2017, month, day) for month, day in ((1, 31), (2, 28), (3, 31), (4, 30), (5, 31)))
CUSTOMERS = 200


def training_rows(
    snapshots: Sequence[dt.date] = SNAPSHOTS,
    customers: int = CUSTOMERS,
    seed: int = 1,
    *,
    is_linear: bool = True,
) -> pa.Table:
    """Shuffled rows as dbt builds them; the label depends on recency alone: on a line of its log, or not."""
    generator = np.random.default_rng(seed)
    rows = len(snapshots) * customers
    recency = generator.integers(0, 120, rows)
    logit = 6 - 1.3 * np.log1p(recency) if is_linear else np.where((recency > 30) & (recency < 80), -2, 2)
    dates = np.repeat(np.array(snapshots, dtype="datetime64[D]"), customers)
    table = pa.table(
        {
            "snapshot_date": dates,
            "customer_id": np.tile(np.arange(customers, dtype=np.int64), len(snapshots)),
            "recency_days": recency,
            "amount_30": generator.gamma(2, 30, rows),
            "amount_trend": generator.normal(0, 1, rows),
            "label_end_date": dates + np.timedelta64(30, "D"),
            "label": (generator.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int32),
        }
    )
    return table.take(generator.permutation(rows))


def replaced(
    table: pa.Table, column: str, values: Sequence[object] | np.ndarray, type_: pa.DataType | None = None
) -> pa.Table:
    """The table with other values in one column."""
    return table.set_column(table.column_names.index(column), column, pa.array(values, type=type_))
