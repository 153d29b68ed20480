"""Which gates of the dbt project have to pass: before training, and before promotion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from training_pipeline.errors import PipelineError
from training_pipeline.model.dataset import RELATION

MODEL_GATE = "model_gate"


def required_data_gates(manifest: Mapping[str, Any]) -> list[str]:
    """Return the unique ids of the tests that have to pass before training.

    They are all data tests of severity error, other than model gates, that look at `training_set` or at
    anything it is made of. Unit tests are about code and are not among them.

    Raises
    ------
    PipelineError
        The project has no such model, or no gate on the way to it: it would prove nothing.
    """
    target = [
        unique_id
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["name"] == RELATION
    ]
    if not target:
        raise PipelineError(f"the dbt project must have a model {RELATION}; its manifest has none")
    on_the_way, waiting = set(target), list(target)
    while waiting:
        parents = set(manifest["parent_map"].get(waiting.pop(), ())) - on_the_way
        on_the_way |= parents
        waiting.extend(parents)
    required = [
        unique_id
        for unique_id, node in manifest["nodes"].items()
        if _is_blocking_test(node)
        and MODEL_GATE not in node["tags"]
        and not on_the_way.isdisjoint(node["depends_on"]["nodes"])
    ]
    if not required:
        raise PipelineError(
            f"at least one test of severity error must look at {RELATION} or what it is made of; the dbt "
            "project has none, so nothing could prove the data fit for training. Add gates to the models"
        )
    return required


def gates_of_past_days(manifest: Mapping[str, Any]) -> list[str]:
    """Return those of the gates before training that judge each day of the past: on models, and one day at a time.

    A source is judged on the day on which it arrives. What training reads of the past is in the models, also where the source
    keeps it no longer.
    """
    return [
        unique_id
        for unique_id in required_data_gates(manifest)
        if _judges_days(manifest["nodes"][unique_id])
        and any(parent in manifest["nodes"] for parent in manifest["nodes"][unique_id]["depends_on"]["nodes"])
    ]


def required_model_gates(manifest: Mapping[str, Any]) -> list[str]:
    """Return the unique ids of the tests that must pass before promotion.

    These have severity error and the tag `model_gate`.

    Raises
    ------
    PipelineError
        The project has no such test.
    """
    required = [
        unique_id
        for unique_id, node in manifest["nodes"].items()
        if _is_blocking_test(node) and MODEL_GATE in node["tags"]
    ]
    if not required:
        raise PipelineError(
            f"the dbt project must have at least one test of severity error with the tag {MODEL_GATE}; it has "
            "none, so no gate could prove a model fit for promotion"
        )
    return required


def any_judges_days(manifest: Mapping[str, Any], unique_ids: Iterable[str]) -> bool:
    """Say whether one of some tests is about a day of the data, so that a person can decide about the day."""
    nodes = [manifest["nodes"][unique_id] for unique_id in unique_ids if unique_id in manifest["nodes"]]
    return any(_judges_days(node) and MODEL_GATE not in node["tags"] for node in nodes)


def _judges_days(node: Mapping[str, Any]) -> bool:
    """Whether a test is a gate that judges one day at a time."""
    metadata = node.get("test_metadata") or {}
    return metadata.get("namespace") == "gates" and bool(metadata["kwargs"].get("date_column"))


def _is_blocking_test(node: Mapping[str, Any]) -> bool:
    """Whether a node of dbt's manifest is a data test of severity error."""
    return node["resource_type"] == "test" and str(node["config"]["severity"]).lower() == "error"
