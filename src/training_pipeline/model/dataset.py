"""The rows a model is trained on: read from the warehouse, checked, split by time, fingerprinted.

Examples
--------
>>> import datetime as dt
>>> import pyarrow as pa
>>> day = dt.date
>>> table = pa.table({
...     "snapshot_date": [day(2017, 1, 31), day(2017, 1, 31)],
...     "customer_id": [2, 1],
...     "recency_days": [4, 0],
...     "label_end_date": [day(2017, 3, 2), day(2017, 3, 2)],
...     "label": [0, 1],
... })
>>> dataset = from_table(table, run_date=day(2017, 3, 2))
>>> dataset.features, dataset.customer_id.tolist(), dataset.label.tolist()
(('recency_days',), [1, 2], [1, 0])
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from training_pipeline.errors import PipelineError

KEYS = ("snapshot_date", "customer_id")
LABELS = ("label_end_date", "label")
RELATION = "training_set"
RECENCY = "recency_days"  # days since the last interaction: referees and segments need it
VISITS = "visit_days"  # days with an interaction, the first one included
TENURE = "tenure_days"  # days since the first interaction

Days = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """Rows of `training_set` in the order of (snapshot_date, customer_id), features in the order of their names.

    Attributes
    ----------
    features : names of the k feature columns, sorted
    values : shape (n, k), finite
    label : shape (n,), 0 or 1
    whole_numbers : names of the features whose column is of an integer type
    """

    features: tuple[str, ...]
    snapshot_date: Days
    customer_id: Integers
    values: Floats
    label_end_date: Days
    label: Integers
    whole_numbers: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.label)

    @property
    def frame(self) -> pd.DataFrame:
        """The features as estimators take them, shape (n, k)."""
        return pd.DataFrame(self.values, columns=list(self.features), copy=False)

    @property
    def typed_frame(self) -> pd.DataFrame:
        """The features as the table has them, shape (n, k): integers as int64, the others as float64."""
        return self.frame.astype(dict.fromkeys(sorted(self.whole_numbers), "int64"))

    @property
    def snapshots(self) -> list[dt.date]:
        """The snapshot dates, earliest first."""
        return list(np.unique(self.snapshot_date).tolist())

    def where(self, mask: npt.NDArray[np.bool_]) -> Dataset:
        """The rows for which `mask`, shape (n,), is true."""
        return Dataset(
            features=self.features,
            snapshot_date=self.snapshot_date[mask],
            customer_id=self.customer_id[mask],
            values=self.values[mask],
            label_end_date=self.label_end_date[mask],
            label=self.label[mask],
            whole_numbers=self.whole_numbers,
        )

    def fingerprint(self) -> str:
        """SHA-256 over the names of the columns, those of integers, then each column's values in the order of the rows."""
        digest = hashlib.sha256()
        digest.update("\x1f".join([*KEYS, *self.features, *LABELS, *sorted(self.whole_numbers)]).encode())
        digest.update(len(self).to_bytes(8, "little"))
        for days in (self.snapshot_date, self.label_end_date):
            digest.update(days.astype("datetime64[D]").astype("<i8").tobytes())
        for integers in (self.customer_id, self.label):
            digest.update(integers.astype("<i8").tobytes())
        digest.update(self.values.astype("<f8").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Split:
    """Three parts of a data set, apart in time: train < validation < test."""

    train: Dataset
    validation: Dataset
    test: Dataset

    @property
    def fitted(self) -> Dataset:
        """What the registered model is fitted on: train and validation."""
        return concatenate(self.train, self.validation)


def concatenate(first: Dataset, second: Dataset) -> Dataset:
    """Both data sets' rows, the first one's before the second one's; they have the same features."""
    return Dataset(
        features=first.features,
        snapshot_date=np.concatenate([first.snapshot_date, second.snapshot_date]),
        customer_id=np.concatenate([first.customer_id, second.customer_id]),
        values=np.concatenate([first.values, second.values]),
        label_end_date=np.concatenate([first.label_end_date, second.label_end_date]),
        label=np.concatenate([first.label, second.label]),
        whole_numbers=first.whole_numbers,
    )


def from_table(table: pa.Table, run_date: dt.date) -> Dataset:
    """Check a table of training rows and put it in order.

    Raises
    ------
    PipelineError
        There is no row; a column is absent, not numeric, or has NULL, NaN or infinite values; a label is
        neither 0 nor 1; a customer occurs twice in one snapshot; or a label ends after the run date.
    """
    _require_columns(table, run_date)
    table = table.sort_by([(key, "ascending") for key in KEYS])
    features = tuple(sorted(set(table.column_names) - {*KEYS, *LABELS}))
    dataset = Dataset(
        features=features,
        snapshot_date=_days(table, "snapshot_date"),
        customer_id=_integers(table, "customer_id"),
        values=np.column_stack([_floats(table, name) for name in features]),
        label_end_date=_days(table, "label_end_date"),
        label=_integers(table, "label"),
        whole_numbers=frozenset(
            name for name in features if pa.types.is_integer(table.schema.field(name).type)
        ),
    )
    _require_rows(dataset, run_date)
    return dataset


def split_by_time(dataset: Dataset) -> Split:
    """Split by time: test is the latest snapshot, validation the one before it, train the earlier ones.

    A label of train or validation counts only when it has matured by the date of the test snapshot: on that
    day nobody could have known it otherwise. Snapshots whose labels mature later than that (a 30-day label of
    the end of January matures after the end of February) are left out.

    Raises
    ------
    PipelineError
        Fewer than three snapshots remain, or the labels of a part are all the same.
    """
    snapshots = dataset.snapshots
    test_date = np.datetime64(snapshots[-1], "D")
    usable = [day for day in snapshots[:-1] if _last_label_end(dataset, day) <= test_date]
    if len(usable) < 2:
        raise PipelineError(
            "training needs at least 3 snapshots (train, validation, test), the earlier ones with labels "
            f"that have matured by the date of the last one; {RELATION} has {len(snapshots)} "
            f"({', '.join(str(day) for day in snapshots)}), {len(usable)} of them matured by {test_date}. "
            "Load more history, or choose a later run date."
        )
    validation_date = np.datetime64(usable[-1], "D")
    parts = Split(
        train=dataset.where(np.isin(dataset.snapshot_date, np.array(usable[:-1], dtype="datetime64[D]"))),
        validation=dataset.where(dataset.snapshot_date == validation_date),
        test=dataset.where(dataset.snapshot_date == test_date),
    )
    for name, part in (("train", parts.train), ("validation", parts.validation), ("test", parts.test)):
        if len(np.unique(part.label)) < 2:
            raise PipelineError(
                f"the labels of the {name} part must be of both classes; all {len(part)} of snapshot "
                f"{', '.join(str(day) for day in part.snapshots)} are {part.label[0]}. "
                "Look at the label in training_set: is the horizon right for this table?"
            )
    return parts


def _last_label_end(dataset: Dataset, snapshot: dt.date) -> np.datetime64:
    ends = dataset.label_end_date[dataset.snapshot_date == np.datetime64(snapshot, "D")]
    return np.datetime64(ends.max(), "D")


def _require_columns(table: pa.Table, run_date: dt.date) -> None:
    needed = (*KEYS, RECENCY, *LABELS)
    absent = [name for name in needed if name not in table.column_names]
    if absent:
        raise PipelineError(
            f"{RELATION} must have the columns {', '.join(needed)}; {', '.join(absent)} absent. "
            "Build it with dbt build."
        )
    if table.num_rows == 0:
        raise PipelineError(
            f"{RELATION} has no rows: no snapshot's labels have matured by the run date {run_date}. "
            "Load more history, or choose a later run date."
        )
    for field in (field for field in table.schema if field.name not in (*KEYS, *LABELS)):
        numeric = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        if not (numeric or pa.types.is_decimal(field.type) or pa.types.is_boolean(field.type)):
            raise PipelineError(
                f"every feature of {RELATION} must be numeric; {field.name} is of type {field.type}. "
                "Cast or drop it in customer_snapshot."
            )
    for name in table.column_names:
        if nulls := table[name].null_count:
            raise PipelineError(
                f"{RELATION}.{name} must have no NULL; {nulls} of {table.num_rows} rows have one. "
                "Give it a value in customer_snapshot."
            )


def _require_rows(dataset: Dataset, run_date: dt.date) -> None:
    finite = np.isfinite(dataset.values)
    if not finite.all():
        column = int(np.argmin(finite.all(axis=0)))
        raise PipelineError(
            f"{RELATION}.{dataset.features[column]} must be finite; {int((~finite[:, column]).sum())} of "
            f"{len(dataset)} rows are NaN or infinite. Mend it in customer_snapshot."
        )
    strange = np.setdiff1d(dataset.label, [0, 1])
    if len(strange):
        raise PipelineError(f"{RELATION}.label must be 0 or 1; received {strange[0]}")
    repeated = (np.diff(dataset.customer_id) == 0) & (dataset.snapshot_date[1:] == dataset.snapshot_date[:-1])
    if repeated.any():
        row = int(np.argmax(repeated))
        raise PipelineError(
            f"{RELATION} must have one row per customer and snapshot; customer {dataset.customer_id[row]} "
            f"has several at {dataset.snapshot_date[row]}"
        )
    if (dataset.label_end_date > np.datetime64(run_date, "D")).any():
        raise PipelineError(
            f"{RELATION} must hold matured labels only; {dataset.label_end_date.max()} is after the run date "
            f"{run_date}. It was built for a later run date: build it again for this one."
        )


def _days(table: pa.Table, name: str) -> Days:
    days: Days = table[name].cast(pa.date32()).to_numpy().astype("datetime64[D]")
    return days


def _integers(table: pa.Table, name: str) -> Integers:
    integers: Integers = table[name].cast(pa.int64()).to_numpy()
    return integers


def _floats(table: pa.Table, name: str) -> Floats:
    floats: Floats = pc.cast(table[name], pa.float64()).to_numpy()
    return floats
