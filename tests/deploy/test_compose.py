"""docker-compose.yaml without a Docker engine: what it must contain, and that its commands exist."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yaml").read_text()
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
VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?::(?P<operator>[-?])(?P<operand>[^}]*))?\}")

# Parses commands with Airflow's own parser; the commands of the user manager exist only with that manager.
PARSE_COMMANDS = """
import shlex, sys
from airflow.cli.cli_parser import get_parser
for line in sys.stdin.read().splitlines():
    get_parser().parse_args(shlex.split(line)[1:])
import airflow.providers.celery.executors.celery_executor as module
assert module.app.control.inspect
"""


def interpolate(text: str, environment: dict[str, str]) -> str:
    """Fill in variables as docker compose does; KeyError with compose's message when a required one is absent."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        found = environment.get(match["name"])
        if found or (match["operator"] is None and found is not None):
            return found
        if match["operator"] == "-":
            return match["operand"]
        raise KeyError(f"{match['name']}: {match['operand']}")

    return VARIABLE.sub(value, text)


def read_env(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    output = tmp_path_factory.mktemp("env") / ".env"
    subprocess.run([sys.executable, ROOT / "scripts" / "make_env.py", "--output", output], check=True, capture_output=True)
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    return read_env(output.read_text())


@pytest.fixture(scope="module")
def compose(environment: dict[str, str]) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(interpolate(COMPOSE, environment))
    return loaded


def commands_of(compose: dict[str, Any]) -> list[str]:
    """Return every `airflow ...` that a service runs or a health check calls, one line each."""
    commands = []
    for service in compose["services"].values():
        for words in (service.get("command", []), service.get("healthcheck", {}).get("test", [])):
            text = words[-1] if words[:1] == ["CMD-SHELL"] or words[:2] == ["bash", "-ec"] else shlex.join(words)
            lines = text.replace("\\\n", " ").splitlines()
            commands += [shlex.join(shlex.split(line)) for line in lines if line.strip().startswith("airflow ")]
    return commands


def test_services_are_those_of_airflow_with_celery(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", "redis", *AIRFLOW_SERVICES}
    assert set(compose["volumes"]) == {"postgres", "state", "logs"}
    profiles = {name: service["profiles"] for name, service in compose["services"].items() if "profiles" in service}
    assert profiles == {"airflow-flower": ["flower"], "airflow-cli": ["cli"]}


def test_all_airflow_services_share_image_volumes_and_environment(compose: dict[str, Any]) -> None:
    services = [compose["services"][name] for name in sorted(AIRFLOW_SERVICES)]
    common = compose["x-airflow-common"]
    for service in services:
        assert service["image"] == common["image"]
        assert service["volumes"] == common["volumes"]
        assert service["environment"].items() >= common["environment"].items()


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_missing_secret_stops_compose_with_what_to_do(environment: dict[str, str], name: str) -> None:
    with pytest.raises(KeyError, match=rf"{name}: run python3 scripts/make_env.py to create .env"):
        interpolate(COMPOSE, {**environment, name: ""})


def test_every_variable_is_explained_in_the_example() -> None:
    used = {match["name"] for match in VARIABLE.finditer(COMPOSE) if match["name"]}
    explained = set(re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    assert used == explained
    assert {name for name, value in read_env(EXAMPLE).items() if not value} == SECRETS


def test_generated_secrets_are_strong_and_differ(environment: dict[str, str], tmp_path: Path) -> None:
    Fernet(environment["AIRFLOW_FERNET_KEY"])
    assert len(environment["AIRFLOW_JWT_SECRET"]) >= 64
    assert len({environment[name] for name in SECRETS}) == len(SECRETS)
    assert all(environment[name].isalnum() for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "WAREHOUSE_PASSWORD"))
    command = [sys.executable, str(ROOT / "scripts" / "make_env.py"), "--output", str(tmp_path / ".env")]
    subprocess.run(command, check=True, capture_output=True)
    written = (tmp_path / ".env").read_text()
    assert not {environment[name] for name in SECRETS} & set(read_env(written).values())

    again = subprocess.run(command, check=False, capture_output=True, text=True)
    assert again.returncode == 1
    assert "exists and is left alone" in again.stderr
    assert (tmp_path / ".env").read_text() == written


def test_ports_are_open_on_loopback_only(compose: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports == {"airflow-apiserver": ["127.0.0.1:8080:8080"], "airflow-flower": ["127.0.0.1:5555:5555"]}


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    for name in ("postgres", "redis"):
        assert re.fullmatch(rf"{name}:\d+\.\d+(\.\d+)?-bookworm", compose["services"][name]["image"])
    assert re.search(r"^FROM python:3\.11\.\d+-slim-bookworm$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_services_wait_for_what_they_need(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        long_running = name not in {"airflow-init", "airflow-cli"}
        assert ("healthcheck" in service) == long_running, name
        for needed, how in service.get("depends_on", {}).items():
            one_shot = needed == "airflow-init"
            assert how["condition"] == ("service_completed_successfully" if one_shot else "service_healthy")
    assert set(services["airflow-worker"]["depends_on"]) == {"postgres", "redis", "airflow-init", "airflow-apiserver"}
    assert set(services["airflow-init"]["depends_on"]) == {"postgres"}


def test_commands_and_health_checks_exist_in_this_airflow(compose: dict[str, Any], tmp_path: Path) -> None:
    commands = commands_of(compose)
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
