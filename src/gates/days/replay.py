"""Replay the past: ask each gate of a project about all days of a window in one statement.

The SQL of a gate judges the run date, or with `judged_from` each day from that day to the run date, as the gate would have judged
it then. A day that a gate rejects is no reference for later days, as if the gates had run day by day.
"""

from __future__ import annotations

import datetime as dt
import uuid
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from gates.days.gate import Gate
from gates.days.settling import Rejected, answer, rejected_days, settle
from gates.errors import GatesError
from gates.ledger.evidence import Row
from gates.project import dbt, warehouse
from gates.project.config import Project
from gates.project.warehouse import Warehouse
from gates.spec.spec import specs_of

SCRATCH = "GATES_SCRATCH"  # the variable of the environment that names the scratch schema, see macros/engines/scratch.sql


class Replay:
    """A project whose gates are asked about past days, parsed once.

    Parameters
    ----------
    tests : sequence of str, optional
        Unique ids of the tests, in place of those that the project selects.

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

    def __init__(self, project: Project, tests: Sequence[str] = ()) -> None:
        self.project = project
        self.manifest = dbt.parse(project)
        self._specs = specs_of(self.manifest.macros)
        chosen = tests or dbt.list_tests(project, self.manifest)
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

    def parts(self, days: Collection[dt.date]) -> list[list[dt.date]]:
        """Split days where a person has said that the level is new: what is before serves no day from there on as a reference."""
        with self.connect(max(days)) as opened:
            statement = opened.macro("new_level_days")
            levels = [row["day"] for row in opened.query(statement)] if statement else []
        ordered = sorted(days)
        ends = [bisect_left(ordered, level) for level in sorted(levels)]
        return [part for first, end in pairwise([0, *ends, len(ordered)]) if (part := ordered[first:end])]

    @contextmanager
    def asking(
        self, gates: Sequence[Gate], days: Collection[dt.date]
    ) -> Iterator[tuple[Warehouse, dict[str, str]]]:
        """Open the warehouse with a scratch schema; yields it with the statement by which each gate judges the days."""
        last_day = max(days)
        with self.scratch(last_day) as scratch:
            names = [gate.node_id for gate in gates]
            statements = self.compile(self.manifest, names, min(days), last_day, scratch)
            with self.connect(last_day, scratch) as opened:
                yield opened, statements

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
        said: dict[str, list[Row]] = {gate.node_id: [] for gate in gates}
        rejected: Rejected = {}
        for part in self.parts(days):
            rejected = self._judge_part(gates, part, rejected, said, on_progress)
        return [row for gate in gates for row in said[gate.node_id]]

    def _judge_part(
        self,
        gates: Sequence[Gate],
        days: Collection[dt.date],
        before: Rejected,
        said: Mapping[str, list[Row]],
        on_progress: Callable[[], None],
    ) -> Rejected:
        """Add what the gates say of some days, and return the days that they have rejected so far."""
        answers: dict[str, list[Row]] = {}
        with self.asking(gates, days) as (opened, statements):

            def ask(gate: Gate) -> list[dt.date]:
                answers[gate.node_id] = answer(opened, gate, statements[gate.node_id], days)
                return rejected_days(answers[gate.node_id])

            rejected = settle(opened, gates, ask, before, on_progress)
        for node_id, rows in answers.items():
            said[node_id].extend(rows)
        return rejected

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
