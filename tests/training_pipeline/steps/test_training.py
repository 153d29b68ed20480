"""What is registered, and what it may have seen."""

from __future__ import annotations

import numpy as np
import pytest

from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped
from training_pipeline.model import estimators
from training_pipeline.model.dataset import Dataset, from_table, split_by_time
from training_pipeline.registry import models as registry
from training_pipeline.registry import provenance
from training_pipeline.steps import train as training
from training_pipeline.steps.rows import read
from training_pipeline.steps.train import train

from .project import build_data, execute, load
from .rows import RUN_DATE, SNAPSHOTS, replaced, training_rows


def test_challenger_carries_its_proof(trainable: Settings) -> None:
    trained = train(trainable, RUN_DATE)
    found = registry.challenger(trainable, RUN_DATE)
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
    served = registry.predict(trainable, registry.challenger(trainable, RUN_DATE), parts.test.frame)
    assert np.array_equal(served, estimators.predict(fitted_here, parts.test.frame))


def test_test_snapshot_has_no_influence(trainable: Settings) -> None:
    train(trainable, RUN_DATE)
    table = training_rows()
    is_test = np.array(table["snapshot_date"].to_pylist()) == SNAPSHOTS[-1]
    labels = np.where(is_test, 1 - table["label"].to_numpy(), table["label"].to_numpy())
    load(trainable, replaced(table, "label", labels, table["label"].type))
    build_data(trainable)
    train(trainable, RUN_DATE)
    one, two = (registry.with_version(trainable, version) for version in ("1", "2"))
    assert one.tags["data_fingerprint"] == two.tags["data_fingerprint"]
    assert one.tags["test_fingerprint"] != two.tags["test_fingerprint"]
    frame = from_table(table, RUN_DATE).frame
    assert np.array_equal(registry.predict(trainable, one, frame), registry.predict(trainable, two, frame))


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
