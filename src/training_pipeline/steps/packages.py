"""Install the packages of the dbt project, also where dbt's package hub cannot be reached."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import yaml

from training_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from training_pipeline.config import Settings

HUB_TIMEOUT_SECONDS = 5
INSTALL_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Installed:
    """The packages that could not be had, and why."""

    missing: tuple[str, ...] = ()
    reason: str = ""


def install(settings: Settings) -> Installed:
    """Install what ``packages.yml`` names, and return which packages could not be had.

    Without the hub, the packages in this repository are linked as dbt would link them. dbt refuses to start
    with fewer folders than packages, so each missing one is given an empty package that says so in its name;
    tests that need it look for its macros and switch themselves off.

    Raises
    ------
    PipelineError
        When ``packages.yml`` names a local package that does not exist.
    """
    listed = settings.dbt_project / "packages.yml"
    packages: list[dict[str, Any]] = (yaml.safe_load(listed.read_text()) or {}).get("packages", [])
    problem = _why_no_hub() or _dbt_deps(settings)
    if problem is None:
        return Installed()
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
    return Installed(tuple(missing), problem)


def _why_no_hub() -> str | None:
    """Say why dbt's package hub cannot be used, None when it can; dbt itself would try for minutes."""
    from dbt.clients.registry import DEFAULT_REGISTRY_BASE_URL

    url = f"{DEFAULT_REGISTRY_BASE_URL}api/v1/index.json"
    try:
        status = requests.head(url, timeout=HUB_TIMEOUT_SECONDS, allow_redirects=True).status_code
    except requests.RequestException:
        return "dbt's package hub cannot be reached"
    return None if status < 400 else f"dbt's package hub answers with status {status}"


def _dbt_deps(settings: Settings) -> str | None:
    """Run `dbt deps`; say why it failed, None when it did not."""
    # as a process, because the files themselves come from elsewhere and dbt waits for them without a limit
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "deps"]
    command += ["--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.root)]
    environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    try:
        ended = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            timeout=INSTALL_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"`dbt deps` was not done within {INSTALL_TIMEOUT_SECONDS} s"
    said = " ".join((ended.stdout + ended.stderr).split())
    return None if ended.returncode == 0 else f"`dbt deps` failed ({said[-300:]})"


def _link(folder: Path, source: Path, listed: Path) -> None:
    project = source / "dbt_project.yml"
    if not project.is_file():
        raise PipelineError(f"{listed} names the local package {source}, which has no dbt_project.yml")
    (folder / yaml.safe_load(project.read_text())["name"]).symlink_to(source, target_is_directory=True)


def _stand_in(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    content = {"name": f"{name}_is_not_installed", "version": "0.0.0", "config-version": 2}
    (folder / name / "dbt_project.yml").write_text(yaml.safe_dump(content))
