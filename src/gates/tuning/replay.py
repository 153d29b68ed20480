"""Replay the past: ask each gate of a project about all days of a window in one statement.

The SQL of a gate judges the run date, or with `judged_from` each day from that day to the run date, as the gate would have judged
it then. A day that a gate rejects is no reference for later days, as if the gates had run day by day.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gates.errors import GatesError
from gates.ledger.declared import Declared
from gates.ledger.evidence import PASSED, Row
from gates.project import dbt, warehouse
from gates.project.config import Project
from gates.project.warehouse import Warehouse
from gates.spec.spec import Spec, specs_of

SCRATCH = "GATES_SCRATCH"  # the variable of the environment that names the scratch schema, see macros/engines/scratch.sql
DECISIONS = "decisions"  # the scratch relation that a replay reads in place of the ledger


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


class Replay:
    """A project whose gates are asked about past days, parsed once.

    Attributes
    ----------
    gates : tuple of Gate
        The selected gates that judge one day at a time. A gate that judges a whole relation or its columns (`schema_match`, no
        ``date_column``) has no past to be asked about.

    Raises
    ------
    GatesError
        When the project does not parse, or selects no such gate.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.manifest = dbt.parse(project)
        self._specs = specs_of(self.manifest.macros)
        chosen = dbt.list_tests(project, self.manifest)
        gates = [gate for test in chosen if (gate := self._gate(self.manifest.nodes[test])) is not None]
        self.gates = tuple(sorted(gates, key=lambda gate: gate.name))
        if not self.gates:
            raise GatesError(
                f"none of the {len(chosen)} data tests that are selected is a gate with a date_column:"
                " only those can be asked about past days"
            )

    def node(self, unique_id: str) -> Any:
        """Return a model, seed, snapshot or source of the manifest."""
        return self.manifest.nodes.get(unique_id) or self.manifest.sources[unique_id]

    @contextmanager
    def connect(self, last_day: dt.date, scratch: str = "") -> Iterator[Warehouse]:
        """Open the warehouse, with a run date and a scratch schema that macros know of."""
        with warehouse.connect(
            self.project, self.manifest, {"run_date": last_day}, {SCRATCH: scratch}
        ) as opened:
            yield opened

    @contextmanager
    def scratch(self, last_day: dt.date) -> Iterator[str]:
        """Make a schema that nobody else uses, and drop it at the end with all that is in it."""
        name = f"gates_{uuid.uuid4().hex[:12]}"
        try:
            with self.connect(last_day) as opened:
                opened.create_schema(name)
            yield name
        finally:
            with self.connect(last_day) as opened:
                opened.drop_schema(name)

    def compile(
        self,
        manifest: dbt.Manifest,
        unique_ids: Collection[str],
        first_day: dt.date | None,
        last_day: dt.date,
        scratch: str,
        shift: int = 0,
    ) -> dict[str, str]:
        """Return the SQL of some nodes by their unique ids; with a first day, gates judge each day from that day on."""
        variables = {"run_date": last_day} | ({"judged_from": first_day} if first_day else {})
        given = {SCRATCH: scratch, "JUDGED_SHIFT": str(shift)}
        nodes = dbt.compile_nodes(self.project, manifest, unique_ids, variables, given)
        return {unique_id: node.compiled_code for unique_id, node in nodes.items()}

    def judge(
        self,
        gates: Sequence[Gate],
        days: Collection[dt.date],
        on_progress: Callable[[], None] = lambda: None,
    ) -> list[Row]:
        """Ask each gate about each day and return all evidence, with ``node_id``, ``severity`` and ``blocks``.

        Parameters
        ----------
        days : collection of date
            The days that are judged, as if no other day had been.

        Returns
        -------
        list of dict
            The columns of the evidence; ``blocks`` says whether the row stops a run. A gate that returns no row for a day has
            proven nothing, so it gets a failing row.
        """
        last_day = max(days)
        with self.scratch(last_day) as scratch:
            statements = self.compile(
                self.manifest, [gate.node_id for gate in gates], min(days), last_day, scratch
            )
            with self.connect(last_day, scratch) as opened:
                return self._settled(opened, gates, statements, set(days), on_progress)

    def _settled(
        self,
        opened: Warehouse,
        gates: Sequence[Gate],
        statements: Mapping[str, str],
        days: Collection[dt.date],
        on_progress: Callable[[], None],
    ) -> list[Row]:
        """Ask the gates until no verdict changes: days that a gate has rejected are no reference when its relation is asked again.

        Each round settles at least one more day, because a verdict depends only on earlier days.
        """
        rejected: dict[str, list[dt.date]] = {gate.node_id: [] for gate in gates}
        answers: dict[str, list[Row]] = {}
        waiting = list(gates)
        while waiting:
            remember(opened, rejected)
            asked = opened.each(lambda gate: answer(opened, gate, statements[gate.node_id], days), waiting)
            answers |= {gate.node_id: rows for gate, rows in zip(waiting, asked, strict=True)}
            found = {gate.node_id: _rejected(answers[gate.node_id]) for gate in waiting}
            unsettled = {gate.model for gate in waiting if found[gate.node_id] != rejected[gate.node_id]}
            rejected |= found
            for _ in (gate for gate in waiting if gate.model not in unsettled):
                on_progress()
            waiting = [gate for gate in waiting if gate.model in unsettled]
        return [row for gate in gates for row in answers[gate.node_id]]

    def _gate(self, test: Any) -> Gate | None:
        metadata = test.test_metadata
        if metadata is None or metadata.namespace != "gates" or not metadata.kwargs.get("date_column"):
            return None
        arguments = {name: value for name, value in metadata.kwargs.items() if name != "model"}
        tested = test.attached_node or test.depends_on.nodes[0]
        node = self.node(tested)
        return Gate(
            node_id=test.unique_id,
            name=test.name,
            spec=self._specs[metadata.name],
            arguments=arguments,
            relation=node.relation_name or node.name,
            date_column=arguments["date_column"],
            severity=test.config.severity.lower(),
            where=test.config.where,
            model=tested,
        )


def remember(opened: Warehouse, rejected: Mapping[str, Sequence[dt.date]]) -> None:
    """Let the gates know the days that they have rejected so far."""
    listed = {gate: [str(day) for day in days] for gate, days in rejected.items()}
    select = opened.macro("replayed_decisions", rejected=listed)
    opened.execute([f"create or replace view {opened.macro('scratch_relation', name=DECISIONS)} as {select}"])


def answer(opened: Warehouse, gate: Gate, statement: str, days: Collection[dt.date]) -> list[Row]:
    """Return the evidence of a gate on each of the days, in order."""
    said: dict[dt.date, list[Row]] = {day: [] for day in sorted(days)}
    for row in opened.query(statement):
        if row["run_date"] in said:
            blocks = row["verdict"] not in PASSED and gate.severity == "error"
            said[row["run_date"]].append(
                row | {"node_id": gate.node_id, "severity": gate.severity, "blocks": blocks}
            )
    return [row for day, rows in said.items() for row in rows or [_silent(gate, day)]]


def _rejected(rows: Sequence[Row]) -> list[dt.date]:
    """Return the days that must not serve as a reference; a day that only lacks a reference may."""
    return sorted({row["run_date"] for row in rows if row["blocks"] and row["reason"] != "no_reference"})


def _silent(gate: Gate, day: dt.date) -> Row:
    return {
        "gate": gate.kind,
        "metric": "no evidence",
        "segment": "all",
        "run_date": day,
        **dict.fromkeys(
            ("current_value", "reference_value", "statistic", "lower_bound", "upper_bound", "sample_size")
        ),
        "verdict": "fail",
        "reason": "no_current",
        "node_id": gate.node_id,
        "severity": gate.severity,
        "blocks": gate.severity == "error",
    }
