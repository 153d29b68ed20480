"""Read the ledger of the gates: what each of them said last about a run date, and put it in words."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gates.text import listed

LEDGER, SEALS = "gate_results", "gate_seals"
PASSED = ("pass", "warn", "learning")
CRASHED = "error"  # the status of a test whose query failed
ACCEPTED = "accepted"  # the status of a gate that failed on a day about which a person has decided

Row = dict[str, Any]


def latest(
    query: Callable[[str], Iterable[Row]],
    ledger: str,
    run_date: dt.date,
    node_ids: Iterable[str] | None = None,
    mode: str | None = None,
) -> dict[str, list[Row]]:
    """Return the ledger rows that each test wrote last for a run date, by the test's unique id.

    Parameters
    ----------
    query : callable
        Returns the rows of a select.
    ledger : str
        The table, as SQL names it.
    node_ids : iterable of str, optional
        Unique ids of the tests; None for all tests. A test without rows is not in the answer.
    mode : str, optional
        Only rows of this mode of the ledger, `run` or `window`.
    """
    wanted = ""
    if node_ids is not None:
        quoted = ", ".join("'" + node_id.replace("'", "''") + "'" for node_id in node_ids)
        wanted = f" and node_id in ({quoted or 'null'})"
    if mode is not None:
        wanted += f" and mode = '{mode}'"
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
    """Return what a row does to the run: 'fail', 'warn' or 'pass'.

    Neither a gate of severity warn nor an accepted day stops it. A query that crashed does whatever the severity,
    because dbt skips what is downstream of an error.
    """
    if row.get("status") == CRASHED:
        return "fail"
    if row["verdict"] in PASSED:
        return "warn" if row["verdict"] == "warn" else "pass"
    return "warn" if row["severity"] == "warn" or row.get("status") == ACCEPTED else "fail"


def failures_first(rows: Iterable[Row]) -> list[Row]:
    """Return rows in the order in which a person wants to see them."""
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
    """Return the rows of tests that did not pass; of each test the rows that did not pass, or all where every row passed."""
    stopped = [row for row in rows if row["status"] not in (*PASSED, ACCEPTED)]
    return failures_first(
        row
        for row in stopped
        if row["verdict"] not in PASSED
        or all(other["verdict"] in PASSED for other in stopped if other["node_id"] == row["node_id"])
    )


def names(node_ids: Sequence[str]) -> str:
    """Return the names of the first few tests, and the number of the others.

    Examples
    --------
    >>> names(["test.shop.interaction_has_rows.1a2b3c4d5e", "test.shop.training_set_schema.0f1e2d3c4b"])
    'interaction_has_rows, training_set_schema'
    """
    return listed([name_of(node_id) for node_id in node_ids])


def name_of(node_id: str) -> str:
    """Return the name of a test or a source from dbt's unique id: `test.<project>.<name>.<hash>`.

    Examples
    --------
    >>> name_of("test.shop.volume.1a2b3c4d5e"), name_of("source.shop.raw.interaction"), name_of("test.shop.singular")
    ('volume', 'raw.interaction', 'singular')
    """
    return re.sub(r"\.[0-9a-f]{10}$", "", node_id.split(".", 2)[-1])
