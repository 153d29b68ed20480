"""Whether the ledger is as the runs that wrote it have sealed it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gates.project.warehouse import Warehouse

MISSING = {"invocation_id": "-", "gate": "-", "run_date": "-", "problem": "there are no seals"}


def question(invocation_ids: Iterable[str] = ()) -> str:
    """Return the Jinja expression that dbt compiles to the query for what does not hold; about all invocations when none is named."""
    return f"gates.broken_seals_sql({json.dumps(sorted(invocation_ids))})"


def verify(opened: Warehouse, invocation_ids: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Return what does not hold: invocation_id, gate, run_date and problem of each finding.

    Parameters
    ----------
    invocation_ids : iterable of str
        Whose rows are compared with their seals; all when there is none. The chain of the seals is always followed.
    """
    if not opened.exists(opened.macro("seals")):
        return [dict(MISSING)]
    return opened.query(opened.macro("broken_seals_sql", invocation_ids=list(invocation_ids)))


def sentence(finding: Mapping[str, Any]) -> str:
    """Return one finding in words.

    Examples
    --------
    >>> sentence({"invocation_id": "a1", "gate": "not_stale", "run_date": "2026-11-22", "problem": "rows are gone"})
    'invocation a1, gate not_stale, day 2026-11-22: rows are gone'
    """
    return f"invocation {finding['invocation_id']}, gate {finding['gate']}, day {finding['run_date']}: {finding['problem']}"


def summary(findings: Sequence[Mapping[str, Any]]) -> str:
    """Return the first finding in words, the others counted."""
    more = len(findings) - 1
    return f"the ledger is not as it was sealed: {sentence(findings[0])}" + (
        f"; and {more} more" if more else ""
    )
