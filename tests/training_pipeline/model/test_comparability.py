"""Which other models a challenger may be compared with."""

from __future__ import annotations

import datetime as dt

from training_pipeline.model.comparability import overlap, past_champions

RUN_DATE = dt.date(2018, 6, 30)
SNAPSHOT = dt.date(2018, 5, 31)


def test_labels_that_end_on_the_test_snapshot_know_none_of_its_days() -> None:
    assert overlap("1", {"fitted_until": "2018-05-31", "run_date": "2018-06-30"}, SNAPSHOT) is None
    reason = overlap("1", {"fitted_until": "2018-06-01", "run_date": "2018-06-30"}, SNAPSHOT)
    assert reason is not None and "up to 2018-06-01" in reason


def test_version_without_the_tag_saw_nothing_after_its_run_date() -> None:
    assert overlap("1", {"run_date": "2018-05-31"}, SNAPSHOT) is None
    assert overlap("1", {"run_date": "2018-06-30"}, SNAPSHOT) is not None


def test_past_champions_are_those_that_served_in_the_last_year() -> None:
    champions = [
        ("1", dt.date(2016, 1, 31)),
        ("2", dt.date(2016, 6, 30)),  # served until 2017-07-31: within a year of the run date
        ("3", dt.date(2017, 7, 31)),
        ("6", dt.date(2018, 4, 30)),
    ]
    assert past_champions(champions, RUN_DATE) == ["2", "3", "6"]
    assert past_champions([], RUN_DATE) == []


def test_champions_of_later_run_dates_are_no_past_ones() -> None:
    champions = [("1", dt.date(2018, 1, 31)), ("2", RUN_DATE), ("3", dt.date(2018, 7, 1))]
    assert past_champions(champions, RUN_DATE) == ["1", "2"]
