"""Who becomes the champion, and what is kept about it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from gates.ledger.evidence import Row
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.registry import models as registry
from training_pipeline.registry.champion import retire
from training_pipeline.registry.history import KEPT, PROMOTED, REJECTED, RETIRED, ROLLED_BACK, Decision
from training_pipeline.steps import model_evidence
from training_pipeline.steps import promote as promotion
from training_pipeline.steps.evaluate import evaluate
from training_pipeline.steps.promote import promote, rollback
from training_pipeline.steps.train import train
from training_pipeline.warehouse import caller, dbt, ml_tables
from training_pipeline.warehouse.postgres import connect

from .project import build_data, build_model_gates, execute, load
from .rows import RUN_DATE, training_rows


def _history(settings: Settings) -> list[Row]:
    with connect(settings) as connection:
        ml_tables.ensure(connection)
        return ml_tables.history(connection)


def _decisions(settings: Settings) -> list[str]:
    return [row["decision"] for row in _history(settings)]


def _champion(settings: Settings) -> str | None:
    found = registry.with_alias(settings, registry.CHAMPION)
    return found.version if found else None


def test_first_champion_needs_the_gates_only(evaluated: Settings) -> None:
    decision = promote(evaluated, RUN_DATE)
    assert (decision.decision, decision.model_version, decision.previous_version) == (PROMOTED, "1", None)
    assert "the first champion" in decision.reason
    assert _champion(evaluated) == "1"
    [row] = _history(evaluated)
    tags = registry.with_version(evaluated, "1").tags
    assert (row["decision"], row["model_version"], row["previous_version"]) == (PROMOTED, "1", None)
    assert row["decided_by"] == caller.decided_by()
    assert [gate["node_id"].split(".")[2] for gate in row["gates"]] == ["challenger_auc"]
    for name in ("data_fingerprint", "git_commit", "manifest_hash"):
        assert row[name] == tags[name]


def test_failed_model_gate_stops(evaluated: Settings) -> None:
    execute(evaluated, "update ml.model_evaluation set value = 0.55 where metric = 'auc'")
    assert not build_model_gates(evaluated).success
    reason = r"FAIL  challenger_auc on challenger_evaluation where .*\n +min\(value\) is 0.55, allowed at least 0.6\n"
    with pytest.raises(GateStopped, match=reason) as stopped:
        promote(evaluated, RUN_DATE)
    assert [row["verdict"] for row in stopped.value.evidence] == ["fail"]
    assert _champion(evaluated) is None
    [row] = _history(evaluated)
    assert (row["decision"], row["model_version"], row["previous_version"]) == (REJECTED, "1", None)
    assert row["reason"] == "1 model gates failed: challenger_auc"
    assert row["digest"] == registry.with_version(evaluated, "1").digest
    assert [gate["verdict"] for gate in row["gates"]] == ["fail"]


def test_a_rejection_is_recorded_where_nobody_asks_for_the_promotion(evaluated: Settings) -> None:
    row = {
        "node_id": "test.small.challenger_auc.0123456789",
        "status": "fail",
        "verdict": "fail",
        "severity": "error",
    }
    columns = ("gate", "metric", "segment", "relation", "invocation_id", "config_hash", "subject_version")
    for _ in range(2):  # a task of Airflow may be cleared and run again
        promotion.reject(evaluated, RUN_DATE, GateStopped("stopped", [row | dict.fromkeys(columns, "1 abc")]))
    [kept] = _history(evaluated)
    assert (kept["decision"], kept["reason"], kept["evaluation"]) == (
        REJECTED, "1 model gates failed: challenger_auc", "1 abc"
    )  # fmt: skip


def test_gates_of_an_earlier_evaluation_do_not_count(evaluated: Settings) -> None:
    evaluate(evaluated, RUN_DATE)
    reason = (
        "1 of 1 model gates have judged an earlier evaluation of version 1, not version 1 as it was evaluated last: "
        "challenger_auc"
    )
    with pytest.raises(GateStopped, match=reason):
        promote(evaluated, RUN_DATE)
    assert _champion(evaluated) is None


def test_gates_of_another_version_do_not_count(challenged: Settings) -> None:
    load(challenged, training_rows(seed=3))
    build_data(challenged)
    train(challenged, RUN_DATE)
    evaluate(challenged, RUN_DATE)  # of version 3, while the gates have judged version 2
    with pytest.raises(GateStopped, match="1 of 1 model gates have judged version 2, not version 3"):
        promote(challenged, RUN_DATE)
    assert _champion(challenged) == "1"
    assert (_history(challenged)[-1]["decision"], _history(challenged)[-1]["model_version"]) == (
        REJECTED,
        "3",
    )


def test_evaluation_that_was_changed_after_the_gates_does_not_count(evaluated: Settings) -> None:
    execute(evaluated, "update ml.model_evaluation set value = value - 1e-9 where metric = 'brier'")
    with pytest.raises(GateStopped, match="have judged an earlier evaluation of version 1"):
        promote(evaluated, RUN_DATE)


def test_gates_that_name_no_version_do_not_count(evaluated: Settings) -> None:
    execute(
        evaluated,
        "update analytics.gate_results set subject_version = null where relation like '%challenger%'",
    )
    with pytest.raises(
        GateStopped, match=r"have judged a version that they do not name \(argument `version`\)"
    ):
        promote(evaluated, RUN_DATE)


def test_gate_with_another_configuration_now_does_not_count(
    evaluated: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = dbt.compile_inline

    def changed(*arguments: Any) -> str:
        answer = json.loads(ask(*arguments))
        return json.dumps(answer | {"config_hashes": dict.fromkeys(answer["config_hashes"], "another")})

    monkeypatch.setattr(model_evidence, "compile_inline", changed)
    with pytest.raises(GateStopped, match="the configuration of challenger_auc has changed since it ran"):
        promote(evaluated, RUN_DATE)


def test_no_ledger_stops(evaluated: Settings) -> None:
    execute(evaluated, "drop table analytics.gate_results")
    with pytest.raises(GateStopped, match="1 of 1 model gates have not run"):
        promote(evaluated, RUN_DATE)


def test_verdict_that_was_changed_afterwards_stops(evaluated: Settings) -> None:
    execute(evaluated, "update ml.model_evaluation set value = 0.55 where metric = 'auc'")
    assert not build_model_gates(evaluated).success
    execute(
        evaluated,
        "update analytics.gate_results set verdict = 'pass', status = 'pass' where verdict = 'fail'",
    )
    reason = r"promotion stopped on .*: the ledger is not as it was sealed: invocation \S+, gate value_range"
    with pytest.raises(GateStopped, match=reason):
        promote(evaluated, RUN_DATE)
    assert (_champion(evaluated), _decisions(evaluated)) == (None, [REJECTED])


def test_challenger_that_is_not_evaluated_is_refused(evaluated: Settings) -> None:
    execute(evaluated, "delete from ml.model_evaluation")
    with pytest.raises(
        PipelineError, match=r"version 1 must have been evaluated .* it has 0 evaluations\. Evaluate first"
    ):
        promote(evaluated, RUN_DATE)


def test_champion_is_not_replaced_by_itself(evaluated: Settings) -> None:
    promote(evaluated, RUN_DATE)
    decisions = [promote(evaluated, RUN_DATE) for _ in range(2)]
    assert {decision.decision for decision in decisions} == {KEPT}
    assert "a champion is not replaced by itself" in decisions[0].reason
    assert [row["decision"] for row in _history(evaluated)] == [PROMOTED, KEPT]  # said once


def test_challenger_replaces_the_champion(challenged: Settings) -> None:
    decision = promote(challenged, RUN_DATE)
    assert (decision.decision, decision.model_version, decision.previous_version) == (PROMOTED, "2", "1")
    assert _champion(challenged) == "2"


def test_champion_other_than_the_one_compared_with_stops(challenged: Settings) -> None:
    retire(challenged, "its model is lost")
    with pytest.raises(GateStopped, match="was compared with champion 1, but the champion is none now"):
        promote(challenged, RUN_DATE)
    assert _decisions(challenged) == [PROMOTED, RETIRED, REJECTED]


def test_same_rows_and_code_keep_the_champion(challenged: Settings) -> None:
    execute(  # as a version from before one version served for all its trainings
        challenged,
        "insert into ml.challenger (run_date, model_name, model_version, digest, facts)"
        " select last.run_date, last.model_name, last.model_version, last.digest,"
        " last.facts || jsonb_build_object('model_hash', first.facts ->> 'model_hash')"
        " from ml.challenger as last, ml.challenger as first where last.model_version = '2' and first.model_version = '1'",
    )
    decision = promote(challenged, RUN_DATE)
    assert (decision.decision, _champion(challenged)) == (KEPT, "1")
    assert "the same model as champion 1: same rows, same code" in decision.reason


def test_of_two_promoters_one_promotes(challenged: Settings) -> None:
    together = Barrier(2)

    def start() -> Decision:
        together.wait()
        return promote(challenged, RUN_DATE)

    with ThreadPoolExecutor(2) as pool:
        decisions = [future.result() for future in [pool.submit(start) for _ in range(2)]]
    assert sorted(decision.decision for decision in decisions) == [KEPT, PROMOTED]
    assert [row["decision"] for row in _history(challenged)] == [PROMOTED, PROMOTED, KEPT]


def test_alias_stays_when_the_history_cannot_be_written(
    challenged: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(challenged, "alter table ml.promotion_history add check (model_version <> '2')")  # at the intent
    with pytest.raises(Exception, match="violates check constraint"):
        promote(challenged, RUN_DATE)
    assert (_champion(challenged), len(_history(challenged))) == ("1", 1)


def test_rollback_brings_back_the_champion_before(challenged: Settings) -> None:
    promote(challenged, RUN_DATE)
    decision = rollback(challenged)
    assert (decision.decision, decision.model_version, decision.previous_version) == ("rolled_back", "1", "2")
    assert _champion(challenged) == "1"
    assert [row["decision"] for row in _history(challenged)] == [PROMOTED, PROMOTED, "rolled_back"]
    again = promote(challenged, RUN_DATE)  # the next scheduled run must not undo it
    assert (again.decision, again.reason) == (KEPT, "the same model was rolled back as version 2")
    with pytest.raises(PipelineError, match="there is none before version 1"):
        rollback(challenged)


def test_rollback_without_a_champion(evaluated: Settings) -> None:
    with pytest.raises(PipelineError, match=r"a rollback needs a champion; ml\.promotion_history has none"):
        rollback(evaluated)


def test_rollback_to_a_version(challenged: Settings) -> None:
    promote(challenged, RUN_DATE)
    rollback(challenged, "1")
    assert _champion(challenged) == "1"
    decision = rollback(challenged, "2")  # the rollback was a mistake
    assert (decision.decision, decision.model_version, decision.previous_version) == (ROLLED_BACK, "2", "1")
    assert _champion(challenged) == "2"
    assert "it is the champion already" in promote(challenged, RUN_DATE).reason, "it may serve again"


@pytest.mark.parametrize(
    ("to", "reason"), [("1", "version 1 is the champion now"), ("7", "version 7 was never champion")]
)
def test_rollback_to_what_was_no_champion(challenged: Settings, to: str, reason: str) -> None:
    with pytest.raises(PipelineError, match=rf"must be a version that was champion once \(1\) .*{reason}"):
        rollback(challenged, to)


def test_decision_names_the_airflow_run(evaluated: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "training_pipeline")
    monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "scheduled__2017-06-30")
    promotion.promote(evaluated, RUN_DATE)
    assert _history(evaluated)[0]["decided_by"].endswith("(Airflow training_pipeline scheduled__2017-06-30)")
