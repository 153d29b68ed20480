"""What the registry and the history of a test say."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

from training_pipeline.config import Settings
from training_pipeline.registry import models as registry
from training_pipeline.registry.history import standing
from training_pipeline.warehouse import ml_tables
from training_pipeline.warehouse.postgres import connect


def alias(settings: Settings) -> str | None:
    found = registry.with_alias(settings, registry.CHAMPION)
    return found.version if found else None


def require_one_champion(settings: Settings, version: str | None) -> None:
    """The history has this champion, and the alias is on it."""
    with connect(settings) as connection:
        present = standing(ml_tables.history(connection)).present
    assert (present.version if present else None, alias(settings)) == (version, version)


def decisions(settings: Settings) -> list[tuple[str, str]]:
    with connect(settings) as connection:
        return [(row["decision"], row["model_version"]) for row in ml_tables.history(connection)]


def files(settings: Settings, version: str) -> Path:
    """Where MLflow keeps the files of a version."""
    client = registry.client(settings)
    uri = client.get_model_version_download_uri(registry.MODEL_NAME, version)
    model = client.get_logged_model(uri.removeprefix("models:/")) if uri.startswith("models:/") else None
    return Path(unquote(urlparse(model.artifact_location if model else uri).path))
