"""Read what runs left in the ledger: the rows of an invocation, and the values of the days before."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Row = dict[str, Any]
Query = Callable[[str], Iterable[Row]]
Key = tuple[str, str, str, str]

PAST_DAYS = 28


def of_invocation(query: Query, ledger: str, invocation_id: str) -> list[Row]:
    """Return the rows that one dbt invocation recorded.

    Parameters
    ----------
    query : callable
        Returns the rows of a select.
    ledger : str
        The table, as SQL names it.
    """
    return list(
        query(
            f"select * from {ledger} where invocation_id = {_literal(invocation_id)}"
            " order by relation, node_id, metric, segment"
        )
    )


def past(query: Query, ledger: str, rows: Iterable[Mapping[str, Any]]) -> dict[Key, dict[dt.date, object]]:
    """Return the values that the metrics of some rows had on the days before, as each day was judged last.

    A value is found by relation, gate, metric and segment, not by the test's id: dbt hashes the arguments into the id, so a changed
    bound would lose the past.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of one run date.
    """
    run_dates = {key(row): row["run_date"] for row in rows}
    if not run_dates:
        return {}
    last = max(run_dates.values())
    gates = ", ".join(sorted({_literal(gate) for _, gate, _, _ in run_dates}))
    values: dict[Key, dict[dt.date, object]] = defaultdict(dict)
    for row in query(
        f"select relation, gate, metric, segment, run_date, current_value from {ledger}"
        f" where run_date >= cast('{last - dt.timedelta(PAST_DAYS)}' as date) and run_date < cast('{last}' as date)"
        f" and gate in ({gates}) order by recorded_at"
    ):
        if key(row) in run_dates:
            values[key(row)][row["run_date"]] = row["current_value"]
    return dict(values)


def key(row: Mapping[str, Any]) -> Key:
    """Return what a row measures."""
    return row["relation"] or "", row["gate"], row["metric"], row["segment"]


def as_json(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows of the ledger as JSON: days and instants in ISO 8601; NaN and infinity as text, because JSON has no such numbers.

    Examples
    --------
    >>> as_json([{"gate": "interval_ratio", "statistic": float("inf"), "run_date": dt.date(2026, 11, 22)}])
    '[\\n  {\\n    "gate": "interval_ratio",\\n    "statistic": "Infinity",\\n    "run_date": "2026-11-22"\\n  }\\n]'
    """
    plain = [{name: _json_value(value) for name, value in row.items()} for row in rows]
    return json.dumps(plain, indent=2, default=str, allow_nan=False)


def _json_value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value.isoformat() if isinstance(value, dt.date) else value


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
