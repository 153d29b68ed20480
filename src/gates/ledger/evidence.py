"""Read the ledger of the gates: what each of them said last about a run date, and put it in words."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

LEDGER, SEALS = "gate_results", "gate_seals"
PASSED = ("pass", "warn", "learning")

Row = dict[str, Any]


def latest(
    query: Callable[[str], Iterable[Row]],
    ledger: str,
    run_date: dt.date,
    node_ids: Iterable[str] | None = None,
) -> dict[str, list[Row]]:
    """Return the ledger rows that each test wrote last for a run date, by the test's unique id.

    Parameters
    ----------
    query : callable
        Returns the rows of a select.
    ledger : str
        The table, as SQL names it.
    node_ids : iterable of str, optional
        Those of the tests that are asked for; all when None. A test without rows is not in the answer.
    """
    wanted = ""
    if node_ids is not None:
        quoted = ", ".join("'" + node_id.replace("'", "''") + "'" for node_id in node_ids)
        wanted = f" and node_id in ({quoted or 'null'})"
    statement = (
        "select * from ("
        " select *, rank() over (partition by node_id order by recorded_at desc, invocation_id desc) as age"
        f" from {ledger} where run_date = cast('{run_date}' as date){wanted}"
        ") as ranked where age = 1 order by node_id, metric, segment"
    )
    rows = defaultdict(list)
    for row in query(statement):
        rows[row["node_id"]].append(row)
    return dict(rows)


def effect(row: Mapping[str, Any]) -> str:
    """What a row does to the run, 'fail', 'warn' or 'pass': a gate of severity warn never stops it."""
    if row["verdict"] in PASSED:
        return "warn" if row["verdict"] == "warn" else "pass"
    return "warn" if row["severity"] == "warn" else "fail"


def failures_first(rows: Iterable[Row]) -> list[Row]:
    """Rows in the order in which a person wants to see them."""
    return sorted(
        rows,
        key=lambda row: (
            ("fail", "warn", "pass").index(effect(row)),
            row["relation"] or "",
            row["gate"],
            row["metric"],
            row["segment"],
        ),
    )


def failed(rows: Iterable[Row]) -> list[Row]:
    """The rows of tests that did not pass; of such a test the rows that say why, where there are any."""
    stopped = [row for row in rows if row["status"] not in PASSED]
    return failures_first(
        row
        for row in stopped
        if row["verdict"] not in PASSED
        or all(other["verdict"] in PASSED for other in stopped if other["node_id"] == row["node_id"])
    )


def sentence(row: Mapping[str, Any]) -> str:
    """One row in words: the gate, the metric, both values and the bound.

    Examples
    --------
    >>> found = sentence({
    ...     "gate": "interval_ratio", "relation": "analytics.interaction", "metric": "count(*)",
    ...     "segment": "all", "current_value": "1900", "reference_value": "3800", "statistic": 2.0,
    ...     "lower_bound": None, "upper_bound": 1.7, "reason": "out_of_bounds",
    ... })
    >>> found.partition(": ")[2]
    'count(*) is 1900, reference 3800, statistic 2, bound below 1.7 (out_of_bounds)'
    """
    segment = "" if row["segment"] == "all" else f" [{row['segment']}]"
    parts = [f"{row['metric']}{segment} is {short(row['current_value'])}"]
    if row["reference_value"] is not None:
        parts.append(f"reference {short(row['reference_value'])}")
    if row["statistic"] is not None:
        parts.append(f"statistic {short(row['statistic'])}")
    if bound := bounds(row):
        parts.append(f"bound {bound}")
    return f"{row['gate']} on {row['relation']}: {', '.join(parts)} ({row['reason']})"


def bounds(row: Mapping[str, Any]) -> str:
    """The bounds of a row in words, empty without any."""
    words = []
    if row["lower_bound"] is not None:
        words.append(f"at least {short(row['lower_bound'])}")
    if row["upper_bound"] is not None:
        # the only gate whose bound itself does not pass
        word = "below" if row["gate"] == "interval_ratio" else "at most"
        words.append(f"{word} {short(row['upper_bound'])}")
    return " and ".join(words)


def short(value: object) -> str:
    """A value as a person reads it: large numbers in full, others with six significant digits.

    Examples
    --------
    >>> short("3872.000000001"), short(1469307), short(None), short("text")
    ('3872', '1469307', '-', 'text')
    """
    if value is None:
        return "-"
    try:
        number = float(str(value))
    except ValueError:
        return str(value)
    return f"{number:.0f}" if 1e5 <= abs(number) < 1e15 else f"{number:.6g}"


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """The first row in words, the others counted."""
    more = len(rows) - 1
    return sentence(rows[0]) + (f"; and {more} more" if more > 0 else "")


def names(node_ids: Sequence[str]) -> str:
    """The first few tests by name, the others counted.

    Examples
    --------
    >>> names(["test.shop.interaction_has_rows.1a2b", "test.shop.training_set_schema.3c4d"])
    'interaction_has_rows, training_set_schema'
    """
    shown = ", ".join(node_id.split(".")[2] for node_id in node_ids[:3])  # test.<project>.<name>.<hash>
    return shown + (f" and {len(node_ids) - 3} more" if len(node_ids) > 3 else "")
