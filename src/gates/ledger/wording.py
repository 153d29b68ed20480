"""One row of evidence in one sentence: what was measured, what it is compared with, which bound it is held to.

The sentences are in the specs of the gates, and the words that they are made of in `gates.ledger.words`.
"""

from __future__ import annotations

from gates.ledger.declared import WHOLE, Declared, Row
from gates.ledger.words import Words
from gates.text import printable

FRESHNESS = "source_freshness"  # what dbt measures of a source is no gate, so it has no spec
_DECIDED_BY_BOUND = ("ok", "out_of_bounds")


def sentence(row: Row, declared: Declared | None = None) -> str:
    """Put a row of evidence in words, without the name of its test.

    Parameters
    ----------
    row : mapping
        A row of the ledger.
    declared : Declared, optional
        What its test declares: the sentences of its gate, which values are numbers of rows, which day is the reference.

    Examples
    --------
    >>> import datetime as dt
    >>> from gates.spec.spec import Spec
    >>> sentence({
    ...     "gate": "interval_ratio", "metric": "count(*)", "segment": "north", "run_date": dt.date(2026, 11, 22),
    ...     "current_value": "273", "reference_value": "652", "statistic": 2.38828, "lower_bound": None,
    ...     "upper_bound": 1.94, "sample_size": 273, "reason": "out_of_bounds",
    ... }, Declared(reference_days=7, spec=Spec("interval_ratio", upper="below", sentence="{current}, {reference}{allowed}")))
    'north: 273 rows, 652 on the same weekday last week, allowed below 1.94'
    """
    declared = declared or Declared()
    spec, reason = declared.spec, row["reason"]
    template = spec.reasons.get(reason) or ("{age}" if row["gate"] == FRESHNESS else spec.sentence)
    text = template.format_map(Words(row, declared))
    if reason not in (*_DECIDED_BY_BOUND, *spec.reasons):
        text += f" ({str(reason).replace('_', ' ')})"
    names_segment = "{segment}" in template or row["segment"] == WHOLE
    return printable(text if names_segment else f"{row['segment']}: {text}")
