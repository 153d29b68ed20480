"""A gate of a project that judges one day at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gates.ledger.declared import Declared
from gates.spec.spec import Spec


@dataclass(frozen=True)
class Gate:
    """A gate of the project that judges one day at a time.

    Attributes
    ----------
    spec : Spec
        What the gate declares about itself.
    relation : str
        The relation that it looks at, as SQL names it.
    date_column : str
        The column that holds the day of a row.
    severity : str
        ``error`` or ``warn``; a gate of severity warn never stops a run.
    where : str or None
        SQL condition on the rows that it looks at.
    model : str
        Unique id of the model, source, seed or snapshot that it looks at.
    """

    node_id: str
    name: str
    spec: Spec
    arguments: Mapping[str, Any]
    relation: str
    date_column: str
    severity: str
    where: str | None
    model: str = ""

    @property
    def kind(self) -> str:
        """Return the name of the package's gate."""
        return self.spec.gate

    @property
    def declared(self) -> Declared:
        """Return what its test declares, for the wording of evidence."""
        return Declared(self.name, True, self.arguments, self.where or "", spec=self.spec)

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """Return all arguments, with defaults for the arguments that the test does not give."""
        return self.spec.values(self.arguments)

    @property
    def segments(self) -> Mapping[str, Mapping[str, float]]:
        """Return the segments that have separate bounds, each with its bounds by name."""
        return self.arguments.get("segments") or {}

    def part(self, segment: str) -> str:
        """Return the gate's name, followed by the segment if that has separate bounds."""
        return f"{self.name}: {segment}" if segment in self.segments else self.name
