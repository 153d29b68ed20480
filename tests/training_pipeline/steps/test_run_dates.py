"""The order of champions is the order of run dates, whenever they are decided on."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from training_pipeline.config import Settings
from training_pipeline.registry.history import KEPT, PROMOTED
from training_pipeline.steps.evaluate import evaluate
from training_pipeline.steps.promote import promote
from training_pipeline.steps.train import train

from .project import build_data, build_model_gates, execute, load
from .registered import decisions, require_one_champion
from .rows import RUN_DATE, SNAPSHOTS, training_rows

LATER = RUN_DATE + dt.timedelta(days=1)
EARLIER = dt.date(2017, 5, 31)
EARLIER_SNAPSHOTS = (dt.date(2016, 12, 31), *SNAPSHOTS[:-1])


def _challenge(settings: Settings, run_date: dt.date, rows: pa.Table | None = None) -> str | None:
    """Train and evaluate for a run date, let the gates judge, and return the champion that it was compared with."""
    if rows is not None:
        load(settings, rows)
    execute(settings, f"insert into raw.interaction values (date '{run_date}', 3.0)")
    assert build_data(settings, run_date).success
    train(settings, run_date)
    compared_with = evaluate(settings, run_date).champion_version
    assert build_model_gates(settings, run_date).success
    return compared_with


def test_an_earlier_run_date_never_replaces_a_later_champion(challenged: Settings) -> None:
    promote(challenged, RUN_DATE)
    assert _challenge(challenged, EARLIER, training_rows(EARLIER_SNAPSHOTS, seed=3)) is None, (
        "there was no champion at that time"
    )
    decision = promote(challenged, EARLIER)
    assert (decision.decision, decision.model_version) == (KEPT, "3")
    assert decision.reason == (
        "run date 2017-05-31 is earlier than 2017-06-30, the one of champion 2: an earlier run date never replaces a "
        "later champion"
    )
    require_one_champion(challenged, "2")


def test_a_past_run_date_is_compared_with_the_champion_of_that_time(challenged: Settings) -> None:
    assert _challenge(challenged, LATER, training_rows(seed=3)) == "1"
    assert promote(challenged, LATER).decision == PROMOTED
    assert _challenge(challenged, RUN_DATE, training_rows(seed=2)) == "1", (
        "not with version 3, which is of a later day"
    )
    assert promote(challenged, RUN_DATE).decision == KEPT
    require_one_champion(challenged, "3")


def test_a_champion_that_is_trained_again_is_of_the_later_run_date(evaluated: Settings) -> None:
    promote(evaluated, RUN_DATE)
    assert _challenge(evaluated, LATER) == "1"
    assert (
        promote(evaluated, LATER).reason == "it is the champion already; a champion is not replaced by itself"
    )
    _challenge(evaluated, RUN_DATE, training_rows(seed=2))
    assert "is earlier than 2017-07-01, the one of champion 1" in promote(evaluated, RUN_DATE).reason
    assert [decision for decision, _ in decisions(evaluated)] == [PROMOTED, KEPT, KEPT]
