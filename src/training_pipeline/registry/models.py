"""The model registry: MLflow with a separate database on the server of the warehouse.

What MLflow says is checked against the tables of the warehouse: who is champion (`registry.champion`), which version was
trained for a run date (`registry.challenger`), and whether the files of a version are those that were registered
(`registry.loading`).
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from sklearn.pipeline import Pipeline

from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.registry.digest import digest
from training_pipeline.roles import Role
from training_pipeline.warehouse.address import ensure_database
from training_pipeline.warehouse.postgres import address, connect

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature

MODEL_NAME = "interaction_propensity"
CHAMPION = "champion"
CHALLENGER = "challenger"
DIGEST = "digest"  # tag of a version
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
_EXAMPLE_ROWS = 5
_REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Registered:
    """A version of the model in the registry.

    Attributes
    ----------
    tags : Mapping of str to str
        The run date, and fingerprints of the data and the code; see `steps.train.train`.
    digest : str or None
        What its files must hash to (`registry.digest`): the tag, until a table of the warehouse says it. None for a
        version from before there were digests.
    """

    name: str
    version: str
    run_id: str
    uri: str
    tags: Mapping[str, str]
    digest: str | None

    @property
    def run_date(self) -> dt.date:
        """The run date that it was trained for."""
        return dt.date.fromisoformat(self.tags["run_date"])


def client(settings: Settings) -> MlflowClient:
    """Return a client of the registry; create and migrate its database at the first use.

    Raises
    ------
    PipelineError
        The database server cannot be reached; see `warehouse.postgres.connect`.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when mlflow is imported
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    for module in (
        "alembic",
        "mlflow.store.artifact",
        "mlflow.store.db.utils",
        "mlflow.pyfunc",
        "mlflow.tracking",
    ):
        logging.getLogger(module).setLevel(logging.WARNING)
    prepare(settings)
    import mlflow

    mlflow.set_tracking_uri(tracking_uri(settings))
    return mlflow.MlflowClient()


def prepare(settings: Settings) -> None:
    """Create MLflow's database and tables unless they exist; they belong to the role `ledger`."""
    ensure_database(address(settings), settings.mlflow_database)
    with connect(settings, settings.mlflow_database) as connection:
        if connection.execute("select to_regclass('alembic_version')").fetchone() != (None,):
            return
    logger.info("MLflow creates its tables in the database %s (once, some seconds)", settings.mlflow_database)
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    owner = tracking_uri(replace(settings, role=Role.LEDGER))
    SqlAlchemyStore(owner, artifact_root(settings).resolve().as_uri())  # type: ignore[no-untyped-call]


def tracking_uri(settings: Settings) -> str:
    """Return the URI for `mlflow ui --backend-store-uri`; it contains the password."""
    return "postgresql+psycopg2" + address(settings).uri(settings.mlflow_database).removeprefix("postgresql")


def artifact_root(settings: Settings) -> Path:
    """Return the folder of the model files."""
    return settings.state_dir / "mlartifacts"


def versions(settings: Settings, tags: Mapping[str, str]) -> list[str]:
    """Return the versions that have all of these tags, latest first."""
    condition = " and ".join(
        [f"name = '{MODEL_NAME}'", *(f"tag.`{name}` = '{value}'" for name, value in tags.items())]
    )
    model_versions = client(settings).search_model_versions(condition, order_by=["version_number DESC"])
    return [str(version.version) for version in model_versions]


def with_alias(settings: Settings, alias: str) -> Registered | None:
    """Return the version that has an alias, None if no version has it."""
    registry = client(settings)
    from mlflow.exceptions import MlflowException

    try:
        return _registered(registry.get_model_version_by_alias(MODEL_NAME, alias))
    except MlflowException as error:
        if error.error_code in _ABSENT:
            return None
        raise


def with_version(settings: Settings, version: str) -> Registered:
    """Return the version with this number.

    Raises
    ------
    PipelineError
        The registry has no such version.
    """
    found = find_version(settings, version)
    if found is None:
        raise PipelineError(f"the registry has no version {version} of {MODEL_NAME}")
    return found


def find_version(settings: Settings, version: str) -> Registered | None:
    """Return the version with this number, None if the registry has no such version."""
    registry = client(settings)
    from mlflow.exceptions import MlflowException

    try:
        return _registered(registry.get_model_version(MODEL_NAME, version))
    except MlflowException as error:
        if error.error_code in _ABSENT:
            return None
        raise


def set_alias(settings: Settings, alias: str, version: str | None) -> None:
    """Move an alias to a version; remove it if the version is None."""
    registry = client(settings)
    if version is None:
        if registry.search_registered_models(f"name = '{MODEL_NAME}'", max_results=1):
            registry.delete_registered_model_alias(MODEL_NAME, alias)
    else:
        registry.set_registered_model_alias(MODEL_NAME, alias, version)


def register(
    settings: Settings,
    estimator: Pipeline,
    example: pd.DataFrame,
    *,
    tags: Mapping[str, str],
    parameters: Mapping[str, object],
    metrics: Mapping[str, float],
) -> Registered:
    """Log a fitted estimator as an MLflow model and register it as a new version.

    Parameters
    ----------
    settings : Settings
        The settings of the pipeline.
    estimator : Pipeline
        Fitted, with `predict_proba`.
    example : DataFrame
        Rows of features with the types of the feature table, for the signature and the input example.
    tags : Mapping of str to str
        Tags of the MLflow run and of the version.
    parameters, metrics : Mapping
        Parameters and metrics of the MLflow run.

    Returns
    -------
    Registered
        The new version.
    """
    registry = client(settings)
    import mlflow
    import skops.io

    from training_pipeline.registry import serving

    example = example.head(_EXAMPLE_ROWS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "estimator.skops"
        skops.io.dump(estimator, file)
        with mlflow.start_run(experiment_id=_experiment(registry, settings), tags=dict(tags)) as run:
            mlflow.log_params(dict(parameters))
            mlflow.log_metrics(dict(metrics))
            logged = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(Path(serving.__file__)),
                artifacts={serving.ESTIMATOR: str(file)},
                signature=_signature(example),
                input_example=example,
                pip_requirements=[f"{name}=={installed_version(name)}" for name in _REQUIREMENTS],
            )
    _create_model(registry)
    with tempfile.TemporaryDirectory() as folder:
        files = digest(download(logged.model_uri, Path(folder)))
    created = registry.create_model_version(
        MODEL_NAME, source=logged.model_uri, run_id=run.info.run_id, tags=dict(tags) | {DIGEST: files}
    )
    return _registered(created)


def download(uri: str, folder: Path) -> Path:
    """Copy the files of a model into an empty folder and return the path of the copy.

    Raises
    ------
    mlflow.exceptions.MlflowException or OSError
        The registry has no such model, or its files cannot be read.
    """
    import mlflow

    return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(folder)))


def _signature(example: pd.DataFrame) -> ModelSignature:
    """Return the signature: the columns and their types in, a double out. A served model refuses other types."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec

    columns: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.long if pd.api.types.is_integer_dtype(kind) else DataType.double, str(name))
        for name, kind in example.dtypes.items()
    ]
    return ModelSignature(Schema(columns), Schema([ColSpec(DataType.double)]))


def _experiment(registry: MlflowClient, settings: Settings) -> str:
    """Return the id of the experiment; create it, with the folder of the model files, at the first use."""
    experiment = registry.get_experiment_by_name(MODEL_NAME)
    if experiment is not None:
        return str(experiment.experiment_id)
    folder = artifact_root(settings)
    folder.mkdir(parents=True, exist_ok=True)
    return str(registry.create_experiment(MODEL_NAME, artifact_location=folder.resolve().as_uri()))


def _create_model(registry: MlflowClient) -> None:
    if not registry.search_registered_models(f"name = '{MODEL_NAME}'", max_results=1):
        registry.create_registered_model(
            MODEL_NAME,
            description="The probability that a customer interacts within the horizon of training_set.",
        )


def _registered(version: ModelVersion) -> Registered:
    return Registered(
        name=version.name,
        version=str(version.version),
        run_id=str(version.run_id),
        uri=f"models:/{version.name}/{version.version}",
        tags=dict(version.tags),
        digest=version.tags.get(DIGEST),
    )
