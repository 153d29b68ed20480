"""A registry that somebody has changed by hand: nothing is decided on it, and there is a way out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.registry import champion
from training_pipeline.registry import models as registry
from training_pipeline.registry.digest import digest
from training_pipeline.registry.history import PROMOTED, RETIRED, ROLLED_BACK, standing
from training_pipeline.steps.evaluate import evaluate
from training_pipeline.steps.promote import promote, rollback
from training_pipeline.steps.train import train
from training_pipeline.warehouse import ml_tables
from training_pipeline.warehouse.postgres import connect

from .project import build_model_gates, execute
from .registered import decisions, files, require_one_champion
from .rows import RUN_DATE


def _delete_version(settings: Settings, version: str) -> None:
    registry.client(settings).delete_model_version(registry.MODEL_NAME, version)


BY_HAND: dict[str, tuple[Callable[[Settings], None], str]] = {
    "alias removed": (
        lambda settings: registry.set_alias(settings, registry.CHAMPION, None),
        "version 1 is the champion by ml.promotion_history, and somebody has removed MLflow's alias champion. "
        "Put it back: training-pipeline registry repair",
    ),
    "alias moved": (
        lambda settings: registry.set_alias(settings, registry.CHAMPION, "2"),
        "version 1 is the champion by ml.promotion_history, and somebody has moved to version 2 MLflow's alias champion. "
        "Put it back: training-pipeline registry repair",
    ),
    "version deleted": (
        lambda settings: _delete_version(settings, "1"),
        "version 1 is the champion by ml.promotion_history, and somebody has deleted it in MLflow. Restore MLflow's "
        "database, or go on without a champion: training-pipeline registry retire --why TEXT",
    ),
    "model deleted": (
        lambda settings: registry.client(settings).delete_registered_model(registry.MODEL_NAME),
        "version 2 is the challenger of run date 2017-06-30, and somebody has deleted it in MLflow. Train again",
    ),
}


@pytest.mark.parametrize(("change", "reason"), BY_HAND.values(), ids=BY_HAND)
def test_nothing_is_decided_on_a_registry_changed_by_hand(
    challenged: Settings, change: Callable[[Settings], None], reason: str
) -> None:
    change(challenged)
    for step in (evaluate, promote):
        with pytest.raises(GateStopped) as stopped:
            step(challenged, RUN_DATE)
        assert reason in str(stopped.value)
    assert decisions(challenged) == [(PROMOTED, "1")], "the next challenger is not the first champion"


@pytest.mark.parametrize("version", [None, "2"])
def test_repair_puts_the_alias_where_the_history_says(challenged: Settings, version: str | None) -> None:
    registry.set_alias(challenged, registry.CHAMPION, version)
    assert champion.repair(challenged) == ["the alias champion is on version 1 again"]
    require_one_champion(challenged, "1")
    assert champion.repair(challenged) == []
    assert promote(challenged, RUN_DATE).decision == PROMOTED


def test_alias_without_any_promotion_is_no_champion(evaluated: Settings) -> None:
    registry.set_alias(evaluated, registry.CHAMPION, "1")
    reason = (
        r"alias champion is on version 1, and no version was ever promoted .* somebody has set it by hand"
    )
    with pytest.raises(GateStopped, match=reason):
        promote(evaluated, RUN_DATE)
    assert "taken away from version 1" in champion.repair(evaluated)[0]
    assert promote(evaluated, RUN_DATE).decision == PROMOTED


def test_rollback_refuses_while_the_alias_is_moved(challenged: Settings) -> None:
    promote(challenged, RUN_DATE)
    registry.set_alias(challenged, registry.CHAMPION, "1")
    with pytest.raises(GateStopped, match="moved to version 1 MLflow's alias champion"):
        rollback(challenged)
    assert decisions(challenged) == [(PROMOTED, "1"), (PROMOTED, "2")]


def test_rollback_is_a_way_out_of_a_deleted_champion(challenged: Settings) -> None:
    promote(challenged, RUN_DATE)
    _delete_version(challenged, "2")
    with pytest.raises(GateStopped, match=r"deleted it in MLflow\. .* go back to version 1 "):
        champion.repair(challenged)
    rollback(challenged)
    require_one_champion(challenged, "1")


def test_rollback_to_a_deleted_version_changes_nothing(challenged: Settings) -> None:
    promote(challenged, RUN_DATE)
    _delete_version(challenged, "1")
    with pytest.raises(PipelineError, match="the registry has no version 1 of"):
        rollback(challenged)
    require_one_champion(challenged, "2")


def test_retiring_a_lost_champion_makes_room_for_a_first_one(challenged: Settings) -> None:
    _delete_version(challenged, "1")
    champion.retire(challenged, "its version is gone")
    require_one_champion(challenged, None)
    evaluate(challenged, RUN_DATE)
    assert build_model_gates(challenged).success
    assert "the first champion" in promote(challenged, RUN_DATE).reason
    require_one_champion(challenged, "2")
    assert decisions(challenged) == [(PROMOTED, "1"), (RETIRED, "1"), (PROMOTED, "2")]


def _append_code(folder: Path) -> None:
    code = folder / "serving.py"
    marker = folder.parent / "executed"
    code.write_text(code.read_text() + f"\nopen({str(marker)!r}, 'w').close()\n")


def _truncate(folder: Path) -> None:
    file = folder / "artifacts" / "estimator.skops"
    file.write_bytes(file.read_bytes()[:-100])


CHANGES: dict[str, Callable[[Path, Path], object]] = {
    "truncated": lambda folder, _: _truncate(folder),
    "overwritten": lambda folder, _: (folder / "artifacts" / "estimator.skops").write_bytes(b"PK"),
    "of another version": lambda folder, other: shutil.copy(
        other / "artifacts" / "estimator.skops", folder / "artifacts" / "estimator.skops"
    ),
    "all of another version": lambda folder, other: shutil.copytree(other, folder, dirs_exist_ok=True),
    "a line of code more": lambda folder, _: _append_code(folder),
    "a file less": lambda folder, _: (folder / "input_example.json").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_champion_with_other_files_is_not_compared_with(
    kept_files: Settings, change: Callable[[Path, Path], object]
) -> None:
    change(files(kept_files, "1"), files(kept_files, "2"))
    reason = (
        r"files of interaction_propensity version 1 .* are not those that were registered.*registry retire"
    )
    with pytest.raises(GateStopped, match=reason):
        evaluate(kept_files, RUN_DATE)
    assert not (files(kept_files, "1").parent / "executed").exists(), "no code of the folder is run"


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_challenger_with_other_files_is_neither_evaluated_nor_promoted(
    kept_files: Settings, change: Callable[[Path, Path], object]
) -> None:
    change(files(kept_files, "2"), files(kept_files, "1"))
    for step in (evaluate, promote):
        with pytest.raises(GateStopped, match=r"files of interaction_propensity version 2 .* are not those"):
            step(kept_files, RUN_DATE)
    require_one_champion(kept_files, "1")
    assert not (files(kept_files, "2").parent / "executed").exists()
    trained = train(kept_files, RUN_DATE)
    assert (trained.version, trained.reused) == ("3", False), "the same model is fitted again, as it is lost"


def test_changed_code_of_a_model_whose_digest_was_changed_too_is_not_run(kept_files: Settings) -> None:
    folder = files(kept_files, "1")
    _append_code(folder)
    new = digest(folder)
    registry.client(kept_files).set_model_version_tag(registry.MODEL_NAME, "1", registry.DIGEST, new)
    with pytest.raises(GateStopped, match="are not those that were registered"):
        evaluate(kept_files, RUN_DATE)
    assert not (folder.parent / "executed").exists()


def test_rollback_to_a_version_with_other_files_changes_nothing(kept_files: Settings) -> None:
    promote(kept_files, RUN_DATE)
    _truncate(files(kept_files, "1"))
    with pytest.raises(GateStopped, match=r"files of interaction_propensity version 1 .* are not those"):
        rollback(kept_files)
    require_one_champion(kept_files, "2")


def test_champion_whose_files_are_lost_can_be_rolled_back(kept_files: Settings) -> None:
    promote(kept_files, RUN_DATE)
    shutil.rmtree(files(kept_files, "2"))
    assert train(kept_files, RUN_DATE).version == "3"
    with pytest.raises(PipelineError, match=r"version 2 cannot be loaded .*go back to version 1 "):
        evaluate(kept_files, RUN_DATE)
    rollback(kept_files)
    require_one_champion(kept_files, "1")
    assert decisions(kept_files)[-1] == (ROLLED_BACK, "1")


def test_champion_from_before_digests_is_recorded_as_it_is(challenged: Settings) -> None:
    execute(challenged, "alter table ml.promotion_history disable trigger append_only")
    execute(challenged, "update ml.promotion_history set digest = null")
    assert promote(challenged, RUN_DATE).decision == PROMOTED
    assert decisions(challenged) == [(PROMOTED, "1"), ("adopted", "1"), (PROMOTED, "2")]
    recorded = registry.with_version(challenged, "1").digest
    with connect(challenged) as connection:
        once = standing(ml_tables.history(connection)).once
    assert once["1"].basis.digest == recorded
