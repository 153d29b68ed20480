import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest

from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.roles import Role
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.embedded.cluster import FIRST_PORT, HOST, SHARED_HOME, known_files
from training_pipeline.warehouse.postgres import connect

START = (
    "from training_pipeline.warehouse.embedded import server as embedded; from training_pipeline.config import Settings; "
    "print(embedded.start(Settings.load()).port)"
)


@pytest.fixture
def new(environment: pytest.MonkeyPatch, make_state_dir: Callable[[], Path]) -> Settings:
    """Settings of a server that does not exist yet."""
    state = make_state_dir()
    environment.setenv("TRAINING_PIPELINE_STATE", str(state))
    return replace(Settings.load(), role=Role.ADMINISTRATOR)


@pytest.fixture(scope="module")
def spare_state(make_state_dir: Callable[[], Path]) -> Path:
    return make_state_dir()


@pytest.fixture
def own(environment: pytest.MonkeyPatch, spare_state: Path) -> Settings:
    """Settings of a server that these tests may stop, kill and break; it is running."""
    environment.setenv("TRAINING_PIPELINE_STATE", str(spare_state))
    settings = replace(Settings.load(), role=Role.ADMINISTRATOR)
    embedded.start(settings)
    return settings


def _write(settings: Settings) -> None:
    with connect(settings) as connection:
        connection.execute("drop table if exists kept")
        connection.execute("create table kept as select 42 as answer")


def _read(settings: Settings) -> object:
    with connect(settings) as connection:
        row = connection.execute("select answer from kept").fetchone()
    assert row is not None
    return row[0]


def _server(settings: Settings) -> psutil.Process:
    pid = embedded.status(settings).pid
    assert pid is not None
    return psutil.Process(pid)


def test_first_start_creates_both_databases(new: Settings) -> None:
    assert embedded.status(new).running is False
    address = embedded.start(new)
    assert address.host == HOST
    assert address.port >= FIRST_PORT
    with connect(new) as connection:
        names = {name for (name,) in connection.execute("select datname from pg_database")}
        assert {new.database, new.mlflow_database} <= names
    assert embedded.start(new) == address
    assert embedded.status(new).address == address


def test_only_loopback_and_only_with_the_password(own: Settings) -> None:
    address = embedded.start(own)
    with connect(own) as connection:
        shown = {
            name: connection.execute(f"show {name}").fetchone()
            for name in ("listen_addresses", "unix_socket_directories", "password_encryption", "timezone")
        }
        rules = connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
    assert shown == {
        "listen_addresses": (HOST,),
        "unix_socket_directories": ("",),
        "password_encryption": ("scram-sha-256",),
        "timezone": ("UTC",),
    }
    assert rules == [("scram-sha-256",)]
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(replace(address, password="").uri())


def test_password_is_private_and_random(own: Settings, server: Settings) -> None:
    address = embedded.start(own)
    files = known_files(own)
    assert files is not None
    assert stat.S_IMODE(files.password.stat().st_mode) == 0o600
    assert len(address.password) >= 32
    with connect(own) as connection:
        row = connection.execute("select rolpassword from pg_authid where rolname = current_user").fetchone()
    assert row is not None
    assert row[0].startswith("SCRAM-SHA-256$1:"), "hashed once, since a random password needs no slow hash"
    assert address.password != embedded.start(server).password
    assert address.password not in repr(address)
    assert address.password not in str(address)


def test_server_outlives_the_process_that_started_it(own: Settings) -> None:
    embedded.stop(own)
    started = subprocess.run([sys.executable, "-c", START], check=True, capture_output=True, text=True)
    status = embedded.status(own)
    assert status.running
    assert status.address is not None
    assert str(status.address.port) == started.stdout.strip()


def test_processes_that_start_it_at_once_get_the_same_server(new: Settings) -> None:
    starters = [
        subprocess.Popen([sys.executable, "-c", START], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    ports = {starter.communicate(timeout=60)[0] for starter in starters}
    assert [starter.returncode for starter in starters] == [0, 0, 0]
    assert len(ports) == 1
    files = known_files(new)
    assert files is not None
    parents = [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres" and str(files.data) in (process.info["cmdline"] or [])
    ]
    assert len(parents) == 1


def test_two_checkouts_have_servers_of_their_own(own: Settings, server: Settings) -> None:
    _write(own)
    assert embedded.start(own).port != embedded.start(server).port
    with connect(server) as connection:
        assert connection.execute("select to_regclass('kept')").fetchone() == (None,)


def test_committed_rows_survive_a_killed_server(own: Settings) -> None:
    _write(own)
    before = embedded.start(own)
    server = _server(own)
    server.kill()
    server.wait(10)
    assert embedded.status(own).running is False
    assert _read(own) == 42
    assert embedded.start(own) == before


def test_stop_keeps_the_data(own: Settings) -> None:
    _write(own)
    assert embedded.stop(own) is True
    assert embedded.stop(own) is False
    assert embedded.status(own).running is False
    assert _read(own) == 42


@pytest.mark.parametrize("pid", ["reused", "gone", "nonsense"])
def test_leftover_lock_file_is_no_obstacle(own: Settings, pid: str) -> None:
    _write(own)
    data = embedded.status(own).data
    lock = data / "postmaster.pid"
    lines = lock.read_text().splitlines()
    embedded.stop(own)
    sleeper = subprocess.Popen(["sleep", "60"])
    if pid == "gone":
        sleeper.kill()
    lines[0] = {"reused": str(sleeper.pid), "gone": str(sleeper.pid), "nonsense": ""}[pid]
    if pid == "gone":
        sleeper.wait()
    lock.write_text("\n".join(lines) + "\n")
    os.chown(lock, data.stat().st_uid, data.stat().st_gid)
    assert embedded.status(own).running is False
    assert _read(own) == 42
    sleeper.kill()
    sleeper.wait()


def test_start_leaves_another_process_alone(own: Settings) -> None:
    data = embedded.status(own).data
    lines = (data / "postmaster.pid").read_text().splitlines()
    embedded.stop(own)
    sleeper = subprocess.Popen(["sleep", "60"])
    (data / "postmaster.pid").write_text("\n".join([str(sleeper.pid), *lines[1:]]))
    embedded.start(own)
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait()


def test_port_is_kept_and_replaced_only_when_taken(own: Settings) -> None:
    first = embedded.start(own).port
    embedded.stop(own)
    assert embedded.start(own).port == first
    embedded.stop(own)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((HOST, first))
        taken.listen()
        second = embedded.start(own).port
    assert second != first
    embedded.stop(own)
    assert embedded.start(own).port == second


def test_interrupted_creation_starts_again(new: Settings) -> None:
    half = new.state_dir / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    _write(new)
    assert _read(new) == 42
    assert not half.exists()


def test_start_writes_the_profile_of_the_checkouts_own_server_only(own: Settings) -> None:
    profile = own.dbt_project / "profiles.yml"
    assert not profile.exists() or str(embedded.start(own).port) not in profile.read_text()


def test_lost_password_is_named(own: Settings) -> None:
    embedded.stop(own)
    files = known_files(own)
    assert files is not None
    hidden = files.password.rename(files.password.with_name("hidden"))
    with pytest.raises(PipelineError, match=r"whose password file .*password is gone: restore it, or remove"):
        embedded.start(own)
    hidden.rename(files.password)


def test_data_of_another_version_are_named(own: Settings) -> None:
    embedded.stop(own)
    version = embedded.status(own).data / "PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(PipelineError, match="was written by Postgres 16, this is 18"):
        embedded.start(own)
    version.write_text("18\n")


def test_server_that_cannot_start_says_why(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.stop(own)
    monkeypatch.setattr(embedded, "CONFIGURATION", "port = {port}\nno_such_setting = 1\n")
    with pytest.raises(PipelineError, match=r'does not start; its log .*(?s:.*)"no_such_setting"'):
        embedded.start(own)


def test_ctrl_c_does_not_reach_the_server(own: Settings) -> None:
    embedded.stop(own)
    # its own handler, because a shell lets what it runs in the background ignore this signal
    heard = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    script = f"import signal, sys, time; {heard}; {START}; sys.stdout.flush(); time.sleep(60)"
    starter = subprocess.Popen(
        [sys.executable, "-c", script], start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert starter.stdout is not None
    starter.stdout.readline()
    os.killpg(starter.pid, signal.SIGINT)
    assert b"KeyboardInterrupt" in starter.communicate()[1]
    time.sleep(0.5)
    assert embedded.status(own).running


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server under another account")
def test_roots_server_lives_elsewhere_when_its_account_may_not_enter_the_checkout(new: Settings) -> None:
    closed = new.state_dir / "closed"
    closed.mkdir(mode=0o700)
    hidden = replace(new, state_dir=closed / "state")
    try:
        _write(hidden)
        data = embedded.status(hidden).data
        assert data.is_relative_to(SHARED_HOME)
        assert embedded.stop(hidden)
        assert _read(hidden) == 42
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        files = known_files(hidden)
        embedded.stop(hidden)
        assert files is not None
        shutil.rmtree(files.home)


def test_state_folder_that_cannot_be_written_is_named(server: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        PipelineError, match=r"cannot be written \(Not a directory\): set TRAINING_PIPELINE_STATE"
    ):
        embedded.start(replace(server, state_dir=tmp_path / "file" / "state"))
