"""One row of evidence in one sentence: what was measured, what it is compared with, which bound it is held to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from gates.ledger.declared import WHOLE, Declared, Row
from gates.spec.spec import Spec
from gates.text import as_number, beside, counted, percent, printable, short

UNUSABLE = "NULL, NaN or infinite"
_NO_ROWS_EVER_DAYS = 36_500  # dbt takes a source without rows for as old as its calendar

# What each gate says where its bound decided. The names in braces are the properties of `_Words`.
_BY_GATE: Mapping[str, str] = {
    "interval_ratio": "{w.current}, {w.reference}: {w.ratio}{w.allowed}",
    "value_tolerance": "{w.current}, expected {w.expected}",
    "schema_match": "column {w.metric} is {w.row[current_value]}, as declared",
    "share_limit": "{w.share} of the rows have {w.metric}{w.share_before}{w.allowed_share}",
    "duplicate_limit": "{w.share} of the rows repeat {w.of}{w.share_before}{w.allowed_share}",
    "category_match": "{w.of} has its usual categories",
    "not_stale": "the day is no copy of an earlier one",
    "metric_anomaly": "{w.current}, usually {w.usual} on this weekday: {w.statistic} standard deviations away{w.allowed}",
    "distribution_drift": "the distribution of {w.of} has shifted by {w.statistic} ({w.method}){w.allowed}; its most changed"
    " part has {w.share} of the rows and had {w.share_of_reference} before",
    "source_freshness": "{w.age}",
}

# What the other reasons say, whichever gate gives them.
_BY_REASON: Mapping[str, str] = {
    "no_current": "{w.no_rows}",
    "not_applicable": "not applicable: {w.no_rows}",
    "no_reference": "{w.current}, but no rows {w.reference_day} to compare with",
    "null_value": "{w.unusable}",
    "zero_value": "{w.current}{w.compared}: a zero cannot be compared",
    "sign_change": "{w.current}{w.compared}: the sign has changed",
    "insufficient_history": "{w.too_little}",
    "missing_column": "column {w.metric} is declared ({w.row[reference_value]}) and is not there",
    "unexpected_column": "column {w.metric} ({w.row[current_value]}) is there and is not declared",
    "type_changed": "column {w.metric} is {w.row[current_value]}, declared as {w.row[reference_value]}",
    "unseen_category": "{w.category} in {w.of} has not been seen before and has {w.share} of the rows;"
    " unseen ones have {w.unseen} together{w.allowed_share}",
    "missing_category": "{w.category} in {w.of} is gone, usually it has {w.share_of_reference} of the rows",
    "stale": "the day is a copy of {w.copied_day}: the same {w.of}",
    "query_error": "the query failed, so nothing was proven",
}
_DECIDED_BY_BOUND = ("ok", "out_of_bounds")


def sentence(row: Row, declared: Declared | None = None) -> str:
    """Put a row of evidence in words, without the name of its test.

    Parameters
    ----------
    row : mapping
        A row of the ledger.
    declared : Declared, optional
        What its test declares; the sentence says more with it: which values are numbers of rows, which day is the reference.

    Examples
    --------
    >>> sentence({
    ...     "gate": "interval_ratio", "metric": "count(*)", "segment": "north", "run_date": dt.date(2026, 11, 22),
    ...     "current_value": "273", "reference_value": "652", "statistic": 2.38828, "lower_bound": None,
    ...     "upper_bound": 1.94, "sample_size": 273, "reason": "out_of_bounds",
    ... }, Declared(reference_days=7, spec=Spec("interval_ratio", upper="below")))
    'north: 273 rows, 652 on the same weekday last week: ratio 2.4, allowed below 1.94'
    """
    reason = row["reason"]
    template = _BY_REASON.get(reason) or _BY_GATE.get(row["gate"], "{w.plain}")
    text = template.format(w=_Words(row, declared or Declared()))
    if reason not in _BY_REASON and reason not in _DECIDED_BY_BOUND:
        text += f" ({str(reason).replace('_', ' ')})"
    has_segment = row["segment"] != WHOLE and row["gate"] != "category_match"
    return printable(f"{row['segment']}: {text}" if has_segment else text)


def bounds(row: Row, spec: Spec, spell: Callable[[object], str] = short) -> str:
    """Return the bounds of a row in the words of its gate, empty without any."""
    words = [
        f"{word} {spell(bound)}"
        for word, bound in ((spec.lower, row["lower_bound"]), (spec.upper, row["upper_bound"]))
        if bound is not None
    ]
    return " and ".join(words)


class _Words:
    """The parts of a sentence about a row; each is made when a template asks for it."""

    def __init__(self, row: Row, declared: Declared) -> None:
        self.row = row
        self._declared = declared
        self._bounds = (row["lower_bound"], row["upper_bound"])
        self.metric = declared.metric(row)

    @property
    def of(self) -> str:
        """What the metric is about: the column of `share of department`."""
        for prefix in ("share of ", "repeated ", "copied day by ", "psi of ", "js of "):
            if self.metric.startswith(prefix):
                return self.metric.removeprefix(prefix)
        return self.metric

    @property
    def method(self) -> str:
        return self.metric.partition(" of ")[0]

    @property
    def current(self) -> str:
        """The value that was judged, as `273 rows` or `avg(amount) is 4.2`."""
        value = self.row["current_value"]
        if value is None:
            return f"{self.metric} is {UNUSABLE}"
        others = (self.row["reference_value"], *self._bounds)
        if self._declared.counts_rows(self.row):
            return f"{beside(value, others, digits=15)} row{'' if as_number(value) == 1 else 's'}"
        return f"{self.metric} is {beside(value, others)}"

    @property
    def usual(self) -> str:
        digits = 15 if self._declared.counts_rows(self.row) else 4
        return beside(self.row["reference_value"], [self.row["current_value"]], digits)

    @property
    def reference_day(self) -> str:
        return self._declared.reference_day()

    @property
    def reference(self) -> str:
        """The value that was compared with, as `652 on the same weekday last week`."""
        return f"{self.usual} {self.reference_day}"

    @property
    def compared(self) -> str:
        if self.row["reference_value"] is None:
            return ""
        return f", {self.reference if self.row['gate'] == 'interval_ratio' else f'usually {self.usual}'}"

    @property
    def statistic(self) -> str:
        return beside(self.row["statistic"], self._bounds, digits=2)

    @property
    def ratio(self) -> str:
        if self.row["statistic"] is None:  # `ignore_zero`
            return "a zero has no ratio and is ignored"
        relative = self._declared.arguments.get("ratio_formula") == "relative_diff"
        return f"{'relative difference' if relative else 'ratio'} {self.statistic}"

    @property
    def allowed(self) -> str:
        return self._allowed(short)

    @property
    def allowed_share(self) -> str:
        return self._allowed(percent)

    def _allowed(self, spell: Callable[[object], str]) -> str:
        return f", allowed {words}" if (words := bounds(self.row, self._declared.spec, spell)) else ""

    @property
    def expected(self) -> str:
        expected, (lower, upper) = short(self.row["reference_value"]), self._bounds
        return expected if lower == upper else f"{expected}{self.allowed}"

    @property
    def share(self) -> str:
        share = as_number(self.row["current_value"])
        if share is not None and share < 0:
            return f"{percent(share)} (more distinct keys were counted than there are rows)"
        return percent(share, self._bounds)

    @property
    def share_of_reference(self) -> str:
        return percent(self.row["reference_value"], [self.row["current_value"]])

    @property
    def share_before(self) -> str:
        before = self.row["reference_value"]
        return "" if before is None else f", at most {self.share_of_reference} on the days before"

    @property
    def unseen(self) -> str:
        return percent(self.row["statistic"], self._bounds)

    @property
    def category(self) -> str:
        return f"'{self.row['segment']}'"

    @property
    def copied_day(self) -> str:
        days = as_number(self.row["current_value"])
        if days is None or not -_NO_ROWS_EVER_DAYS < days < 0:
            return "an earlier day"
        return str(self._declared.judged_day(self.row) + dt.timedelta(days))

    @property
    def age(self) -> str:
        age = as_number(self.row["current_value"])
        if age is None or age > _NO_ROWS_EVER_DAYS:
            return "no rows up to the run date"
        return (
            f"the newest rows are {beside(age, self._bounds)} days older than the run date{self.allowed} days"
        )

    @property
    def no_rows(self) -> str:
        dated = self._declared.arguments.get("date_column", True)
        day = f" on {self._declared.judged_day(self.row)}" if dated else ""
        scope = f" where {self._declared.scope}" if self._declared.scope else ""
        asked = self.row["gate"] == "row_existence" and self.row["lower_bound"] is not None
        return f"no rows{day}{scope}{self.allowed if asked else ''}"

    @property
    def unusable(self) -> str:
        if self.row["gate"] == "interval_ratio" and as_number(self.row["current_value"]) is not None:
            return f"{self.current}, and {UNUSABLE} {self.reference_day}"
        return f"{self.metric} is {UNUSABLE}"

    @property
    def too_little(self) -> str:
        size, least = self.row["sample_size"], self._declared.whole_number("min_segment_size", 1)
        if size is not None and size < least:
            return f"{counted(size, 'row')}, too few to judge: at least {least} are asked for"
        return f"{self.metric}: too few days before this one to compare with"

    @property
    def plain(self) -> str:
        """A test that is no gate, or a gate without a sentence here."""
        if self.row["metric"] == "failures":
            return f"{counted(int(as_number(self.row['current_value']) or 0), 'failure')}{self.allowed}"
        text = self.current
        if self.row["reference_value"] is not None:
            text += f", reference {self.usual}"
        if self.row["statistic"] is not None:
            text += f", statistic {self.statistic}"
        return text + self.allowed
