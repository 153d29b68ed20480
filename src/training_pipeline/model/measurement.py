"""What is compared, and what comes out: a reference's predictions in, rows of `ml.model_evaluation` out."""

from __future__ import annotations

from dataclasses import dataclass

from training_pipeline.model.bootstrap import Interval
from training_pipeline.model.dataset import Floats

NO_REFERENCE = "none"
OWN_NOISE = "own_noise"

MEASURED = "measured"
UNDECIDED = "undecided"
NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True)
class Reference:
    """Somebody else's predictions of the same rows.

    Attributes
    ----------
    predicted : probabilities, shape (n,); None where they cannot be compared with the challenger's
    version : of a registered model
    note : what a reader has to know: why it is not comparable, or which feature it is
    by_segment : whether the challenger is compared with it in each segment too
    """

    predicted: Floats | None
    version: str | None = None
    note: str | None = None
    by_segment: bool = False


@dataclass(frozen=True)
class Measurement:
    """One row of `ml.model_evaluation`: a metric of the challenger and, where there is one, of a reference.

    Attributes
    ----------
    difference : how much better the challenger is than the reference; positive is better for every metric,
        see `metrics.advantage`
    status : 'measured'; 'undecided' where the customers are too few or of one kind; 'not comparable'
    note : why it is not measured, and what is needed; or what the reference is
    """

    metric: str
    segment: str
    value: Interval
    sample_size: int
    reference: str = NO_REFERENCE
    reference_version: str | None = None
    reference_value: Interval | None = None
    difference: Interval | None = None
    status: str = MEASURED
    note: str | None = None
