"""Referees: what each of them predicts, and that a label in a feature shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training_pipeline.steps.rows import RUN_DATE, training_rows
from training_pipeline.model import metrics, referees
from training_pipeline.model.dataset import Dataset, Floats, Split, from_table, split_by_time


def _split() -> Split:
    return split_by_time(from_table(training_rows(customers=300), RUN_DATE))


def _with(dataset: Dataset, name: str, values: Floats) -> Dataset:
    return replace(
        dataset, features=(*dataset.features, name), values=np.column_stack([dataset.values, values])
    )


def _copied(label: Floats) -> Floats:
    return label


def _folded(label: Floats) -> Floats:
    """Not monotone: label 1 in the middle, label 0 on both sides."""
    side = np.where(np.arange(len(label)) % 2 == 0, -5.0, 5.0)
    return np.where(label == 1, 0.0, side)


def _sentinel(label: Floats) -> Floats:
    """A date that is only filled in for the others."""
    return np.where(label == 1, -1.0, np.arange(len(label)) % 97)


@pytest.mark.parametrize("leak", [_copied, _folded, _sentinel])
def test_label_in_a_feature_is_found_however_it_is_written(leak: object) -> None:
    assert callable(leak)
    parts = _split()
    fitted, test = (
        _with(part, "leak", leak(part.label.astype(float))) for part in (parts.fitted, parts.test)
    )
    found = referees.references(fitted, test)[referees.BEST_FEATURE]
    assert found.note == "the feature is leak"
    assert found.predicted is not None
    assert metrics.auc(test.label, found.predicted, np.ones((1, len(test))))[0] > 0.999


def test_rare_leak_is_found() -> None:
    # 3 % of label 0: fewer than a bin holds
    parts = _split()
    parts = Split(*(replace(part, label=(np.arange(len(part)) % 33 != 0).astype(np.int64))
                    for part in (parts.train, parts.validation, parts.test)))  # fmt: skip
    fitted, test = (_with(part, "leak", part.label.astype(float)) for part in (parts.fitted, parts.test))
    found = referees.references(fitted, test)[referees.BEST_FEATURE]
    assert found.note == "the feature is leak"


def test_bg_nbd_is_there_when_its_features_are() -> None:
    parts = _split()
    assert referees.BG_NBD not in referees.references(parts.fitted, parts.test)
    recency = parts.fitted.features.index("recency_days")

    def completed(part: Dataset) -> Dataset:
        days = part.values[:, recency]
        return _with(_with(part, "tenure_days", days + 60), "visit_days", 1 + np.floor(60 / (1 + days)))

    found = referees.references(completed(parts.fitted), completed(parts.test))[referees.BG_NBD]
    assert found.predicted is not None and found.by_segment
    assert metrics.invalid(found.predicted) == 0
    assert metrics.auc(parts.test.label, found.predicted, np.ones((1, len(parts.test))))[0] > 0.7
