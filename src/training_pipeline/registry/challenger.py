"""The challenger of a run date: which version was trained for it, in an append-only table of the warehouse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.registry import loading
from training_pipeline.registry import models as registry
from training_pipeline.registry.models import CHALLENGER, MODEL_NAME, Registered
from training_pipeline.warehouse import ml_tables
from training_pipeline.warehouse.postgres import connect


def challenger(settings: Settings, run_date: dt.date) -> Registered:
    """Return the challenger of a run date.

    Its digest and its tags are those of the training for this run date, as the warehouse has them; MLflow's tags are
    of the training that registered the version.

    Raises
    ------
    PipelineError
        There is no challenger of this run date, or MLflow has lost it.
    """
    row = _last(settings, "run_date = %s", run_date)
    if row is None:
        raise PipelineError(
            f"{MODEL_NAME} must have a challenger of run date {run_date}; nothing was trained for it. "
            f"Train first: training-pipeline train --run-date {run_date}"
        )
    found = registry.find_version(settings, row["model_version"])
    if found is None:
        raise GateStopped(
            f"version {row['model_version']} is the challenger of run date {run_date}, and somebody has deleted it in "
            f"MLflow. Train again: training-pipeline train --run-date {run_date}"
        )
    return replace(found, digest=row["digest"], tags={**found.tags, **row["facts"]})


def known(settings: Settings, model_hash: str) -> Registered | None:
    """Return a version that was trained on the same inputs, None where there is none or its files have changed.

    Parameters
    ----------
    model_hash : str
        Of the rows, code, parameters, seed and libraries that decide the predictions.
    """
    row = _last(settings, "facts ->> 'model_hash' = %s", model_hash)
    found = registry.find_version(settings, row["model_version"]) if row else None
    if row is None or found is None:
        return None
    model = replace(found, digest=row["digest"])
    try:
        with loading.checked_files(settings, model):
            return model
    except PipelineError:
        return None


def facts(settings: Settings, version: str, digest: str | None) -> Mapping[str, str]:
    """Return what the last training of a version rested on; nothing of a version from before that was recorded."""
    return _facts(_last(settings, "model_version = %s and digest = %s", version, digest))


def facts_of_run(settings: Settings, run_date: dt.date, version: str) -> Mapping[str, str]:
    """Return what the training of a version for a run date rested on; nothing where that was not recorded."""
    return _facts(_last(settings, "run_date = %s and model_version = %s", run_date, version))


def name(settings: Settings, model: Registered, run_date: dt.date, rests_on: Mapping[str, str]) -> None:
    """Make a version the challenger of a run date.

    Parameters
    ----------
    rests_on : mapping
        Facts of this training: fingerprints, the certificate, the code.
    """
    last = _last(settings, "run_date = %s", run_date)
    values = [model.version, model.digest, dict(rests_on)]
    if last is None or [last["model_version"], last["digest"], last["facts"]] != values:
        with connect(settings) as connection:
            connection.execute(
                "insert into ml.challenger (run_date, model_name, model_version, digest, facts)"
                " values (%s, %s, %s, %s, %s)",
                [run_date, MODEL_NAME, model.version, model.digest, Jsonb(dict(rests_on))],
            )
    registry.set_alias(settings, CHALLENGER, model.version)


def _facts(row: Mapping[str, Any] | None) -> Mapping[str, str]:
    return row["facts"] if row else {}


def _last(settings: Settings, condition: str, *values: object) -> dict[str, Any] | None:
    with connect(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        ml_tables.ensure(connection)
        return cursor.execute(
            f"select * from ml.challenger where {condition} order by number desc limit 1".encode(), values
        ).fetchone()
