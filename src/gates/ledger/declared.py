"""What the YAML of a project declares about a test. Evidence alone does not name its reference day, for example."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gates.spec.spec import Spec, spec_of_other_tests, specs_of

Row = Mapping[str, Any]

NO_SPEC = Spec("")  # of a test that the manifest does not have
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
        The `where` of the test: the condition on the rows that it looks at.
    description : str
        The description of the test in the project.
    spec : Spec
        What the gate declares about itself; of a test that is no gate, the reasons that gates share.
    reference_days : int or None
        The days from the reference to the run date; None where they are unknown, because a gate steps over days that must not
        serve as a reference.
    """

    name: str = ""
    gate: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)
    scope: str = ""
    description: str = ""
    reference_days: int | None = None
    spec: Spec = NO_SPEC

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
        steps = (
            self.whole_number(name, argument.default or 0)
            for name, argument in self.spec.arguments.items()
            if argument.moves_judged_day
        )
        day: dt.date = row["run_date"]
        return day - dt.timedelta(sum(steps))

    @property
    def steps_back(self) -> bool:
        """Whether the reference is a single day, `days_back` days before or a multiple of them."""
        days_back = self.spec.arguments.get("days_back")
        return days_back is not None and not days_back.moves_judged_day

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
    """Return what dbt's manifest holds of each test and each source, by its unique id."""
    specs, other = specs_of(manifest["macros"]), spec_of_other_tests(manifest["macros"])
    tests = {
        unique_id: _declared(node, specs, other)
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "test"
    }
    sources = {
        unique_id: Declared(f"{node['source_name']}.{node['name']}", spec=other)
        for unique_id, node in manifest["sources"].items()
    }
    return {**tests, **sources}


def _declared(node: Mapping[str, Any], specs: Mapping[str, Spec], other: Spec) -> Declared:
    metadata = node.get("test_metadata") or {}
    is_gate = metadata.get("namespace") == "gates"
    return Declared(
        name=node["name"],
        gate=is_gate,
        arguments=metadata.get("kwargs") or {},
        scope=node["config"].get("where") or "",
        description=node.get("description") or "",
        spec=specs.get(metadata["name"], other) if is_gate else other,
    )


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"
