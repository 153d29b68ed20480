"""Days as people write and read them: single days and ranges."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gates.errors import GatesError


@dataclass(frozen=True, order=True)
class DayRange:
    """Days from the first to the last, both included."""

    first: dt.date
    last: dt.date

    @property
    def days(self) -> list[dt.date]:
        """Return each of the days."""
        return [self.first + dt.timedelta(number) for number in range((self.last - self.first).days + 1)]

    def __str__(self) -> str:
        """Return it as a command takes it."""
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"

    @property
    def in_words(self) -> str:
        """Return it as a sentence has it."""
        if self.first == self.last:
            return str(self.first)
        return f"{self.first} to {self.last} ({len(self.days)} days)"


def parsed_day(text: str) -> dt.date | None:
    """Return a day that is written as YYYY-MM-DD; None for anything else.

    Examples
    --------
    >>> parsed_day("2017-12-31"), parsed_day("2017-W52-7"), parsed_day("2017-02-30")
    (datetime.date(2017, 12, 31), None, None)
    """
    try:
        return dt.date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else None
    except ValueError:
        return None


def parsed_range(text: str) -> DayRange:
    """Return a day or a range that is written as DAY or DAY..DAY.

    Raises
    ------
    GatesError
        When it is neither.

    Examples
    --------
    >>> str(parsed_range("2017-08-01..2017-08-31")), str(parsed_range("2017-08-01"))
    ('2017-08-01..2017-08-31', '2017-08-01')
    """
    first, dots, last = text.partition("..")
    ends = parsed_day(first), parsed_day(last if dots else first)
    if ends[0] is None or ends[1] is None or ends[1] < ends[0]:
        raise GatesError(
            f"days must be YYYY-MM-DD, or YYYY-MM-DD..YYYY-MM-DD from an earlier to a later day, received {text!r}"
        )
    return DayRange(ends[0], ends[1])


def folded(days: Iterable[dt.date], between: Collection[dt.date] = ()) -> list[DayRange]:
    """Return days as ranges, in order.

    Parameters
    ----------
    between : collection of date, optional
        Days that interrupt no range, such as those on which nothing is due; a range neither begins nor ends with one.

    Examples
    --------
    >>> [str(each) for each in folded(map(dt.date.fromisoformat, ("2017-08-02", "2017-08-01", "2017-08-04")))]
    ['2017-08-01..2017-08-02', '2017-08-04']
    """
    ranges: list[DayRange] = []
    for day in sorted(set(days)):
        if ranges and all(each in between for each in DayRange(ranges[-1].last, day).days[1:-1]):
            ranges[-1] = DayRange(ranges[-1].first, day)
        else:
            ranges.append(DayRange(day, day))
    return ranges
