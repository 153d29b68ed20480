"""The words that sentences about a row of evidence are made of: a spec names them in braces."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

from gates.ledger.declared import Declared, Row
from gates.spec.spec import Spec, Statistic, by_argument
from gates.text import as_number, beside, counted, percent, printable, short

UNUSABLE = "NULL, NaN or infinite"
_NO_ROWS_EVER_DAYS = 36_500  # dbt takes a source without rows for as old as its calendar


class Words:
    """The words for a row: its columns, the arguments of its gate, and the properties of this class.

    Each is made when a sentence asks for it, as `str.format_map` does. A name that is none of them stays in braces.
    """

    def __init__(self, row: Row, declared: Declared) -> None:
        self._row = row
        self._declared = declared
        self._bounds = (row["lower_bound"], row["upper_bound"])
        self._arguments = declared.spec.values(declared.arguments)

    def __getitem__(self, name: str) -> object:
        if isinstance(getattr(type(self), name, None), property):
            return getattr(self, name)
        if name in self._row:
            return self._row[name]
        return self._arguments.get(name, f"{{{name}}}")

    @property
    def _is_text(self) -> bool:
        """Return whether two texts were compared: their rows have neither a statistic nor a bound, also where one reads as a number."""
        judged_by = (self._row["statistic"], *self._bounds)
        return self._row["reference_value"] is not None and all(each is None for each in judged_by)

    @property
    def metric(self) -> str:
        """Return the metric without the scope that all rows of the test share."""
        return self._declared.metric(self._row)

    @property
    def of(self) -> str:
        """Return what the metric is about: `department`, for the metric `share of department`."""
        return re.sub(r"^(\w+ of|repeated|copied day by) ", "", self.metric)

    @property
    def current(self) -> str:
        """Return the value that was judged, as `273 rows` or `avg(amount) is 4.2`."""
        value = self._row["current_value"]
        if value is None:
            return f"{self.metric} is {UNUSABLE}"
        others = (self._row["reference_value"], *self._bounds)
        if self._declared.counts_rows(self._row):
            return f"{beside(value, others, digits=15)} row{'' if as_number(value) == 1 else 's'}"
        return f"{self.metric} is {printable(value) if self._is_text else beside(value, others)}"

    @property
    def current_share(self) -> str:
        """Return the value that was judged, a share."""
        share = as_number(self._row["current_value"])
        if share is not None and share < 0:
            return f"{percent(share)} (more distinct keys were counted than there are rows)"
        return percent(share, self._bounds)

    @property
    def current_day(self) -> str:
        """Return the value that was judged, a number of days from the judged day."""
        days = as_number(self._row["current_value"])
        if days is None or not -_NO_ROWS_EVER_DAYS < days < 0:
            return "an earlier day"
        return str(self._declared.judged_day(self._row) + dt.timedelta(days))

    @property
    def usual(self) -> str:
        """Return the reference value."""
        digits = 15 if self._declared.counts_rows(self._row) else 4
        return beside(self._row["reference_value"], [self._row["current_value"]], digits)

    @property
    def reference_day(self) -> str:
        """Return the day of the reference, as `on the same weekday last week`."""
        return self._declared.reference_day()

    @property
    def reference(self) -> str:
        """Return the reference value with its day, as `652 on the same weekday last week`."""
        return f"{self.usual} {self.reference_day}"

    @property
    def reference_share(self) -> str:
        """Return the reference value, a share."""
        return percent(self._row["reference_value"], [self._row["current_value"]])

    @property
    def share_before(self) -> str:
        """Return the largest share of the days before, as the end of a sentence; empty without a reference."""
        before = self._row["reference_value"]
        return "" if before is None else f", at most {self.reference_share} on the days before"

    @property
    def compared(self) -> str:
        """Return the reference, as the end of a sentence; empty without one."""
        if self._row["reference_value"] is None:
            return ""
        return f", {self.reference if self._declared.steps_back else f'usually {self.usual}'}"

    @property
    def statistic(self) -> str:
        """Return the number that the gate computed."""
        return beside(self._row["statistic"], self._bounds, digits=2)

    @property
    def statistic_share(self) -> str:
        """Return the number that the gate computed, a share."""
        return percent(self._row["statistic"], self._bounds)

    @property
    def measured(self) -> str:
        """Return the number that the gate computed with its name, as `ratio 2.4`."""
        statistic = self._declared.spec.statistic or Statistic("statistic")
        name = by_argument(statistic.name, self._arguments) or "statistic"
        if self._row["statistic"] is None:
            return statistic.null_means or f"no {name}"
        return f"{name} {self.statistic}"

    @property
    def allowed(self) -> str:
        """Return the bounds, as the end of a sentence; empty without any."""
        return self._allowed(short)

    @property
    def allowed_share(self) -> str:
        """Return the bounds of a share, as the end of a sentence; empty without any."""
        return self._allowed(percent)

    def _allowed(self, spell: Callable[[object], str]) -> str:
        return f", allowed {words}" if (words := bounds(self._row, self._declared.spec, spell)) else ""

    @property
    def expected(self) -> str:
        """Return the value that was expected, with the bounds around it."""
        if self._is_text:
            return printable(self._row["reference_value"])
        expected, (lower, upper) = short(self._row["reference_value"]), self._bounds
        return expected if lower == upper else f"{expected}{self.allowed}"

    @property
    def age(self) -> str:
        """Return how old the rows of a source are."""
        age = as_number(self._row["current_value"])
        if age is None or age > _NO_ROWS_EVER_DAYS:
            return "no rows up to the run date"
        return (
            f"the newest rows are {beside(age, self._bounds)} days older than the run date{self.allowed} days"
        )

    @property
    def no_rows(self) -> str:
        """Return that there are no rows: on which day, in which scope."""
        dated = self._declared.arguments.get("date_column", True)
        day = f" on {self._declared.judged_day(self._row)}" if dated else ""
        scope = f" where {self._declared.scope}" if self._declared.scope else ""
        return f"no rows{day}{scope}"

    @property
    def unusable(self) -> str:
        """Return which value cannot be compared; it is the reference where the value itself is a number."""
        if as_number(self._row["current_value"]) is not None:
            return f"{self.current}, and {UNUSABLE} {self.reference_day}"
        return f"{self.metric} is {UNUSABLE}"

    @property
    def too_little(self) -> str:
        """Return what there is too little of: rows of a segment, or days before."""
        size, least = self._row["sample_size"], self._declared.whole_number("min_segment_size", 1)
        if size is not None and size < least:
            return f"{counted(size, 'row')}, too few to judge: at least {least} are asked for"
        return f"{self.metric}: too few days before this one to compare with"

    @property
    def plain(self) -> str:
        """Return all numbers of the row, for tests that are no gates and gates without a sentence."""
        if self._row["metric"] == "failures":
            failures = int(as_number(self._row["current_value"]) or 0)
            return f"{counted(failures, 'failure')}{self.allowed}"
        parts = [self.current]
        if self._row["reference_value"] is not None:
            parts.append(f"reference {self.usual}")
        if self._row["statistic"] is not None:
            parts.append(self.measured)
        return ", ".join(parts) + self.allowed


def bounds(row: Row, spec: Spec, spell: Callable[[object], str] = short) -> str:
    """Return the bounds of a row in the words of its gate, empty without any."""
    words = [
        f"{word} {spell(bound)}"
        for word, bound in ((spec.lower, row["lower_bound"]), (spec.upper, row["upper_bound"]))
        if bound is not None
    ]
    return " and ".join(words)
