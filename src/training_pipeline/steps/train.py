"""Train the challenger of a run date on certified data and register it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import time
from dataclasses import dataclass

from training_pipeline.config import Settings
from training_pipeline.model import estimators
from training_pipeline.model.dataset import Dataset, Split, split_by_time
from training_pipeline.registry import models as registry
from training_pipeline.registry import provenance
from training_pipeline.steps import certificate
from training_pipeline.steps.certificate import Certificate
from training_pipeline.steps.rows import read
from training_pipeline.warehouse.dbt import read_manifest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedModel:
    """The challenger of a run date.

    Attributes
    ----------
    reused : whether it had been registered before, by a run on the same data with the same code
    rows : number of rows it is fitted on
    """

    version: str
    estimator: str
    data_fingerprint: str
    rows: int
    reused: bool


def train(settings: Settings, run_date: dt.date) -> TrainedModel:
    """Fit the better candidate on train and validation, and register it under the alias `challenger`.

    Nothing is trained without a certificate for the run date, and nothing but the rows that the certificate
    is about: their version is compared again after they have been read. The test snapshot is not fitted on.
    Training again on the same rows with the same code finds the registered version instead of adding one.

    Raises
    ------
    GateStopped
        There is no certificate for the data as they are now.
    PipelineError
        The rows cannot be trained on; see `dataset.from_table` and `dataset.split_by_time`.
    """
    certified = certificate.check(settings, run_date)
    started = time.perf_counter()
    dataset = read(settings, run_date)
    seconds = time.perf_counter() - started
    logger.info("read %d rows of training_set, %.0f rows/s", len(dataset), len(dataset) / seconds)
    certificate.require_unchanged(settings, certified)

    parts = split_by_time(dataset)
    logger.info(
        "train %s; validation %s; test %s",
        *(_describe(part) for part in (parts.train, parts.validation, parts.test)),
    )
    code = provenance.code_hash()
    fitted = parts.fitted
    tags = {
        "run_date": str(run_date),
        "data_fingerprint": fitted.fingerprint(),
        "test_fingerprint": parts.test.fingerprint(),
        "code_hash": code,
        "seed": str(estimators.SEED),
    }
    tags["model_hash"] = model_hash(tags["data_fingerprint"], code)
    with registry.locked(settings):
        same = registry.versions(
            settings, {name: tags[name] for name in ("run_date", "model_hash", "test_fingerprint")}
        )
        reused = bool(same)
        found = (
            registry.with_version(settings, same[0])
            if reused
            else _fit_and_register(settings, parts, fitted, tags | _proof(settings, certified))
        )
        registry.set_alias(settings, registry.CHALLENGER, found.version)
    logger.info(
        "%s version %s (%s) is the challenger%s",
        found.name,
        found.version,
        found.tags["estimator"],
        ", trained before on the same rows with the same code" if reused else "",
    )
    return TrainedModel(
        version=found.version,
        estimator=found.tags["estimator"],
        data_fingerprint=found.tags["data_fingerprint"],
        rows=len(fitted),
        reused=reused,
    )


def model_hash(data_fingerprint: str, code: str) -> str:
    """SHA-256 of what decides a model's predictions: its rows, code, parameters, seed and libraries."""
    return hashlib.sha256(f"{data_fingerprint} {code} {estimators.SEED}".encode()).hexdigest()


def _fit_and_register(
    settings: Settings, parts: Split, fitted: Dataset, tags: dict[str, str]
) -> registry.Registered:
    choice = estimators.choose(parts.train, parts.validation)
    logger.info("%s", choice.reason)
    estimator = estimators.fit(choice.name, fitted)
    return registry.register(
        settings,
        estimator,
        fitted.frame,
        tags=tags | {"estimator": choice.name, "choice": choice.reason},
        parameters={
            "estimator": choice.name,
            "seed": estimators.SEED,
            "features": len(fitted.features),
            "train_snapshots": ", ".join(str(day) for day in parts.train.snapshots),
            "validation_snapshot": str(parts.validation.snapshots[0]),
            "test_snapshot": str(parts.test.snapshots[0]),
            "rows": len(fitted),
        },
        metrics={f"validation_log_loss_{name}": loss for name, loss in choice.log_loss.items()},
    )


def _proof(settings: Settings, certified: Certificate) -> dict[str, str]:
    """Tags that show what the model was trained on and by what."""
    return {
        "certificate": certified.fingerprint,
        "certificate_invocations": json.dumps(certified.invocation_ids),
        "certificate_versions": json.dumps(dict(certified.versions)),
        "git_commit": provenance.git_commit(settings.root),
        "manifest_hash": provenance.manifest_hash(read_manifest(settings)),
    }


def _describe(part: Dataset) -> str:
    snapshots = part.snapshots
    days = str(snapshots[0]) if len(snapshots) == 1 else f"{snapshots[0]} to {snapshots[-1]}"
    return f"{days} ({len(part)} rows, {part.label.mean():.3f} positive)"
