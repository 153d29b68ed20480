"""Install the packages of the dbt project, also where dbt's package hub cannot be reached."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import yaml

from training_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from training_pipeline.config import Settings

logger = logging.getLogger(__name__)

HUB_TIMEOUT_SECONDS = 5


def install(settings: Settings) -> list[str]:
    """Install what ``packages.yml`` names, and return the packages that could not be had.

    Where the hub cannot be reached, the packages in this repository are linked as dbt would link them. dbt refuses to start
    with fewer folders than packages, so each missing one is given an empty package that says so in its name; tests that
    need it look for its macros and switch themselves off.

    Raises
    ------
    PipelineError
        When ``packages.yml`` cannot be read, a local package does not exist, or dbt refuses what it found on the hub.
    """
    listed = settings.dbt_project / "packages.yml"
    packages: list[dict[str, Any]] = (yaml.safe_load(listed.read_text()) or {}).get("packages", [])
    if hub_is_reachable():
        _dbt_deps(settings)
        return []
    folder = settings.dbt_project / "dbt_packages"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    missing = []
    for package in packages:
        if "local" in package:
            _link(folder, (settings.dbt_project / package["local"]).resolve(), listed)
        else:
            name = str(package.get("package") or package.get("git") or package.get("tarball"))
            _stand_in(folder, name.rsplit("/", 1)[-1].removesuffix(".git"))
            missing.append(name)
    return missing


def hub_is_reachable() -> bool:
    """Whether dbt's package hub answers; dbt itself would try for minutes."""
    from dbt.clients.registry import DEFAULT_REGISTRY_BASE_URL

    try:
        url = f"{DEFAULT_REGISTRY_BASE_URL}api/v1/index.json"
        return requests.head(url, timeout=HUB_TIMEOUT_SECONDS, allow_redirects=True).ok
    except requests.RequestException as error:
        logger.debug("the package hub did not answer: %s", error)
        return False


def _dbt_deps(settings: Settings) -> None:
    from dbt.cli.main import dbtRunner

    location = ["--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.root)]
    outcome = dbtRunner().invoke(["--quiet", "deps", *location])
    if not outcome.success:
        raise PipelineError(f"dbt deps could not install what {settings.dbt_project}/packages.yml names: {outcome.exception}")


def _link(folder: Path, source: Path, listed: Path) -> None:
    project = source / "dbt_project.yml"
    if not project.is_file():
        raise PipelineError(f"{listed} names the local package {source}, which has no dbt_project.yml; mend the path")
    (folder / yaml.safe_load(project.read_text())["name"]).symlink_to(source, target_is_directory=True)


def _stand_in(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    content = {"name": f"{name}_is_not_installed", "version": "0.0.0", "config-version": 2}
    (folder / name / "dbt_project.yml").write_text(yaml.safe_dump(content))
