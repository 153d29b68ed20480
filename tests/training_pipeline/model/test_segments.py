"""Which group a customer is in."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from training_pipeline.model.dataset import Dataset
from training_pipeline.model.segments import segments, tenths

COUNT = 6
DATASET = Dataset(
    features=("is_member", "recency_days", "tenure_days", "visit_days"),
    snapshot_date=np.full(COUNT, np.datetime64(dt.date(2018, 1, 31))),
    customer_id=np.arange(COUNT),
    values=np.array(
        [[0, 0, 0, 1], [1, 30, 90, 2], [1, 31, 91, 3], [0, 90, 180, 5], [1, 366, 365, 10], [0, 400, 500, 11]],
        dtype=np.float64,
    ),
    label_end_date=np.full(COUNT, np.datetime64(dt.date(2018, 3, 2))),
    label=np.array([0, 1, 0, 1, 0, 1]),
)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("recency:0-30", [0, 1]), ("recency:31-90", [2, 3]), ("recency:91-180", []), ("recency:366-", [4, 5]),
        ("frequency:1", [0]), ("frequency:2", [1]), ("frequency:3-5", [2, 3]), ("frequency:6-10", [4]),
        ("frequency:11-", [5]), ("tenure:0-90", [0, 1]), ("tenure:91-180", [2, 3]), ("tenure:366-", [5]),
        ("is_member:0", [0, 3, 5]), ("is_member:1", [1, 2, 4]),
    ],
)  # fmt: skip
def test_members(name: str, rows: list[int]) -> None:
    assert np.flatnonzero(segments(DATASET)[name]).tolist() == rows


def test_each_family_holds_each_customer_once() -> None:
    groups = segments(DATASET)
    for family in ("recency", "frequency", "tenure", "is_member"):
        members = [mask for name, mask in groups.items() if name.startswith(f"{family}:")]
        assert np.sum(members, axis=0).tolist() == [1] * COUNT


def test_feature_that_is_absent_makes_no_segment() -> None:
    without = Dataset(
        ("recency_days",), DATASET.snapshot_date, DATASET.customer_id, DATASET.values[:, 1:2],
        DATASET.label_end_date, DATASET.label,
    )  # fmt: skip
    assert {name.split(":")[0] for name in segments(without)} == {"recency"}


def test_tenths_are_quantiles_of_the_prediction() -> None:
    groups = tenths(np.linspace(0, 1, 100))
    assert [int(mask.sum()) for mask in groups.values()] == [10] * 10
