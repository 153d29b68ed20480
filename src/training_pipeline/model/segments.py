"""Groups of customers in which a model may be wrong although it is right on the whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from training_pipeline.model import calibration
from training_pipeline.model.dataset import RECENCY, TENURE, VISITS, Dataset, Floats

WHOLE = "all"
MIN_SIZE = 30  # customers; in a smaller group the normal approximation of the intervals does not hold

# Each family: the feature that it is made of, and the first value of each of its groups
_FAMILIES = {
    "recency": (RECENCY, (0, 31, 91, 181, 366)),
    "frequency": (VISITS, (1, 2, 3, 6, 11)),
    "tenure": (TENURE, (0, 91, 181, 366)),
}

Mask = npt.NDArray[np.bool_]


def segments(dataset: Dataset) -> dict[str, Mask]:
    """The rows of each group that gates judge, shape (n,), by the group's name.

    'recency:0-30' to 'recency:366-' by days since the last interaction, 'frequency:1' to 'frequency:11-' by
    days with an interaction, 'tenure:0-90' to 'tenure:366-' by days since the first one, as far as there are
    such features; 'NAME:0' and 'NAME:1' by each feature that has no other values. Groups without a row are
    there too: they are undecided, not absent.
    """
    columns = dict(zip(dataset.features, dataset.values.T, strict=True))
    groups: dict[str, Mask] = {}
    for family, (feature, starts) in _FAMILIES.items():
        if feature in columns:
            groups |= _ranges(family, columns[feature], starts)
    ranged = {feature for feature, _ in _FAMILIES.values()}
    for feature, values in columns.items():
        if feature not in ranged and np.array_equal(np.unique(values), [0, 1]):
            groups |= {f"{feature}:0": values == 0, f"{feature}:1": values == 1}
    return groups


def tenths(predicted: Floats) -> dict[str, Mask]:
    """The rows of 'prediction:1' to 'prediction:10', by quantiles of the predicted probability."""
    bins = calibration.bins(predicted)
    return {f"prediction:{number + 1}": bins == number for number in range(calibration.BINS)}


def _ranges(family: str, values: Floats, starts: Sequence[int]) -> dict[str, Mask]:
    groups: dict[str, Mask] = {}
    for low, high in zip_longest(starts, starts[1:]):
        if high is None:
            groups[f"{family}:{low}-"] = values >= low
        else:
            name = f"{family}:{low}" if high == low + 1 else f"{family}:{low}-{high - 1}"
            groups[name] = (values >= low) & (values < high)
    return groups
