"""Train the challenger of a run date on certified data and register it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import time
from dataclasses import dataclass

from training_pipeline.config import Settings
from training_pipeline.model import comparability, estimators
from training_pipeline.model.dataset import Dataset, Split, split_by_time
from training_pipeline.registry import challenger as challengers
from training_pipeline.registry import models as registry
from training_pipeline.registry import provenance
from training_pipeline.roles import Role, acting_as
from training_pipeline.steps import certificate
from training_pipeline.steps.certificate import Certificate
from training_pipeline.steps.rows import read
from training_pipeline.warehouse.dbt import read_manifest
from training_pipeline.warehouse.lock import one_at_a_time

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedModel:
    """The challenger of a run date.

    Attributes
    ----------
    rows : int
        Number of rows that it is fitted on.
    reused : bool
        Whether an earlier training on the same rows with the same code registered it, for this or another run date.
    """

    version: str
    estimator: str
    data_fingerprint: str
    rows: int
    reused: bool


@acting_as(Role.TRAIN)
@one_at_a_time("train")
def train(settings: Settings, run_date: dt.date) -> TrainedModel:
    """Fit the better candidate on train and validation, and register it under the alias `challenger`.

    Training needs a certificate for the run date and uses only the rows that the certificate covers: their
    version is compared again after they have been read. No model is fitted on the test snapshot. A model is
    fitted only when its inputs have changed: a version that was fitted on the same rows with the same code serves
    again, whatever the run date, if its files are still those that were registered.

    Returns
    -------
    TrainedModel
        The challenger.

    Raises
    ------
    GateStopped
        There is no certificate for the present version of the data.
    PipelineError
        The rows are not fit for training; see `dataset.from_table` and `dataset.split_by_time`.
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
    facts = {
        "run_date": str(run_date),
        "data_fingerprint": fitted.fingerprint(),
        "test_fingerprint": parts.test.fingerprint(),
        comparability.FITTED_UNTIL: str(fitted.label_end_date.max()),
        "code_hash": code,
        "seed": str(estimators.SEED),
        **_proof(settings, certified),
    }
    facts["model_hash"] = model_hash(facts["data_fingerprint"], code)
    known = challengers.known(settings, facts["model_hash"])
    challenger = known or _fit_and_register(settings, parts, fitted, facts)
    challengers.name(settings, challenger, run_date, facts)
    logger.info(
        "%s version %s (%s) is the challenger of %s%s",
        challenger.name,
        challenger.version,
        challenger.tags["estimator"],
        run_date,
        "; an earlier training fitted it on the same rows with the same code" if known else "",
    )
    return TrainedModel(
        version=challenger.version,
        estimator=challenger.tags["estimator"],
        data_fingerprint=facts["data_fingerprint"],
        rows=len(fitted),
        reused=known is not None,
    )


def model_hash(data_fingerprint: str, code: str) -> str:
    """Return the SHA-256 of the rows, code, parameters, seed and libraries that decide a model's predictions."""
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
        fitted.typed_frame,
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
    """Return tags that name the certificate, the commit and the dbt project of the model."""
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
