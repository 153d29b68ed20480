"""Retention: what is old goes, what a champion rests on stays, and the ledger still shows what somebody tampers with."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest

from gates.ledger import seals
from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.registry import models as registry
from training_pipeline.registry import removal
from training_pipeline.steps import past_days, retention
from training_pipeline.steps.retention import Pruned, prune
from training_pipeline.warehouse import ledger
from training_pipeline.warehouse.dbt import compile_inline
from training_pipeline.warehouse.postgres import connect

from .project import build_data, execute
from .rows import RUN_DATE

KEEP_DAYS = 120
LATER = RUN_DATE + dt.timedelta(days=800)
NEXT_DAY = RUN_DATE + dt.timedelta(days=1)


@pytest.fixture
def old(challenged: Settings) -> Iterator[Settings]:
    """Version 1 is the champion; version 2, of the same run date, is nobody's challenger any more; there are reports."""
    registry.set_alias(challenged, registry.CHALLENGER, None)
    reports = challenged.state_dir / "reports"
    reports.mkdir(exist_ok=True)
    for name in (f"{RUN_DATE}.html", "2016-01-31.html", f"{LATER}.html", "notes.html", "2016-01-31.txt"):
        (reports / name).write_text("x" * 10)
    files = {
        path: path.read_bytes() for path in registry.artifact_root(challenged).rglob("*") if path.is_file()
    }
    yield challenged
    for path, content in files.items():  # other tests restore the databases, not the files
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for file in reports.iterdir():
        file.unlink()


def state(settings: Settings) -> dict[str, Any]:
    """All that retention may touch."""
    with connect(settings) as connection:
        tables = {
            table: connection.execute(
                f"select * from {table} as rows order by rows::text".encode()
            ).fetchall()
            for table in (
                "analytics.gate_results",
                "analytics.gate_seals",
                "analytics.training_certificate",
                "ml.model_evaluation",
                "ml.promotion_history",
            )
        }
    return tables | {
        "versions": registry.versions(settings, {}),
        "trainings": sorted(training.run_id for training in removal.trainings(settings)),
        "files": sorted(str(path) for path in registry.artifact_root(settings).rglob("*") if path.is_file()),
        "reports": sorted(file.name for file in (settings.state_dir / "reports").iterdir()),
    }


def broken(settings: Settings) -> list[dict[str, Any]]:
    return ledger.broken_seals(settings, compile_inline(settings, f"{{{{ {seals.question()} }}}}", RUN_DATE))


def proof_of(settings: Settings, version: str) -> set[str]:
    """The runs of the data gates that a version rests on."""
    return set(json.loads(registry.with_version(settings, version).tags["certificate_invocations"]))


def invocations(settings: Settings) -> set[str]:
    with connect(settings) as connection:
        return {
            row[0] for row in connection.execute("select distinct invocation_id from analytics.gate_results")
        }


def counts(pruned: Pruned) -> dict[str, str]:
    return {one.kind: one.count for one in pruned.removed}


def test_what_a_champion_rests_on_stays_and_the_rest_goes(old: Settings) -> None:
    champions_proof, challengers_proof = proof_of(old, "1"), proof_of(old, "2")
    before = state(old)
    with connect(old) as connection:
        (decided,) = connection.execute(
            "select gates from ml.promotion_history where model_version = '1'"
        ).fetchone() or ([],)
    pruned = prune(old, LATER, KEEP_DAYS)

    after = state(old)
    assert pruned.kept == {"1": "alias champion"}
    assert after["versions"] == ["1"]
    assert len(after["trainings"]) == len(before["trainings"]) - 1
    assert invocations(old) == champions_proof | {gate["invocation_id"] for gate in decided}
    assert not challengers_proof & invocations(old)
    versions = {row[2] for row in after["ml.model_evaluation"]}
    assert versions == {"1"}
    assert after["ml.promotion_history"] == before["ml.promotion_history"], "the history is never pruned"
    assert after["analytics.training_certificate"], "the champion's certificate is of this run date"
    assert after["reports"] == ["2016-01-31.txt", f"{RUN_DATE}.html", f"{LATER}.html", "notes.html"]
    assert 0 < len(after["files"]) < len(before["files"])
    mlflow.pyfunc.load_model(f"models:/{registry.MODEL_NAME}/1")
    assert {one.kind: one.bytes > 0 for one in pruned.removed} == {
        "ledger": True, "evaluations": True, "certificates": False, "models": True, "reports": True,
    }  # fmt: skip
    assert counts(pruned)["models"] == "1 version, 1 training"
    assert counts(pruned)["reports"] == "1 file"


def test_a_pruned_ledger_is_as_it_was_sealed_and_a_tampered_one_is_not(old: Settings) -> None:
    (kept, *_) = sorted(proof_of(old, "1"))
    prune(old, LATER, KEEP_DAYS)
    assert broken(old) == []
    execute(old, f"delete from analytics.gate_results where invocation_id = '{kept}'")
    assert {row["problem"] for row in broken(old)} == {"rows that were sealed are gone or changed"}
    assert {row["invocation_id"] for row in broken(old)} == {kept}


def test_what_was_tampered_with_is_not_pruned_away(old: Settings) -> None:
    (changed, *_) = sorted(proof_of(old, "2") - proof_of(old, "1"))
    execute(old, f"update analytics.gate_results set statistic = 7 where invocation_id = '{changed}'")
    prune(old, LATER, KEEP_DAYS)
    assert changed in invocations(old)
    assert {row["invocation_id"] for row in broken(old)} == {changed}


def test_a_second_time_there_is_nothing_to_prune(old: Settings) -> None:
    prune(old, LATER, KEEP_DAYS)
    once = state(old)
    again = prune(old, LATER, KEEP_DAYS)
    assert sum(one.bytes for one in again.removed) == 0
    assert state(old) == once


def test_a_dry_run_says_the_same_and_removes_nothing(old: Settings) -> None:
    before = state(old)
    said = prune(old, LATER, KEEP_DAYS, dry_run=True)
    assert state(old) == before
    assert said == prune(old, LATER, KEEP_DAYS)
    assert "would be removed" in retention.lines(said, dry_run=True)[-1]


@pytest.mark.parametrize("killed_at", ["files", "run", "version", "reports"])
def test_a_prune_that_was_killed_is_finished_by_the_next(
    old: Settings, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if killed_at == "files":
            patched.setattr("shutil.rmtree", die)
        elif killed_at == "run":
            patched.setattr("mlflow.store.tracking.sqlalchemy_store.SqlAlchemyStore._hard_delete_run", die)
        elif killed_at == "version":
            patched.setattr("mlflow.MlflowClient.delete_model_version", die)
        else:
            patched.setattr(Path, "unlink", die)
        with pytest.raises(KeyboardInterrupt):
            prune(old, LATER, KEEP_DAYS)
    prune(old, LATER, KEEP_DAYS)
    after = state(old)
    assert after["versions"] == ["1"]
    assert len(after["trainings"]) == 1
    assert not any("2016" in name for name in after["reports"] if name.endswith(".html"))
    assert broken(old) == []


def test_what_is_not_old_stays(old: Settings) -> None:
    before = state(old)
    pruned = prune(old, RUN_DATE + dt.timedelta(days=KEEP_DAYS), KEEP_DAYS)
    after = state(old)
    assert counts(pruned)["ledger"] == "0 rows of 0 runs"
    assert {name: after[name] for name in after if name != "reports"} == {
        name: before[name] for name in before if name != "reports"
    }


def test_the_champion_before_stays_for_a_rollback(old: Settings) -> None:
    execute(
        old,
        "alter table ml.promotion_history disable trigger append_only;"
        " update ml.promotion_history set previous_version = '2'",
    )
    pruned = prune(old, LATER, KEEP_DAYS)
    assert pruned.kept["2"] == "a rollback of version 1 brings it back"
    assert registry.versions(old, {}) == ["2", "1"]


def test_an_old_ledger_of_no_champion_goes_by_itself(trainable: Settings) -> None:
    """The days keep their verdicts, judged again at once; days are still judged afterwards, and what they leave is sealed."""
    assert build_data(trainable, NEXT_DAY).success is False, "there is no interaction on that day"
    before, judged = invocations(trainable), past_days.judged_days(trainable, LATER)
    assert judged == {RUN_DATE}, "on the other day the gate of the source has stopped the build"
    pruned = prune(trainable, LATER, KEEP_DAYS)
    (window,) = invocations(trainable) - before
    assert invocations(trainable) == {window}
    assert past_days.judged_days(trainable, LATER) == judged
    with connect(trainable) as connection:
        rows = connection.execute("select distinct run_date, verdict, mode from analytics.gate_results")
        assert set(rows) == {(RUN_DATE, "pass", "window")}
    assert counts(pruned)["certificates"] != "0 rows"

    prune(trainable, LATER, KEEP_DAYS)
    assert invocations(trainable) == {window}, "what judged days last stays"
    build_data(trainable, NEXT_DAY)
    assert len(invocations(trainable)) == 2
    assert broken(trainable) == []


def test_fewer_days_than_the_gates_look_back_are_refused(pipeline_settings: Settings) -> None:
    with pytest.raises(
        PipelineError, match=r"--keep-days must be at least 371, because the gates .*; received 83"
    ):
        prune(pipeline_settings, RUN_DATE, 83)
