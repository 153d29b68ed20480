"""Rows of many days from a short rule, for the gates that look back."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def expand_history(
    rules: Sequence[Mapping[str, Any]], columns: Mapping[str, str], run_date: dt.date
) -> list[list[Any]]:
    """Expand rules into rows.

    Parameters
    ----------
    rules : each has `days` ([first, last] as offsets from the run date, both included), `except` (offsets left
        out), `every` (only each n-th day, counted back from `last`), `rows` (rows a day, 1) and `values`: for each column
        a value, a list cycled through by row within the day, or `{by_day: [...]}` cycled through by day, the
        first one falling on `last`. The column that is not in `values` gets the day.
    columns : the columns of the table in order
    run_date : day 0

    Returns
    -------
    list of rows, oldest day first
    """
    return [row for rule in rules for row in _expand(rule, list(columns), run_date)]


def _expand(rule: Mapping[str, Any], columns: list[str], run_date: dt.date) -> Iterator[list[Any]]:
    first, last = rule["days"]
    for offset in range(first, last + 1):
        if offset in rule.get("except", []) or (last - offset) % rule.get("every", 1):
            continue
        day = run_date + dt.timedelta(days=offset)
        for index in range(_pick(rule.get("rows", 1), last - offset, 0)):
            yield [
                _pick(rule["values"][name], last - offset, index) if name in rule["values"] else day
                for name in columns
            ]


def _pick(value: Any, day: int, row: int) -> Any:
    if isinstance(value, Mapping):
        choices = value["by_day"]
        return _pick(choices[day % len(choices)], day, row)
    return value[row % len(value)] if isinstance(value, list) else value
