"""dbt on the project of this checkout: the settings of the pipeline as a project of the package `gates`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gates.project import build, dbt
from gates.project.build import DbtResult, Progress
from gates.project.config import Project
from training_pipeline.warehouse.postgres import dbt_environment
from training_pipeline.warehouse.required_gates import MODEL_GATE

if TYPE_CHECKING:
    import datetime
    from pathlib import Path

    from training_pipeline.config import Settings

__all__ = ["DbtResult", "Progress", "compile_inline", "invoke", "manifest_path", "project", "read_manifest"]


def project(settings: Settings) -> Project:
    """Return the dbt project of the checkout, with the gates on data chosen; an embedded server that is down is started.

    Raises
    ------
    PipelineError
        When the embedded server cannot be started.
    """
    return Project(
        directory=settings.dbt_project,
        profiles=settings.root,
        exclude=(f"tag:{MODEL_GATE}",),
        environment=dbt_environment(settings),
        target_path=settings.dbt_output / "target",
        log_path=settings.dbt_output / "logs",
    )


def invoke(
    settings: Settings,
    arguments: Sequence[str],
    run_date: datetime.date,
    progress: Progress | None = None,
) -> DbtResult:
    """Run a dbt command that builds or tests, see `gates.project.build.invoke`."""
    return build.invoke(project(settings), arguments, run_date, progress)


def compile_inline(
    settings: Settings, template: str, run_date: datetime.date, variables: Mapping[str, str] | None = None
) -> str:
    """Return what a piece of Jinja and SQL compiles to, see `gates.project.dbt.compile_inline`."""
    return dbt.compile_inline(project(settings), template, run_date, variables)


def read_manifest(settings: Settings) -> dict[str, Any]:
    """Return the manifest of the last dbt command; the server is not needed for it.

    Raises
    ------
    GatesError
        When there is none yet.
    """
    return dbt.read_manifest(manifest_path(settings), settings.dbt_project)


def manifest_path(settings: Settings) -> Path:
    """Return where dbt writes the manifest."""
    return settings.dbt_output / "target" / "manifest.json"
