"""The calendar of the sample follows its rule: it has no day because of an alarm."""

from __future__ import annotations

import csv
import datetime as dt

from tests.conftest import ROOT

YEAR = 2017
EASTER = dt.date(2017, 4, 16)
MONDAY, THURSDAY = 0, 3


def nth(month: int, weekday: int, number: int) -> dt.date:
    """Return a weekday of a month; the last for -1."""
    days = [dt.date(YEAR, month, 1) + dt.timedelta(number) for number in range(31)]
    return [day for day in days if day.month == month and day.weekday() == weekday][number]


def test_calendar_is_what_its_rule_says() -> None:
    holidays = [
        dt.date(YEAR, 1, 1),
        dt.date(YEAR + 1, 1, 1),
        EASTER,
        nth(5, MONDAY, -1),
        dt.date(YEAR, 7, 4),
        nth(9, MONDAY, 0),
        thanksgiving := nth(11, THURSDAY, 3),
        christmas := dt.date(YEAR, 12, 25),
    ]
    days = {*holidays, *(day - dt.timedelta(1) for day in holidays)}
    days |= {thanksgiving + dt.timedelta(1), thanksgiving + dt.timedelta(2)}
    days |= {christmas - dt.timedelta(2), christmas + dt.timedelta(1)}

    with (ROOT / "dbt_project" / "seeds" / "calendar.csv").open(newline="") as file:
        listed = [dt.date.fromisoformat(row["calendar_date"]) for row in csv.DictReader(file)]

    assert listed == sorted(day for day in days if day.year == YEAR)
