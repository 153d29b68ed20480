"""A process that is killed at each point of a promotion or a rollback, and what the next command makes of it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped
from training_pipeline.registry import champion
from training_pipeline.registry import models as registry
from training_pipeline.registry.history import PROMOTED, ROLLED_BACK
from training_pipeline.steps.evaluate import evaluate
from training_pipeline.steps.promote import promote, rollback
from training_pipeline.steps.train import train
from training_pipeline.warehouse.postgres import connect

from .project import build_data, build_model_gates, load
from .registered import alias, decisions, files, require_one_champion
from .rows import RUN_DATE, training_rows

_RUN = """
import datetime as dt, os, signal, sys
from pathlib import Path
from training_pipeline.config import Settings
from training_pipeline.registry import history, models
from training_pipeline.steps import promote

root, state, command, function, number, when = sys.argv[1:]
module = {"append": history, "set_alias": models}[function]
original, calls = getattr(module, function), []

def killed(*arguments, **named):
    calls.append(1)
    if len(calls) == int(number) and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = original(*arguments, **named)
    if len(calls) == int(number):
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

setattr(module, function, killed)
settings = Settings(Path(root), Path(state))
promote.promote(settings, dt.date(2017, 6, 30)) if command == "promote" else promote.rollback(settings)
"""
# The function that writes, which of its calls, and whether it is killed before or after the call.
BEFORE_THE_INTENT = ("append", "1", "before")
AFTER_THE_INTENT = ("append", "1", "after")
AFTER_THE_ALIAS = ("set_alias", "1", "after")
AFTER_THE_END = ("append", "2", "after")
POINTS = [
    pytest.param(BEFORE_THE_INTENT, id="before the intent", marks=pytest.mark.long),
    pytest.param(AFTER_THE_INTENT, id="after the intent"),
    pytest.param(AFTER_THE_ALIAS, id="after the alias"),
    pytest.param(AFTER_THE_END, id="after the end", marks=pytest.mark.long),
]


def kill(settings: Settings, command: str, point: tuple[str, str, str]) -> None:
    """Run a command in another process, which is killed at a point."""
    arguments = [str(settings.root), str(settings.state_dir), command, *point]
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def _steps(settings: Settings) -> list[str]:
    with connect(settings) as connection:
        return [row[0] for row in connection.execute("select step from ml.promotion_history order by number")]


@pytest.mark.parametrize("point", POINTS)
def test_promotion_that_was_killed_comes_to_the_same_end(
    challenged: Settings, point: tuple[str, str, str]
) -> None:
    kill(challenged, "promote", point)
    decision = promote(challenged, RUN_DATE)
    require_one_champion(challenged, "2")
    ends = {
        PROMOTED: [(PROMOTED, "1"), (PROMOTED, "2")],
        "kept": [(PROMOTED, "1"), (PROMOTED, "2"), ("kept", "2")],
    }
    assert decisions(challenged) == ends[decision.decision]
    assert decision.decision == (PROMOTED if point == BEFORE_THE_INTENT else "kept")
    assert _steps(challenged).count("intent") == 2, "one for each champion"


@pytest.mark.long
@pytest.mark.parametrize("point", POINTS)
def test_promotion_that_was_killed_is_in_the_history_when_other_data_come(
    challenged: Settings, point: tuple[str, str, str]
) -> None:
    kill(challenged, "promote", point)
    load(challenged, training_rows(seed=3))
    build_data(challenged)
    train(challenged, RUN_DATE)
    expected = "1" if point == BEFORE_THE_INTENT else "2"
    assert evaluate(challenged, RUN_DATE).champion_version == expected
    champion.repair(challenged)
    require_one_champion(challenged, expected)
    if build_model_gates(challenged).success:
        decision = promote(challenged, RUN_DATE)
        assert (decision.model_version, decision.previous_version) == ("3", expected)
        require_one_champion(challenged, "3" if decision.decision == PROMOTED else expected)


@pytest.mark.parametrize("point", POINTS)
def test_rollback_that_was_killed_is_completed(challenged: Settings, point: tuple[str, str, str]) -> None:
    promote(challenged, RUN_DATE)
    kill(challenged, "rollback", point)
    assert promote(challenged, RUN_DATE).decision == "kept", "what was rolled back does not return"
    expected = "2" if point == BEFORE_THE_INTENT else "1"
    require_one_champion(challenged, expected)
    rolled_back = [] if point == BEFORE_THE_INTENT else [(ROLLED_BACK, "1")]
    kept = ("kept", "2")
    assert decisions(challenged) == [(PROMOTED, "1"), (PROMOTED, "2"), *rolled_back, kept]


@pytest.mark.long
def test_rollback_that_was_killed_can_be_asked_for_again(challenged: Settings) -> None:
    promote(challenged, RUN_DATE)
    kill(challenged, "rollback", AFTER_THE_ALIAS)
    with pytest.raises(Exception, match="there is none before version 1"):
        rollback(challenged)  # the first one is completed; there is nothing before it
    require_one_champion(challenged, "1")


def _interrupted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the promotion had been killed between the intent and the alias, without the time of another process."""

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(registry, "set_alias", die)
        with pytest.raises(Killed):
            promote(settings, RUN_DATE)
    assert (alias(settings), _steps(settings)[-1]) == ("1", "intent")


def test_repair_completes_what_was_killed(challenged: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    _interrupted(challenged, monkeypatch)
    [sentence] = champion.repair(challenged)
    assert sentence.startswith(
        "completed what a killed command had begun: promoted version 2 (all model gates passed"
    )
    require_one_champion(challenged, "2")
    assert champion.repair(challenged) == []


def test_promotion_of_a_model_that_is_lost_meanwhile_is_undone(
    kept_files: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupted(kept_files, monkeypatch)
    (files(kept_files, "2") / "artifacts" / "estimator.skops").write_bytes(b"")
    [sentence] = champion.repair(kept_files)
    assert "undid what a killed command had begun: promoted version 2: the files of" in sentence
    require_one_champion(kept_files, "1")
    assert (decisions(kept_files), _steps(kept_files)[-1]) == ([(PROMOTED, "1")], "undone")


def test_alias_that_was_moved_after_a_kill_stops(
    challenged: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupted(challenged, monkeypatch)
    registry.set_alias(challenged, registry.CHAMPION, None)
    reason = r"killed while it promoted version 2, and since then somebody has put MLflow's alias champion on no version"
    with pytest.raises(GateStopped, match=reason):
        promote(challenged, RUN_DATE)
    champion.repair(challenged)
    require_one_champion(challenged, "2")


def test_evaluation_compares_with_what_will_be_settled(
    challenged: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupted(challenged, monkeypatch)
    assert evaluate(challenged, RUN_DATE).champion_version == "2"
    assert alias(challenged) == "1", "the role that evaluates moves no alias"
    assert build_model_gates(challenged).success
    assert promote(challenged, RUN_DATE).decision == "kept"
    require_one_champion(challenged, "2")
