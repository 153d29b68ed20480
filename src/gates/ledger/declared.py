"""What the YAML of a project declares about a test: evidence alone does not say which day is its reference."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]

WHOLE = "all"  # the segment of a row about all rows


@dataclass(frozen=True)
class Declared:
    """A test as it is declared.

    Attributes
    ----------
    name : str
        Empty where the test is not in the manifest.
    gate : bool
        Whether it is a gate of the package.
    scope : str
        The `where` of the test: which rows it looks at.
    description : str
        What the project says about the test.
    reference_days : int or None
        How many days before the run date the reference lies, where that is known: a gate steps over days that must not serve.
    """

    name: str = ""
    gate: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)
    scope: str = ""
    description: str = ""
    reference_days: int | None = None

    def whole_number(self, argument: str, default: int) -> int:
        """Return an argument that is a whole number; the default where it is absent, or Jinja that dbt has not rendered."""
        value = self.arguments.get(argument, default)
        return value if isinstance(value, int) else default

    def metric(self, row: Row) -> str:
        """Return the metric of a row without the scope that all rows of the test share."""
        return str(row["metric"]).removesuffix(f" where {self.scope}")

    def counts_rows(self, row: Row) -> bool:
        """Whether the value of a row is a number of rows."""
        return self.metric(row) in ("count(*)", f"sum({self.arguments.get('weight')})")

    def judged_day(self, row: Row) -> dt.date:
        """Return the day whose rows were judged."""
        back = 0 if row["gate"] == "interval_ratio" else self.whole_number("days_back", 0)
        day: dt.date = row["run_date"]
        return day - dt.timedelta(back)

    def reference_day(self) -> str:
        """Return the day of the reference in words."""
        step = self.whole_number("days_back", 7)
        days = self.reference_days
        if days is None:
            return "on the same weekday before" if step % 7 == 0 else f"{_days(step)} before"
        if days == 7:
            return "on the same weekday last week"
        return f"on the same weekday {days // 7} weeks before" if days % 7 == 0 else f"{_days(days)} before"


def declarations(manifest: Mapping[str, Any]) -> dict[str, Declared]:
    """Return what dbt's manifest holds of each test, by its unique id."""
    return {
        unique_id: _declared(node)
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "test"
    }


def _declared(node: Mapping[str, Any]) -> Declared:
    metadata = node.get("test_metadata") or {}
    return Declared(
        name=node["name"],
        gate=metadata.get("namespace") == "gates",
        arguments=metadata.get("kwargs") or {},
        scope=node["config"].get("where") or "",
        description=node.get("description") or "",
    )


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"
