"""What may be trained on, and in which part of time a row is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from tests.training_pipeline.steps.rows import RUN_DATE, SNAPSHOTS, replaced, training_rows
from training_pipeline.errors import PipelineError
from training_pipeline.model.dataset import from_table, split_by_time


def test_rows_and_features_come_in_one_order_whatever_the_table_order() -> None:
    table = training_rows()
    dataset = from_table(table, RUN_DATE)
    turned = from_table(
        table.select(table.column_names[::-1]).sort_by([("amount_30", "ascending")]), RUN_DATE
    )
    assert dataset.features == ("amount_30", "amount_trend", "recency_days")
    assert turned.features == dataset.features
    assert np.array_equal(turned.values, dataset.values)
    assert turned.fingerprint() == dataset.fingerprint()
    keys = list(zip(dataset.snapshot_date.tolist(), dataset.customer_id.tolist(), strict=True))
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("column", "other"),
    [
        ("recency_days", 121),
        ("amount_30", 0.125),
        ("customer_id", 10_000),
        ("label_end_date", dt.date(2017, 6, 29)),
    ],
)
def test_fingerprint_sees_one_changed_value(column: str, other: object) -> None:
    table = training_rows()
    changed = replaced(table, column, [other, *table[column].to_pylist()[1:]], table[column].type)
    assert from_table(changed, RUN_DATE).fingerprint() != from_table(table, RUN_DATE).fingerprint()


def test_fingerprint_sees_a_renamed_feature() -> None:
    table = training_rows()
    renamed = table.rename_columns({"amount_30": "amount_31"})
    assert from_table(renamed, RUN_DATE).fingerprint() != from_table(table, RUN_DATE).fingerprint()


def test_fingerprint_sees_a_feature_of_another_type() -> None:
    """Otherwise a model would be taken again whose signature refuses the rows."""
    table = training_rows()
    place = table.column_names.index("recency_days")
    retyped = table.set_column(place, "recency_days", table["recency_days"].cast(pa.float64()))
    assert from_table(retyped, RUN_DATE).fingerprint() != from_table(table, RUN_DATE).fingerprint()


def _with_null(table: pa.Table) -> pa.Table:
    return replaced(table, "amount_30", [None, *table["amount_30"].to_pylist()[1:]])


def _with_nan(table: pa.Table) -> pa.Table:
    return replaced(table, "amount_30", [float("nan"), *table["amount_30"].to_pylist()[1:]])


def _twice(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table.slice(0, 1)])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table: table.slice(0, 0), "training_set has no rows"),
        (lambda table: table.drop_columns(["label"]), "must have the columns .*; label absent"),
        (lambda table: table.drop_columns(["recency_days"]), "must have the columns .*; recency_days absent"),
        (_with_null, r"training_set.amount_30 must have no NULL; 1 of 1000 rows"),
        (_with_nan, r"training_set.amount_30 must be finite; 1 of 1000 rows"),
        (lambda table: replaced(table, "amount_30", ["a"] * len(table)), "amount_30 is of type string"),
        (lambda table: replaced(table, "label", [2] * len(table)), "label must be 0 or 1; received 2"),
        (_twice, "must have one row per customer and snapshot; customer [0-9]+ has several at 2017-0"),
    ],
)
def test_unusable_rows_are_refused(spoil: Callable[[pa.Table], pa.Table], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        from_table(spoil(training_rows()), RUN_DATE)


def test_label_after_the_run_date_is_refused() -> None:
    with pytest.raises(PipelineError, match="2017-06-30 is after the run date 2017-06-29"):
        from_table(training_rows(), dt.date(2017, 6, 29))


def test_split_is_by_time() -> None:
    parts = split_by_time(from_table(training_rows(), RUN_DATE))
    assert parts.test.snapshots == [dt.date(2017, 5, 31)]
    assert parts.validation.snapshots == [dt.date(2017, 4, 30)]
    assert parts.train.snapshots == list(SNAPSHOTS[:3])
    assert max(parts.fitted.snapshots) < min(parts.test.snapshots)


def test_label_that_matures_after_the_test_snapshot_is_left_out() -> None:
    # The 30 days after 31 January end on 2 March, after the snapshot of 28 February
    snapshots = [dt.date(2016, 11, 30), dt.date(2016, 12, 31), dt.date(2017, 1, 31), dt.date(2017, 2, 28)]
    parts = split_by_time(from_table(training_rows(snapshots), RUN_DATE))
    assert parts.test.snapshots == [dt.date(2017, 2, 28)]
    assert parts.validation.snapshots == [dt.date(2016, 12, 31)]
    assert parts.train.snapshots == [dt.date(2016, 11, 30)]


def test_two_snapshots_are_too_few() -> None:
    with pytest.raises(PipelineError, match=r"at least 3 snapshots .* has 2 \(2017-04-30, 2017-05-31\)"):
        split_by_time(from_table(training_rows(SNAPSHOTS[-2:]), RUN_DATE))


@pytest.mark.parametrize(("part", "snapshot"), [("test", SNAPSHOTS[-1]), ("validation", SNAPSHOTS[-2])])
def test_one_class_is_refused(part: str, snapshot: dt.date) -> None:
    table = training_rows()
    is_part = np.array(table["snapshot_date"].to_pylist()) == snapshot
    labels = np.where(is_part, 1, table["label"].to_numpy())
    with pytest.raises(
        PipelineError, match=f"{part} part must be of both classes; all 200 of snapshot {snapshot} are 1"
    ):
        split_by_time(from_table(replaced(table, "label", labels), RUN_DATE))
