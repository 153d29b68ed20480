"""Whether another model may be measured on the test snapshot at all, and which past champion is the anchor."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

FITTED_UNTIL = "fitted_until"  # tag of a version: the last day that its labels look at
ANCHOR_AGE = dt.timedelta(days=365)


def overlap(version: str, tags: Mapping[str, str], snapshot: dt.date) -> str | None:
    """Say why a version cannot be compared on a snapshot, or None when it can.

    The labels of a snapshot are about the days after it. A model that was fitted on any of these days knows
    some of the answers, and would look better than it is. A version without the tag `fitted_until` saw
    nothing after its run date.

    Examples
    --------
    >>> overlap("3", {"fitted_until": "2017-11-30"}, dt.date(2017, 11, 30))
    >>> overlap("3", {"fitted_until": "2017-12-30"}, dt.date(2017, 11, 30))
    'version 3 was fitted on days up to 2017-12-30, and the test snapshot 2017-11-30 is about the days after it'
    """
    until = tags.get(FITTED_UNTIL) or tags["run_date"]
    if dt.date.fromisoformat(until) <= snapshot:
        return None
    return (
        f"version {version} was fitted on days up to {until}, and the test snapshot {snapshot} is about the "
        "days after it"
    )


def past_champions(champions: Sequence[tuple[str, dt.date]], run_date: dt.date) -> list[str]:
    """The versions that were champion in the year before a run date, each once, earliest first.

    Parameters
    ----------
    champions : sequence of (version, date)
        Each version with the run date that it was promoted for, earliest first; without those that were rolled back:
        somebody has found them bad. Those of later run dates do not count.
    """
    ends = [since for _, since in champions[1:]] + [dt.date.max]
    # a champion of two years ago that served until last month was champion in this year
    return list(
        dict.fromkeys(
            version
            for (version, since), end in zip(champions, ends, strict=False)
            if since <= run_date and end > run_date - ANCHOR_AGE
        )
    )
