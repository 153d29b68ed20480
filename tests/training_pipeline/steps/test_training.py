"""What is registered, and what it may have seen."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped
from training_pipeline.model import estimators
from training_pipeline.model.dataset import Dataset, from_table, split_by_time
from training_pipeline.registry import loading, provenance
from training_pipeline.registry import models as registry
from training_pipeline.registry.challenger import challenger
from training_pipeline.steps import train as training
from training_pipeline.steps.rows import read
from training_pipeline.steps.train import train

from .project import build_data, execute, load
from .rows import RUN_DATE, SNAPSHOTS, replaced, training_rows


def test_challenger_carries_its_proof(trainable: Settings) -> None:
    trained = train(trainable, RUN_DATE)
    found = challenger(trainable, RUN_DATE)
    parts = split_by_time(from_table(training_rows(), RUN_DATE))
    assert (trained.version, found.version, trained.reused) == ("1", "1", False)
    assert found.tags["data_fingerprint"] == parts.fitted.fingerprint() == trained.data_fingerprint
    assert found.tags["test_fingerprint"] == parts.test.fingerprint()
    assert found.tags["run_date"] == "2017-06-30"
    assert found.tags["estimator"] == trained.estimator == "logistic_regression"
    assert found.tags["code_hash"] == provenance.code_hash()
    assert {"certificate", "certificate_versions", "git_commit", "manifest_hash", "seed"} <= set(found.tags)


def test_training_again_adds_no_version(trainable: Settings) -> None:
    first = train(trainable, RUN_DATE)
    again = train(trainable, RUN_DATE)
    assert (again.version, again.reused) == (first.version, True)
    assert registry.versions(trainable, {}) == ["1"]


def test_same_rows_give_the_same_model_bit_for_bit(trainable: Settings) -> None:
    train(trainable, RUN_DATE)
    parts = split_by_time(from_table(training_rows(), RUN_DATE))
    fitted_here = estimators.fit("logistic_regression", parts.fitted)
    served = loading.predict(trainable, challenger(trainable, RUN_DATE), parts.test.frame)
    assert np.array_equal(served, estimators.predict(fitted_here, parts.test.frame))


def test_model_is_not_fitted_again_for_another_test_snapshot(trainable: Settings) -> None:
    train(trainable, RUN_DATE)
    table = training_rows()
    is_test = np.array(table["snapshot_date"].to_pylist()) == SNAPSHOTS[-1]
    labels = np.where(is_test, 1 - table["label"].to_numpy(), table["label"].to_numpy())
    before = challenger(trainable, RUN_DATE).tags["test_fingerprint"]
    load(trainable, replaced(table, "label", labels, table["label"].type))
    build_data(trainable)
    again = train(trainable, RUN_DATE)
    assert (again.version, again.reused) == ("1", True), "the test snapshot has no influence on a model"
    found = challenger(trainable, RUN_DATE)
    assert found.tags["test_fingerprint"] != before, "what it is tested on is that of this training"
    assert registry.with_version(trainable, "1").tags["test_fingerprint"] == before


def test_model_is_not_fitted_again_for_another_run_date(trainable: Settings) -> None:
    train(trainable, RUN_DATE)
    the_day_after = RUN_DATE + dt.timedelta(days=1)
    execute(
        trainable, f"insert into raw.interaction select date '{the_day_after}', amount from raw.interaction"
    )
    build_data(trainable, the_day_after)
    again = train(trainable, the_day_after)
    assert (again.version, again.reused) == ("1", True)
    found = challenger(trainable, the_day_after)
    assert found.run_date == the_day_after
    assert found.tags["certificate"] != challenger(trainable, RUN_DATE).tags["certificate"]


def test_version_whose_model_hash_somebody_else_wrote_is_not_taken(trainable: Settings) -> None:
    train(trainable, RUN_DATE)
    tags = registry.with_version(trainable, "1").tags
    source = registry.client(trainable).get_model_version_download_uri(registry.MODEL_NAME, "1")
    registry.client(trainable).create_model_version(registry.MODEL_NAME, source, tags=dict(tags))
    registry.client(trainable).delete_model_version(registry.MODEL_NAME, "1")
    again = train(trainable, RUN_DATE)
    assert (again.version, again.reused) == ("3", False)


def test_rows_that_change_while_they_are_read_are_not_trained_on(
    trainable: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change_and_read(settings: Settings, run_date: object) -> Dataset:
        execute(trainable, "update analytics.training_set set amount_30 = 0 where customer_id = 7")
        return read(settings, RUN_DATE)

    monkeypatch.setattr(training, "read", change_and_read)
    with pytest.raises(GateStopped, match="the data have changed: training_set was"):
        train(trainable, RUN_DATE)
    assert registry.with_alias(trainable, registry.CHALLENGER) is None


def test_manifest_hash_is_that_of_the_project_not_of_the_run(built: Settings) -> None:
    from training_pipeline.warehouse.dbt import read_manifest

    before = read_manifest(built)
    build_data(built, RUN_DATE, "--no-partial-parse")
    after = read_manifest(built)
    assert before["metadata"]["invocation_id"] != after["metadata"]["invocation_id"]
    assert provenance.manifest_hash(before) == provenance.manifest_hash(after)
    after["nodes"]["model.small.training_set"]["checksum"]["checksum"] = "other"
    assert provenance.manifest_hash(before) != provenance.manifest_hash(after)
