"""What trainings have left in the registry, and how it is removed: a version, the run of MLflow behind it, the files."""

from __future__ import annotations

import datetime as dt
import shutil
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from training_pipeline.config import Settings
from training_pipeline.registry.models import MODEL_NAME, artifact_root, client

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1000


@dataclass
class Training:
    """What one training has left.

    Attributes
    ----------
    run_id : str
        The run of MLflow; it may be gone already.
    has_run : bool
    tags : mapping
        Those of the version, else of the run.
    versions : list of str
        The registered versions; none where the training did not end.
    model_ids : list of str
        MLflow's own ids of the logged models.
    folders : list of Path
        The folders of files, all below the folder of the artifacts.
    """

    run_id: str
    has_run: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)
    model_ids: list[str] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    @property
    def run_date(self) -> dt.date | None:
        """The run date that it was for; None where a person has registered something else."""
        try:
            return dt.date.fromisoformat(self.tags.get("run_date", ""))
        except ValueError:
            return None

    @property
    def bytes(self) -> int:
        """The size of its files."""
        return sum(
            file.stat().st_size
            for folder in self.folders
            for file in folder.rglob("*")
            if file.is_file() and not file.is_symlink()
        )


def trainings(settings: Settings) -> list[Training]:
    """Return what each training has left in the registry, also where it ended before its version was registered."""
    registry = client(settings)
    found: dict[str, Training] = {}

    def of(run_id: str) -> Training:
        return found.setdefault(run_id, Training(run_id))

    experiment = registry.get_experiment_by_name(MODEL_NAME)
    if experiment is not None:
        for run in _runs(registry, experiment.experiment_id):
            training = of(run.info.run_id)
            training.has_run, training.tags = True, dict(run.data.tags)
            training.folders += _folder(settings, run.info.artifact_uri)
        for model in _logged_models(registry, experiment.experiment_id):
            training = of(str(model.source_run_id))
            training.model_ids.append(model.model_id)
            training.folders += _folder(settings, model.artifact_location)
    for version in _pages(
        lambda token: registry.search_model_versions(
            f"name = '{MODEL_NAME}'", max_results=_PAGE, page_token=token
        )
    ):
        training = of(str(version.run_id))
        training.versions.append(str(version.version))
        training.tags = dict(version.tags)
    return list(found.values())


def aliases(settings: Settings) -> dict[str, str]:
    """Return the version of each alias."""
    registry = client(settings)
    found: dict[str, str] = defaultdict(str)
    for model in registry.search_registered_models(f"name = '{MODEL_NAME}'", max_results=1):
        found |= {alias: str(version) for alias, version in model.aliases.items()}
    return dict(found)


def remove(settings: Settings, outdated: Iterable[Training]) -> None:
    """Remove trainings with all that they have left. The version goes last: what is interrupted is found again by it.

    MLflow keeps the number of a version that is deleted, so no other gets it.
    """
    registry = client(settings)
    # The store behind MLflow's client has what `mlflow gc` uses: the client itself only marks runs as deleted.
    store: Any = registry._tracking_client.store
    for training in outdated:
        for folder in training.folders:
            shutil.rmtree(folder, ignore_errors=False)
        for model_id in training.model_ids:
            store._hard_delete_logged_model(model_id)
        if training.has_run:
            store._hard_delete_run(training.run_id)
        for version in training.versions:
            registry.delete_model_version(MODEL_NAME, version)


def versions_of(found: Iterable[Training]) -> set[str]:
    """Return all versions of some trainings."""
    return {version for training in found for version in training.versions}


def outdated(found: Iterable[Training], first_kept: dt.date, kept: Collection[str]) -> list[Training]:
    """Return the trainings for run dates before a day, without those that have a version to keep."""
    return [
        training
        for training in found
        if training.run_date is not None
        and training.run_date < first_kept
        and not set(training.versions).intersection(kept)
    ]


def _folder(settings: Settings, uri: str) -> list[Path]:
    """Return the folder of a run or a model, whose files are in `artifacts` below it; none where it is not ours."""
    parsed = urlparse(uri)
    folder = Path(unquote(parsed.path)).parent
    root = artifact_root(settings).resolve()
    is_ours = parsed.scheme in ("", "file") and folder.is_dir() and root in folder.resolve().parents
    return [folder.resolve()] if is_ours else []


def _runs(registry: MlflowClient, experiment_id: str) -> Iterator[Any]:
    from mlflow.entities import ViewType

    return _pages(
        lambda token: registry.search_runs(
            [experiment_id], run_view_type=ViewType.ALL, max_results=_PAGE, page_token=token
        )
    )


def _logged_models(registry: MlflowClient, experiment_id: str) -> Iterator[Any]:
    return _pages(
        lambda token: registry.search_logged_models([experiment_id], max_results=_PAGE, page_token=token)
    )


def _pages(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    """Return the entries of all pages."""
    token: str | None = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return
