"""docker-compose.yaml without a Docker engine: its required content, and that its commands exist."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from .compose_file import ROOT, TEXT, VARIABLE, Compose, airflow_commands, interpolate, read_compose, read_env

EXAMPLE = (ROOT / ".env.example").read_text()
AIRFLOW_SERVICES = {
    "airflow-init",
    "airflow-apiserver",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "airflow-worker",
    "airflow-flower",
    "airflow-cli",
}
SECRETS = {
    "AIRFLOW_ADMIN_PASSWORD",
    "AIRFLOW_FERNET_KEY",
    "AIRFLOW_JWT_SECRET",
    "AIRFLOW_SECRET_KEY",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "WAREHOUSE_PASSWORD",
}

# Parses commands with Airflow's parser; the commands of an auth manager exist only if it is set.
PARSE_COMMANDS = """
import shlex, sys
from airflow.cli.cli_parser import get_parser
for line in sys.stdin.read().splitlines():
    get_parser().parse_args(shlex.split(line)[1:])
import airflow.providers.celery.executors.celery_executor as module
assert module.app.control.inspect
"""


@pytest.fixture(scope="module")
def compose(variables: dict[str, str]) -> Compose:
    return read_compose(variables)


def test_services_are_airflow_with_celery(compose: Compose) -> None:
    assert set(compose["services"]) == {"postgres", "redis", *AIRFLOW_SERVICES}
    assert set(compose["volumes"]) == {"postgres", "state", "logs"}
    profiles = {
        name: service["profiles"] for name, service in compose["services"].items() if "profiles" in service
    }
    assert profiles == {"airflow-flower": ["flower"], "airflow-cli": ["cli"]}


def test_all_airflow_services_share_image_volumes_and_environment(compose: Compose) -> None:
    services = [compose["services"][name] for name in sorted(AIRFLOW_SERVICES)]
    common = compose["x-airflow-common"]
    for service in services:
        assert service["image"] == common["image"]
        assert service["volumes"] == common["volumes"]
        assert service["environment"].items() >= common["environment"].items()


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_missing_secret_stops_compose_and_says_what_to_do(variables: dict[str, str], name: str) -> None:
    with pytest.raises(KeyError, match=rf"{name}: run python3 scripts/make_env.py to create .env"):
        interpolate(TEXT, {**variables, name: ""})


def test_every_variable_is_explained_in_the_example() -> None:
    used = {match["name"] for match in VARIABLE.finditer(TEXT) if match["name"]}
    explained = set(re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    assert used == explained
    assert {name for name, value in read_env(EXAMPLE).items() if not value} == SECRETS


def test_generated_secrets_are_strong_and_differ(variables: dict[str, str], tmp_path: Path) -> None:
    Fernet(variables["AIRFLOW_FERNET_KEY"])
    assert len(variables["AIRFLOW_JWT_SECRET"]) >= 64
    assert len({variables[name] for name in SECRETS}) == len(SECRETS)
    assert all(
        variables[name].isalnum() for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "WAREHOUSE_PASSWORD")
    )
    command = [sys.executable, str(ROOT / "scripts" / "make_env.py"), "--output", str(tmp_path / ".env")]
    subprocess.run(command, check=True, capture_output=True)
    written = (tmp_path / ".env").read_text()
    assert not {variables[name] for name in SECRETS} & set(read_env(written).values())

    repeated = subprocess.run(command, check=False, capture_output=True, text=True)
    assert repeated.returncode == 1
    assert "exists and is left alone" in repeated.stderr
    assert (tmp_path / ".env").read_text() == written
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_ports_are_open_on_loopback_only(compose: Compose) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports == {"airflow-apiserver": ["127.0.0.1:8080:8080"], "airflow-flower": ["127.0.0.1:5555:5555"]}


def test_images_are_pinned(compose: Compose) -> None:
    for name in ("postgres", "redis"):
        assert re.fullmatch(rf"{name}:\d+\.\d+(\.\d+)?-bookworm", compose["services"][name]["image"])
    assert re.search(
        r"^FROM python:3\.11\.\d+-slim-bookworm$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )


def test_services_wait_for_what_they_need(compose: Compose) -> None:
    services = compose["services"]
    for name, service in services.items():
        long_running = name not in {"airflow-init", "airflow-cli"}
        assert ("healthcheck" in service) == long_running, name
        for dependency, options in service.get("depends_on", {}).items():
            one_shot = dependency == "airflow-init"
            assert options["condition"] == (
                "service_completed_successfully" if one_shot else "service_healthy"
            )
    assert set(services["airflow-worker"]["depends_on"]) == {
        "postgres",
        "redis",
        "airflow-init",
        "airflow-apiserver",
    }
    assert set(services["airflow-init"]["depends_on"]) == {"postgres"}


def test_commands_and_health_checks_exist_in_this_airflow(compose: Compose, tmp_path: Path) -> None:
    commands = airflow_commands(compose)
    assert {" ".join(command.split()[:3]) for command in commands} == {
        "airflow api-server",
        "airflow scheduler",
        "airflow dag-processor",
        "airflow triggerer",
        "airflow celery worker",
        "airflow celery flower",
        "airflow db migrate",
        "airflow users create",
        "airflow jobs check",
        "airflow info",
    }
    common = compose["x-airflow-common"]["environment"]
    settings = {name: common[name] for name in ("AIRFLOW__CORE__AUTH_MANAGER", "AIRFLOW__CORE__EXECUTOR")}
    parsed = subprocess.run(
        [sys.executable, "-c", PARSE_COMMANDS],
        input="\n".join(commands),
        env={**os.environ, **settings, "AIRFLOW_HOME": str(tmp_path)},
        text=True,
        check=False,
        capture_output=True,
    )
    assert parsed.returncode == 0, parsed.stderr
