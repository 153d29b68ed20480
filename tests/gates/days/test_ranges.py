"""Days as people write them, and as they are shown."""

from __future__ import annotations

import datetime as dt

import pytest

from gates.days.ranges import folded, parsed_range
from gates.errors import GatesError


@pytest.mark.parametrize(
    "text",
    [
        "2017-02-30",
        "2017-01-02..2017-01-01",
        "2017-01-01..",
        "..2017-01-01",
        "August",
        "2017-01-01...2017-01-02",
        "",
    ],
)
def test_what_is_no_range_is_refused_with_the_value(text: str) -> None:
    with pytest.raises(GatesError, match=r"days must be YYYY-MM-DD, or .* received '"):
        parsed_range(text)


def test_days_are_folded_over_what_may_lie_between() -> None:
    days = [dt.date(2017, 9, 1), dt.date(2017, 9, 4), dt.date(2017, 9, 6)]
    weekend = [dt.date(2017, 9, 2), dt.date(2017, 9, 3)]
    assert [str(each) for each in folded(days, weekend)] == ["2017-09-01..2017-09-04", "2017-09-06"]
    assert [each.in_words for each in folded(days)] == ["2017-09-01", "2017-09-04", "2017-09-06"]
    assert folded([]) == []
