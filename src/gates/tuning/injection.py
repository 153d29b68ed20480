"""Inject faults into past days of a model, and compute the gated models after it again by their own SQL, so that the gates see exactly
what they would have seen.

Relations of a scratch schema hold the healthy rows, and the broken rows of each day `SHIFT` days before it. A copy of dbt's manifest
names these relations in place of the models, and dbt compiles the gates on them.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from gates.days.gate import Gate
from gates.days.replay import Replay
from gates.days.settling import answer, remember
from gates.errors import GatesError
from gates.ledger.evidence import Row
from gates.project import dbt
from gates.project.warehouse import Warehouse
from gates.tuning.faults import NO_FAULT, Fault

SHIFT = 100_000  # days: no table reaches back 270 years

Progress = Callable[[str, int, int], None]


def detect(
    replay: Replay,
    faults: Sequence[Fault],
    days: Sequence[dt.date],
    into: str = "",
    on_progress: Progress = lambda *_: None,
) -> dict[str, list[Row]]:
    """Inject each fault into each day, one day at a time, and return by fault the evidence on the days that it changes.

    Parameters
    ----------
    into : str
        Name of the model for faults that name no model; empty for the most upstream of the gated models.

    Raises
    ------
    GatesError
        When no gate looks at a model of that name, or the engine refuses the SQL of a fault.
    """
    by_model: dict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        by_model[faulty_model(replay, fault.inject_into or into)].append(fault)
    seen: dict[str, list[Row]] = {fault.name: [] for fault in faults}
    done = 0
    for model, injected in by_model.items():
        with replay.scratch(max(days)) as schema:
            shadows = _Shadows(replay, model, schema, tuple(sorted(days)))
            shadows.compile()
            with replay.connect(max(days), schema) as opened:
                for fault in injected:
                    on_progress(fault.name, done, len(faults))
                    seen[fault.name] = shadows.judge(opened, fault)
                    done += 1
    on_progress("faults", len(faults), len(faults))
    return seen


def faulty_model(replay: Replay, name: str = "") -> str:
    """Return the unique id of a gated model by its name. Without a name, take the most upstream one; a source only if no model is gated.

    Raises
    ------
    GatesError
        When no gate with a date_column looks at a model of that name.
    """
    gated = sorted({gate.model for gate in replay.gates})
    names = {model: _name(replay.node(model)) for model in gated}
    if name:
        for model, its_name in names.items():
            if its_name == name:
                return model
        raise GatesError(
            f"faults are injected into a model with a gate that has a date_column, received {name!r};"
            f" give one of: {', '.join(sorted(names.values()))}"
        )
    models = [model for model in gated if replay.node(model).resource_type != "source"] or gated
    after = {model: set(_recomputed(replay, model)) for model in models}
    upstream = [model for model in models if not any(model in after[other] for other in models)]
    return max(upstream, key=lambda model: (len(after[model] & set(gated)), model))


def kept_models(replay: Replay, faults: Sequence[Fault], into: str = "") -> list[str]:
    """Return a sentence for each gated model after a fault that the backtest cannot compute again, and what its gates then miss.

    A snapshot and a Python model have no SQL to compute them by, so their rows stay as they are, and what follows them
    is computed from these rows.
    """
    sentences = []
    for model in sorted({faulty_model(replay, fault.inject_into or into) for fault in faults}):
        for node, kept in _without_sql(replay, model).items():
            gates = sorted(gate.name for gate in replay.gates if gate.model in kept)
            if gates:
                sentences.append(
                    f"{_name(replay.node(node))} is {_kind(replay.node(node))}, which is not computed again from a broken"
                    f" {_name(replay.node(model))}: {', '.join(gates)} may miss its faults"
                )
    return sentences


@dataclass
class _Shadows:
    """Scratch relations in place of a faulty model and the gated models after it.

    Attributes
    ----------
    model : str
        Unique id of the faulty model.
    """

    replay: Replay
    model: str
    schema: str
    days: tuple[dt.date, ...]

    def __post_init__(self) -> None:
        self._after = _recomputed(self.replay, self.model)
        shadowed = [self.model, *self._after]
        self._gates = [gate for gate in self.replay.gates if gate.model in shadowed]
        self._broken = {model: f"broken_{number}" for number, model in enumerate(shadowed)}
        gated = {gate.model for gate in self._gates}
        self._judged = {model: f"judged_{number}" for number, model in enumerate(shadowed) if model in gated}
        self._date_column = next(gate.date_column for gate in self._gates if gate.model == self.model)
        self._models: dict[str, str] = {}
        self._statements: Mapping[str, str] = {}

    def compile(self) -> None:
        """Compile the models and the gates on relations of the scratch schema; they are made first, because macros may look at them."""
        last_day = max(self.days)
        for model in self._after:
            with self.replay.connect(last_day, self.schema) as opened:
                self._build(opened, NO_FAULT)
            if self._is_ephemeral(model):
                continue
            manifest = self._pointed_at(self._broken)
            compiled = self.replay.compile(manifest, [model], None, last_day, self.schema)
            self._models[model] = compiled[model]
        with self.replay.connect(last_day, self.schema) as opened:
            self._build(opened, NO_FAULT)
        self._statements = self.replay.compile(
            self._pointed_at(self._judged),
            [gate.node_id for gate in self._gates],
            min(self.days),
            last_day,
            self.schema,
            SHIFT,
        )

    def judge(self, opened: Warehouse, fault: Fault) -> list[Row]:
        """Return the evidence of the gates on the days that a fault changes."""
        healthy = opened.relation(self.replay.node(self.model))
        arguments = fault.arguments(opened.columns(healthy))
        try:
            self._build(opened, arguments)
            statement = opened.macro(
                "changed_days",
                healthy=healthy,
                broken=self._scratch(opened, self._broken[self.model]),
                date_column=self._date_column,
                days=self.days,
            )
            changed = [row["day"] for row in opened.query(statement)]
        except GatesError as error:
            raise GatesError(f"fault {fault.name!r} cannot be injected: {error}") from error
        if not changed:
            return []
        # A fault lasts one day and is judged against healthy days: the next day does not see it.
        said = opened.each(
            lambda gate: answer(opened, gate, self._statements[gate.node_id], changed), self._gates
        )
        return [row for rows in said for row in rows]

    def _build(self, opened: Warehouse, fault: Mapping[str, Any]) -> None:
        """Fill the scratch schema with the relations whose SQL is known so far."""
        opened.drop_schema(self.schema)
        opened.create_schema(self.schema)
        opened.execute(opened.macro("replay_settings"))
        remember(opened, {})
        node = self.replay.node(self.model)
        rows = opened.macro(
            "faulty_rows",
            relation=opened.relation(node),
            date_column=self._date_column,
            days=self.days,
            **fault,
        )
        opened.execute([f"create view {self._scratch(opened, self._broken[self.model])} as {rows}"])
        for model, select in self._models.items():
            broken = self._scratch(opened, self._broken[model])
            is_view = self.replay.node(model).config.materialized == "view"
            create = [f"create view {broken} as {select}"] if is_view else None
            opened.execute(create or opened.macro("create_scratch_table", relation=broken, select=select))
        for model, name in self._judged.items():
            if model == self.model or model in self._models:
                select = opened.macro(
                    "healthy_and_broken",
                    healthy=opened.relation(self.replay.node(model)),
                    broken=self._scratch(opened, self._broken[model]),
                    date_columns=_date_columns(self._gates, model),
                    shift=SHIFT,
                )
                opened.execute([f"create view {self._scratch(opened, name)} as {select}"])

    def _scratch(self, opened: Warehouse, name: str) -> Any:
        return opened.macro("scratch_relation", name=name)

    def _is_ephemeral(self, model: str) -> bool:
        return bool(self.replay.node(model).config.materialized == "ephemeral")

    def _pointed_at(self, names: Mapping[str, str]) -> dbt.Manifest:
        """Return a manifest that names relations of the scratch schema in place of these models."""
        manifest = copy(self.replay.manifest)
        manifest.nodes, manifest.sources = deepcopy(manifest.nodes), deepcopy(manifest.sources)
        for model, name in names.items():
            node = manifest.nodes.get(model) or manifest.sources[model]
            if not (model in manifest.nodes and self._is_ephemeral(model)):
                node.schema, node.relation_name = self.schema, None
                setattr(node, "alias" if model in manifest.nodes else "identifier", name)
        manifest.build_flat_graph()
        return manifest


def _recomputed(replay: Replay, model: str) -> list[str]:
    """Return the SQL models after one, up to gated ones, in the order in which dbt builds them."""
    parents = {
        unique_id: set(node.depends_on.nodes)
        for unique_id, node in replay.manifest.nodes.items()
        if node.resource_type == "model" and node.language == "sql"
    }
    after = [model]
    for unique_id in TopologicalSorter(parents).static_order():
        if not parents.get(unique_id, set()).isdisjoint(after) and unique_id != model:
            after.append(unique_id)
    needed = {gate.model for gate in replay.gates}
    for unique_id in reversed(after):
        if unique_id in needed:
            needed |= parents.get(unique_id, set())
    return [unique_id for unique_id in after[1:] if unique_id in needed]


def _without_sql(replay: Replay, model: str) -> dict[str, set[str]]:
    """Return the snapshots and Python models after a model, each with itself and all that follows it."""
    children: dict[str, set[str]] = defaultdict(set)
    for unique_id, node in replay.manifest.nodes.items():
        if node.resource_type in ("model", "snapshot"):
            for parent in node.depends_on.nodes:
                children[parent].add(unique_id)
    return {
        unique_id: {unique_id, *_descendants(children, unique_id)}
        for unique_id in sorted(_descendants(children, model))
        if replay.node(unique_id).resource_type == "snapshot" or replay.node(unique_id).language != "sql"
    }


def _descendants(children: Mapping[str, set[str]], node: str) -> set[str]:
    found, waiting = set[str](), [node]
    while waiting:
        new = children.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _kind(node: Any) -> str:
    return "a snapshot" if node.resource_type == "snapshot" else "a Python model"


def _date_columns(gates: Sequence[Gate], model: str) -> list[str]:
    """Return the columns that gates of a model take as the day of a row, in lower case."""
    return sorted({gate.date_column.strip('"`').lower() for gate in gates if gate.model == model})


def _name(node: Any) -> str:
    return f"{node.source_name}.{node.name}" if node.resource_type == "source" else str(node.name)
