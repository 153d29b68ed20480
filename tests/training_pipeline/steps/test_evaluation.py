"""What is measured, on which rows, and that measuring again changes nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from gates.ledger.evidence import Row
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped
from training_pipeline.model.dataset import Floats, from_table, split_by_time
from training_pipeline.model.measurement import NO_REFERENCE, OWN_NOISE, UNDECIDED, Reference
from training_pipeline.model.measuring import measure
from training_pipeline.model.metrics import METRICS
from training_pipeline.model.segments import WHOLE
from training_pipeline.registry import loading
from training_pipeline.registry import models as registry
from training_pipeline.registry.challenger import challenger
from training_pipeline.steps import promote as promotion
from training_pipeline.steps.evaluate import evaluate
from training_pipeline.warehouse import ml_tables
from training_pipeline.warehouse.postgres import connect

from .project import execute
from .rows import RUN_DATE, training_rows

COUNTS = (
    *("invalid_predictions", "smaller_class", "serving_difference", "serving_batch_dependence"),
    *("serving_wrong_inputs", "serving_row_seconds", "serving_batch_seconds", "serving_megabytes"),
)


TIMES = ("serving_row_seconds", "serving_batch_seconds", "serving_megabytes")


def _rows(settings: Settings) -> list[Row]:
    with connect(settings) as connection:
        return ml_tables.latest_evaluation(connection, RUN_DATE)


def _whole(rows: list[Row]) -> dict[tuple[str, str], Row]:
    return {(row["metric"], row["reference"]): row for row in rows if row["segment"] == WHOLE}


def test_every_metric_alone_and_against_every_baseline(evaluated: Settings) -> None:
    whole = _whole(_rows(evaluated))
    referees = (NO_REFERENCE, "recency_only", "base_rate", "best_feature")
    assert set(whole) == {
        *((metric, name) for metric in METRICS for name in referees),
        *(("calibration_error", name) for name in (NO_REFERENCE, OWN_NOISE)),
        *((metric, NO_REFERENCE) for metric in COUNTS),
    }
    assert whole["auc", "best_feature"]["note"] == "the feature is recency_days"
    for row in whole.values():
        if row["metric"] not in COUNTS:
            assert row["lower"] <= row["upper"]
        assert (row["model_version"], row["sample_size"], str(row["snapshot_date"])) == (
            "1",
            200,
            "2017-05-31",
        )
    assert whole["auc", "base_rate"]["reference_value"] == 0.5
    assert whole["log_loss", "base_rate"]["difference_lower"] > 0  # far better than a constant
    assert whole["auc", NO_REFERENCE]["difference"] is None


def test_values_are_those_of_the_served_model_on_the_test_snapshot(evaluated: Settings) -> None:
    test = split_by_time(from_table(training_rows(), RUN_DATE)).test
    predicted = loading.predict(evaluated, challenger(evaluated, RUN_DATE), test.frame)
    row = _whole(_rows(evaluated))["auc", NO_REFERENCE]
    assert row["value"] == pytest.approx(roc_auc_score(test.label, predicted), abs=1e-12)
    assert row["lower"] < row["value"] < row["upper"]


def test_a_registered_model_is_fit_for_serving_in_a_fresh_process(evaluated: Settings) -> None:
    whole = _whole(_rows(evaluated))
    for name in ("difference", "batch_dependence", "wrong_inputs"):
        row = whole[f"serving_{name}", NO_REFERENCE]
        assert (row["value"], row["note"]) == (0, None), name


def test_evaluating_again_replaces_the_rows_by_the_same(evaluated: Settings) -> None:
    def without_time() -> list[Row]:
        return [
            {name: value for name, value in row.items() if name != "evaluated_at"}
            for row in _rows(evaluated)
            if row["metric"] not in TIMES
        ]

    before = without_time()
    evaluate(evaluated, RUN_DATE)
    assert without_time() == before
    with connect(evaluated) as connection:
        assert connection.execute("select count(*) from ml.model_evaluation").fetchone() == (
            len(before) + len(TIMES),
        )


def test_champion_is_measured_on_the_same_rows(challenged: Settings) -> None:
    row = _whole(_rows(challenged))["auc", registry.CHAMPION]
    assert (row["model_version"], row["reference_version"]) == ("2", "1")
    test = split_by_time(from_table(training_rows(seed=2), RUN_DATE)).test
    champion = loading.predict(challenged, registry.with_version(challenged, "1"), test.frame)
    assert row["reference_value"] == pytest.approx(roc_auc_score(test.label, champion), abs=1e-12)
    assert row["difference"] == pytest.approx(row["value"] - row["reference_value"], abs=1e-12)


def test_champion_against_itself_differs_by_nothing(evaluated: Settings) -> None:
    promotion.promote(evaluated, RUN_DATE)
    evaluate(evaluated, RUN_DATE)
    row = _whole(_rows(evaluated))["log_loss", registry.CHAMPION]
    assert row["reference_version"] == row["model_version"]
    assert (row["difference"], row["difference_lower"], row["difference_upper"]) == (0, 0, 0)


@pytest.mark.parametrize(("month", "part"), [(5, "test_fingerprint"), (4, "data_fingerprint")])
def test_rows_that_nobody_has_proven_are_not_evaluated_on(evaluated: Settings, month: int, part: str) -> None:
    execute(
        evaluated,
        "update analytics.training_set set amount_30 = 0"
        f" where customer_id = 7 and extract(month from snapshot_date) = {month}",
    )
    with pytest.raises(
        GateStopped, match=f"training_set has changed since version 1 was trained, {part} was"
    ):
        evaluate(evaluated, RUN_DATE)


def test_segments_show_where_a_model_is_wrong_and_where_nobody_knows(evaluated: Settings) -> None:
    gaps = {row["segment"]: row for row in _rows(evaluated) if row["metric"] == "calibration_gap"}
    sizes = {name: row["sample_size"] for name, row in gaps.items()}
    recency = from_table(training_rows(), RUN_DATE).where(
        from_table(training_rows(), RUN_DATE).snapshot_date == np.datetime64("2017-05-31")
    ).frame["recency_days"]  # fmt: skip
    assert sizes["recency:0-30"] == (recency <= 30).sum()
    assert sum(size for name, size in sizes.items() if name.startswith("recency:")) == 200
    tenths = [row for row in _rows(evaluated) if row["metric"] == "actual_rate"]
    assert sum(row["sample_size"] for row in tenths if row["segment"].startswith("prediction:")) == 200
    assert (sizes["recency:366-"], gaps["recency:366-"]["value"]) == (0, None)  # undecided, not perfect
    assert (gaps["recency:366-"]["status"], gaps["recency:366-"]["note"]) == (
        UNDECIDED,
        "0 customers; 30 are needed",
    )


def test_better_is_positive_and_worse_negative() -> None:
    test = split_by_time(from_table(training_rows(), RUN_DATE)).test
    good = np.where(test.label == 1, 0.8, 0.2)
    references = {"worse": Reference(np.full(200, test.label.mean())), "same": Reference(good, "3")}
    rows = {(row.metric, row.reference): row for row in measure(test, good, references, seed=1)
            if row.segment == WHOLE}  # fmt: skip
    for metric in ("auc", "log_loss", "brier"):
        better = rows[metric, "worse"].difference
        assert better is not None
        assert better.lower > 0
        same = rows[metric, "same"].difference
        assert same is not None
        assert (same.value, same.lower, same.upper) == (0, 0, 0)
    assert rows["auc", "same"].reference_version == "3"


def test_anchor_is_the_best_champion_of_the_last_year(challenged: Settings) -> None:
    whole = _whole(_rows(challenged))
    assert whole["auc", "anchor"]["reference_version"] == "1"  # the only champion until now
    promotion.promote(challenged, RUN_DATE)
    evaluate(challenged, RUN_DATE)
    whole = _whole(_rows(challenged))
    losses = {name: whole["log_loss", name]["reference_value"] for name in (registry.CHAMPION, "anchor")}
    assert whole["log_loss", registry.CHAMPION]["reference_version"] == "2"
    test = split_by_time(from_table(training_rows(seed=2), RUN_DATE)).test
    first = loading.predict(challenged, registry.with_version(challenged, "1"), test.frame)
    assert losses["anchor"] == pytest.approx(
        min(losses[registry.CHAMPION], log_loss(test.label, first)), abs=1e-12
    )


def test_champion_fitted_on_days_of_the_test_snapshot_is_not_comparable(challenged: Settings) -> None:
    execute(
        challenged,
        "insert into ml.challenger (run_date, model_name, model_version, digest, facts)"
        ' select run_date, model_name, model_version, digest, facts || jsonb \'{"fitted_until": "2017-06-30"}\''
        " from ml.challenger where model_version = '1'",
    )
    execute(
        challenged,
        "insert into ml.challenger (run_date, model_name, model_version, digest, facts)"
        " select run_date, model_name, model_version, digest, facts from ml.challenger where model_version = '2'",
    )
    evaluation = evaluate(challenged, RUN_DATE)
    assert evaluation.champion_version == "1"
    for reference in (registry.CHAMPION, "anchor"):
        row = _whole(_rows(challenged))["auc", reference]
        assert (row["status"], row["reference_version"], row["difference"]) == ("not comparable", "1", None)
        assert row["note"] == (
            "version 1 was fitted on days up to 2017-06-30, and the test snapshot 2017-05-31 is about the days after it"
        )


def test_champion_that_gives_no_probabilities_is_not_comparable(
    challenged: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = loading.predict

    def broken(settings: Settings, model: registry.Registered, features: pd.DataFrame) -> Floats:
        predicted = predict(settings, model, features)
        return predicted if model.version != "1" else np.where(predicted > 0.5, np.nan, predicted)

    monkeypatch.setattr(loading, "predict", broken)
    evaluate(challenged, RUN_DATE)
    row = _whole(_rows(challenged))["auc", registry.CHAMPION]
    assert row["status"] == "not comparable"
    assert "version 1 gives no probability for" in row["note"]


def test_evaluations_of_an_older_table_are_kept(evaluated: Settings) -> None:
    before = _rows(evaluated)
    execute(
        evaluated,
        "alter table ml.model_evaluation drop column status cascade, drop column note cascade, drop column digest cascade",
    )
    rows = _rows_after_migration(evaluated)
    assert [row["value"] for row in rows] == [row["value"] for row in before]
    assert {row["status"] for row in rows} == {"measured"}


def _rows_after_migration(settings: Settings) -> list[Row]:
    with connect(settings) as connection:
        ml_tables.ensure(connection)
        return ml_tables.latest_evaluation(connection, RUN_DATE)
