"""The files of the embedded server: find, create and configure them."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training_pipeline.errors import PipelineError
from training_pipeline.warehouse.embedded.account import (
    SYSTEM_USER,
    Account,
    copied_binaries,
    copy_binaries,
    package_binaries,
    server_account,
)
from training_pipeline.warehouse.private_file import write_private

if TYPE_CHECKING:
    from training_pipeline.config import Settings

HOST = "127.0.0.1"
USER = "postgres"
MAJOR_VERSION = "18"
# The home of root's server if the checkout is in a folder that the account `pgserver` may not enter.
SHARED_HOME = Path("/var/lib/training-pipeline")
# Below the ports of outgoing connections (from 32768), so that the port stays free.
FIRST_PORT, PORT_COUNT = 20000, 10000

CONFIGURATION = """\
# Written by training-pipeline at every start: edits are lost.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
password_encryption = scram-sha-256
max_connections = 100

# One analytic job on two cores.
shared_buffers = 256MB
# Parallel queries use this instead of /dev/shm, which is 64 MB in a default container.
min_dynamic_shared_memory = 128MB
work_mem = 64MB
maintenance_work_mem = 256MB
effective_cache_size = 2GB
random_page_cost = 1.1
jit = off

# Nobody replicates this server, so a COPY into a table truncated in the same transaction skips the log.
wal_level = minimal
max_wal_senders = 0
max_wal_size = 2GB
checkpoint_timeout = 15min
# On, because a reported decision and its evidence must survive a crash.
synchronous_commit = on

timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
log_checkpoints = off
log_line_prefix = '%m [%p] %d '
"""


@dataclass(frozen=True)
class ClusterFiles:
    """The files of one server.

    Attributes
    ----------
    state : Path
        The folder of the passwords and the port.
    home : Path
        The folder of the data and the log.
    binaries : Path
        The folder of the server's programs.
    """

    state: Path
    home: Path
    binaries: Path

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def password(self) -> Path:
        return self.state / "password"

    @property
    def role_passwords(self) -> Path:
        return self.state / "role_passwords"

    @property
    def port(self) -> Path:
        return self.state / "port"


def known_files(settings: Settings) -> ClusterFiles | None:
    """Return the files of an existing cluster, None if there is none.

    The file `home` contains the path of the data if they are outside the state folder. Without that file a
    checkout can be moved.
    """
    state = settings.state_dir / "postgres"
    try:
        if not (state / "password").is_file() or not (state / "port").is_file():
            return None
        home_file = state / "home"
        if not home_file.is_file():
            return ClusterFiles(state, state, package_binaries(MAJOR_VERSION))
        home = Path(home_file.read_text())
    except PermissionError as error:
        raise not_yours(state) from error
    return ClusterFiles(state, home, copied_binaries(MAJOR_VERSION, home))


def not_yours(folder: Path) -> PipelineError:
    """Return the error for a state folder that belongs to another user."""
    return PipelineError(
        f"{folder} belongs to another user: run as that user, "
        "or set TRAINING_PIPELINE_STATE to your own folder"
    )


def prepare(settings: Settings) -> ClusterFiles:
    """Create the cluster unless it exists, and return its files."""
    account = server_account()
    files = known_files(settings)
    if files is not None and (files.data / "PG_VERSION").is_file():
        version = (files.data / "PG_VERSION").read_text().strip()
        if version != MAJOR_VERSION:
            raise PipelineError(
                f"{files.data} was written by Postgres {version}, this is {MAJOR_VERSION}: "
                f"keep what you need with pg_dump, remove {files.state}, and load again"
            )
        _require_access(account, files)
        return files
    files = _choose_home(account, settings)
    if (files.data / "PG_VERSION").is_file() and files.home == files.state:
        raise PipelineError(
            f"{files.data} holds a database whose password file {files.password} is gone: "
            f"restore it, or remove {files.state} and load again"
        )
    _create_cluster(account, files)
    return files


def _choose_home(account: Account, settings: Settings) -> ClusterFiles:
    """Return the state folder as home, or for root another folder if the server's account may not enter it.

    The package would open the parent folders of the checkout to all users; this program must not do that.
    """
    state = settings.state_dir / "postgres"
    binaries = package_binaries(MAJOR_VERSION)
    if account.can_enter(state) and account.can_run(binaries):
        return ClusterFiles(state, state, binaries)
    home = SHARED_HOME / hashlib.sha256(str(state).encode()).hexdigest()[:16]
    try:
        home.mkdir(parents=True, exist_ok=True)
        copy_binaries(MAJOR_VERSION, home)
    except OSError as error:
        raise PipelineError(
            f"the account {SYSTEM_USER!r} may not enter {state}, and {home} cannot be used instead "
            f"({error}): put the checkout in a folder that other users can enter, or run as an ordinary user"
        ) from error
    files = ClusterFiles(state, home, copied_binaries(MAJOR_VERSION, home))
    _require_access(account, files)
    return files


def _require_access(account: Account, files: ClusterFiles) -> None:
    if not account.can_enter(files.home) or not account.can_run(files.binaries):
        raise PipelineError(
            f"the account {SYSTEM_USER!r} that Postgres runs under may not enter {files.home} or may not run "
            f"{files.binaries}: allow it (`chmod o+x` on the parent folders), or move the checkout"
        )


def _create_cluster(account: Account, files: ClusterFiles) -> None:
    """Run initdb in a temporary folder, so that a killed initdb leaves nothing that looks like a cluster."""
    new_data = files.home / "data.new"
    for leftover in (new_data, files.data):
        shutil.rmtree(leftover, ignore_errors=True)
    new_data.mkdir(mode=0o700)
    account.own(new_data)
    files.log.touch(mode=0o600)
    account.own(files.log)
    password = secrets.token_urlsafe(24)
    password_file = files.home / "password.new"
    write_private(password_file, password)
    account.own(password_file)
    # The builtin locale sorts alike on every machine; a system locale depends on its libc.
    arguments = [
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        # dbt connects for every node, and a password of 192 random bits needs no slow hash against guessing.
        "--set=scram_iterations=1",
    ]
    arguments += ["--locale=C", f"--username={USER}", f"--pwfile={password_file}", "-D", str(new_data)]
    result = account.run([files.binaries / "initdb", *arguments])
    password_file.unlink()
    if result.returncode != 0:
        raise PipelineError(f"initdb failed in {files.home}: {(result.stderr or result.stdout).strip()}")
    new_data.rename(files.data)
    if files.home != files.state:
        write_private(files.state / "home", str(files.home))
    write_private(files.port, str(free_port(str(files.state))))
    write_private(files.password, password)  # last, because this file marks the cluster as complete


def free_port(seed: str) -> int:
    """Return a free port; the same seed gives the same port as long as it is free."""
    first = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4])
    for step in range(PORT_COUNT):
        port = FIRST_PORT + (first + step) % PORT_COUNT
        if is_free(port):
            return port
    raise PipelineError(f"no free port from {FIRST_PORT} to {FIRST_PORT + PORT_COUNT - 1} on {HOST}")


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Postgres sets this option too; connections of a server that just stopped then do not hold the port
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
