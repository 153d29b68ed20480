"""Groups of customers in which a model may be wrong although it is right on the whole."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from training_pipeline.model.dataset import RECENCY, Dataset, Floats
from training_pipeline.model.metrics import CALIBRATION_BINS, calibration_bins

WHOLE = "all"
MIN_SIZE = 100  # customers; in a smaller group the actual rate is known to no better than about 0.1
_RECENCY_BOUNDS = (0, 31, 91, 181, 366)  # days since the last interaction, the first day of each group

Mask = npt.NDArray[np.bool_]


def segments(dataset: Dataset, predicted: Floats) -> dict[str, Mask]:
    """The rows of each group, shape (n,), by the group's name.

    'recency:0-30' to 'recency:366-' by the days since the last interaction, 'prediction:1' to 'prediction:10'
    by quantiles of the predicted probability. Groups without a row are there too: they are undecided, not
    absent.
    """
    days = dataset.frame[RECENCY].to_numpy()
    bins = calibration_bins(predicted)
    last = _RECENCY_BOUNDS[-1]
    return {
        **{
            f"recency:{low}-{high - 1}": (days >= low) & (days < high)
            for low, high in pairwise(_RECENCY_BOUNDS)
        },
        f"recency:{last}-": days >= last,
        **{f"prediction:{number + 1}": bins == number for number in range(CALIBRATION_BINS)},
    }
