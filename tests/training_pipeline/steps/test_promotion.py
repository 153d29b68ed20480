"""Who becomes the champion, and what is kept about it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from gates.ledger.evidence import Row
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.registry import models as registry
from training_pipeline.registry import provenance
from training_pipeline.steps import promote as promotion
from training_pipeline.steps.evaluate import evaluate
from training_pipeline.steps.promote import KEPT, PROMOTED, Decision, promote, rollback
from training_pipeline.warehouse import ml_tables
from training_pipeline.warehouse.postgres import connect

from .project import build_model_gates, execute
from .rows import RUN_DATE


def _history(settings: Settings) -> list[Row]:
    with connect(settings) as connection:
        ml_tables.ensure(connection)
        return ml_tables.history(connection)


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
    assert row["decided_by"] == provenance.decided_by()
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
    assert (_champion(evaluated), _history(evaluated)) == (None, [])


def test_gates_of_an_earlier_evaluation_do_not_count(evaluated: Settings) -> None:
    evaluate(evaluated, RUN_DATE)
    with pytest.raises(
        GateStopped, match=r"1 of 1 model gates have not run since the evaluation .*: challenger_auc"
    ):
        promote(evaluated, RUN_DATE)
    assert _champion(evaluated) is None


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
    assert (_champion(evaluated), _history(evaluated)) == (None, [])


def test_challenger_that_is_not_evaluated_is_refused(evaluated: Settings) -> None:
    execute(evaluated, "delete from ml.model_evaluation")
    with pytest.raises(
        PipelineError, match=r"last version evaluated .* must be 1; it is none\. Evaluate first"
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
    registry.set_alias(challenged, registry.CHAMPION, None)
    with pytest.raises(GateStopped, match="was compared with champion 1, but the champion is none now"):
        promote(challenged, RUN_DATE)


def test_same_rows_and_code_keep_the_champion(challenged: Settings) -> None:
    champion = registry.with_version(challenged, "1")
    registry.client(challenged).set_model_version_tag(
        registry.MODEL_NAME, "2", "model_hash", champion.tags["model_hash"]
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
    execute(challenged, "alter table ml.promotion_history add check (model_version <> '2')")
    with pytest.raises(Exception, match="violates check constraint"):
        promote(challenged, RUN_DATE)
    assert (_champion(challenged), len(_history(challenged))) == ("1", 1)


def test_interrupted_promotion_is_completed(challenged: Settings) -> None:
    registry.set_alias(challenged, registry.CHAMPION, "2")  # as if the process had died before the commit
    decision = promote(challenged, RUN_DATE)
    assert (decision.decision, decision.previous_version) == (PROMOTED, "1")
    assert "completes a promotion that was interrupted" in decision.reason
    assert promote(challenged, RUN_DATE).decision == KEPT


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


def test_rollback_refuses_a_champion_set_by_hand(challenged: Settings) -> None:
    registry.set_alias(challenged, registry.CHAMPION, "2")
    with pytest.raises(
        PipelineError, match=r"champion of ml\.promotion_history, version 1; it is on version 2"
    ):
        rollback(challenged)


def test_rollback_without_a_champion(evaluated: Settings) -> None:
    with pytest.raises(PipelineError, match="there is none before version none"):
        rollback(evaluated)


def test_decision_names_the_airflow_run(evaluated: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "training_pipeline")
    monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "scheduled__2017-06-30")
    promotion.promote(evaluated, RUN_DATE)
    assert _history(evaluated)[0]["decided_by"].endswith("(Airflow training_pipeline scheduled__2017-06-30)")
