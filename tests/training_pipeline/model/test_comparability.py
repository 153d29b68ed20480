"""Which other models a challenger may be compared with."""

from __future__ import annotations

import datetime as dt

from training_pipeline.model.comparability import overlap, past_champions

RUN_DATE = dt.date(2018, 6, 30)
SNAPSHOT = dt.date(2018, 5, 31)


def _row(version: str, day: dt.date, decision: str = "promoted") -> dict[str, object]:
    return {"model_version": version, "run_date": day, "decision": decision}


def test_labels_that_end_on_the_test_snapshot_know_none_of_its_days() -> None:
    assert overlap("1", {"fitted_until": "2018-05-31", "run_date": "2018-06-30"}, SNAPSHOT) is None
    reason = overlap("1", {"fitted_until": "2018-06-01", "run_date": "2018-06-30"}, SNAPSHOT)
    assert reason is not None and "up to 2018-06-01" in reason


def test_version_without_the_tag_saw_nothing_after_its_run_date() -> None:
    assert overlap("1", {"run_date": "2018-05-31"}, SNAPSHOT) is None
    assert overlap("1", {"run_date": "2018-06-30"}, SNAPSHOT) is not None


def test_past_champions_are_those_that_served_in_the_last_year() -> None:
    history = [
        _row("1", dt.date(2016, 1, 31)),
        _row("2", dt.date(2016, 6, 30)),  # served until 2017-07-31: within a year of the run date
        _row("3", dt.date(2017, 7, 31)),
        _row("4", dt.date(2018, 1, 31), "rejected"),
        _row("5", dt.date(2018, 2, 28)),
        _row("3", dt.date(2018, 3, 31), "rolled_back"),  # from 5 back to 3
        _row("6", dt.date(2018, 4, 30)),
    ]
    assert past_champions(history, RUN_DATE) == ["2", "3", "6"]
    assert past_champions([], RUN_DATE) == []
