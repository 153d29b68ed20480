"""Install the packages of the dbt project, even if dbt's package hub cannot be reached."""

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
    """The result of an installation.

    Attributes
    ----------
    missing : tuple of str
        The packages that could not be installed.
    reason : str
        The reason, empty if all packages are installed.
    """

    missing: tuple[str, ...] = ()
    reason: str = ""


def install(settings: Settings) -> Installed:
    """Install the packages of ``packages.yml`` and return the packages that could not be installed.

    Without the hub, this function links the packages of this repository as dbt would. dbt refuses to start
    with fewer folders than packages, so each missing package gets an empty stand-in whose name says that it
    is not installed. Tests that need such a package look for its macros and turn themselves off.

    Raises
    ------
    PipelineError
        ``packages.yml`` names a local package that does not exist.
    """
    packages_file = settings.dbt_project / "packages.yml"
    packages: list[dict[str, Any]] = (yaml.safe_load(packages_file.read_text()) or {}).get("packages", [])
    problem = _why_no_hub() or _dbt_deps(settings)
    if problem is None:
        return Installed()
    folder = settings.dbt_project / "dbt_packages"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    missing = []
    for package in packages:
        if "local" in package:
            _link(folder, (settings.dbt_project / package["local"]).resolve(), packages_file)
        else:
            name = str(package.get("package") or package.get("git") or package.get("tarball"))
            _stand_in(folder, name.rsplit("/", 1)[-1].removesuffix(".git"))
            missing.append(name)
    return Installed(tuple(missing), problem)


def _why_no_hub() -> str | None:
    """Return why dbt's package hub cannot be used, None if it can; dbt itself would retry for minutes."""
    from dbt.clients.registry import DEFAULT_REGISTRY_BASE_URL

    url = f"{DEFAULT_REGISTRY_BASE_URL}api/v1/index.json"
    try:
        status = requests.head(url, timeout=HUB_TIMEOUT_SECONDS, allow_redirects=True).status_code
    except requests.RequestException:
        return "dbt's package hub cannot be reached"
    return None if status < 400 else f"dbt's package hub answers with status {status}"


def _dbt_deps(settings: Settings) -> str | None:
    """Run `dbt deps`; return why it failed, None if it succeeded."""
    # as a process with a timeout, because dbt has no timeout for the host of the package files
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "deps"]
    command += ["--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.root)]
    environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    try:
        process = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            timeout=INSTALL_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"`dbt deps` did not finish within {INSTALL_TIMEOUT_SECONDS} s"
    output = " ".join((process.stdout + process.stderr).split())
    return None if process.returncode == 0 else f"`dbt deps` failed ({output[-300:]})"


def _link(folder: Path, source: Path, packages_file: Path) -> None:
    project = source / "dbt_project.yml"
    if not project.is_file():
        raise PipelineError(f"{packages_file} names the local package {source}, which has no dbt_project.yml")
    (folder / yaml.safe_load(project.read_text())["name"]).symlink_to(source, target_is_directory=True)


def _stand_in(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    content = {"name": f"{name}_is_not_installed", "version": "0.0.0", "config-version": 2}
    (folder / name / "dbt_project.yml").write_text(yaml.safe_dump(content))
