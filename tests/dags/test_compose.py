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

from .compose_file import (
    DEVELOPMENT,
    ROOT,
    TEXT,
    VARIABLE,
    Compose,
    airflow_commands,
    arguments,
    interpolate,
    read_compose,
    read_env,
)

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
OURS = {*AIRFLOW_SERVICES, "warehouse-init", "mlflow"}
SECRETS = {
    "AIRFLOW_ADMIN_PASSWORD",
    "AIRFLOW_FERNET_KEY",
    "AIRFLOW_JWT_SECRET",
    "AIRFLOW_PASSWORD",
    "AIRFLOW_SECRET_KEY",
    "CELERY_PASSWORD",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "WAREHOUSE_REPORT_PASSWORD",
}
# What each service knows, by the secrets of .env.
KNOWS = {
    "postgres": {"POSTGRES_PASSWORD", "AIRFLOW_PASSWORD", "CELERY_PASSWORD"},
    "redis": {"REDIS_PASSWORD"},
    "warehouse-init": {"POSTGRES_PASSWORD", "WAREHOUSE_REPORT_PASSWORD"},
    "airflow-init": {"AIRFLOW_PASSWORD", "AIRFLOW_FERNET_KEY", "AIRFLOW_ADMIN_PASSWORD"},
    "airflow-apiserver": {
        "AIRFLOW_PASSWORD",
        "AIRFLOW_FERNET_KEY",
        "AIRFLOW_JWT_SECRET",
        "AIRFLOW_SECRET_KEY",
    },
    "airflow-scheduler": SECRETS
    - {"AIRFLOW_ADMIN_PASSWORD", "POSTGRES_PASSWORD", "WAREHOUSE_REPORT_PASSWORD"},
    "airflow-dag-processor": {"AIRFLOW_PASSWORD", "AIRFLOW_FERNET_KEY"},
    "airflow-triggerer": {"AIRFLOW_PASSWORD", "AIRFLOW_FERNET_KEY"},
    "airflow-worker": {"CELERY_PASSWORD", "REDIS_PASSWORD"},
    "airflow-flower": {"CELERY_PASSWORD", "REDIS_PASSWORD", "AIRFLOW_ADMIN_PASSWORD"},
    "airflow-cli": {"AIRFLOW_PASSWORD", "AIRFLOW_FERNET_KEY"},
    "mlflow": {"WAREHOUSE_REPORT_PASSWORD"},
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
    assert set(compose["services"]) == {"postgres", "redis", *OURS}
    assert set(compose["volumes"]) == {"postgres", "state", "logs", "logins", "pages"}
    profiles = {
        name: service["profiles"] for name, service in compose["services"].items() if "profiles" in service
    }
    assert profiles == {"airflow-flower": ["flower"], "airflow-cli": ["cli"]}


def test_all_services_of_the_image_share_it_and_the_user(compose: Compose) -> None:
    for name in sorted(OURS):
        service = compose["services"][name]
        assert service["image"] == compose["x-pipeline"]["image"]
        assert service["user"] == "50000:0"
    for name in sorted(AIRFLOW_SERVICES - {"airflow-init"}):
        service = compose["services"][name]
        assert service["volumes"] == compose["x-airflow"]["volumes"]
        assert service["environment"].items() >= compose["x-airflow-environment"].items()


def test_a_service_knows_only_the_secrets_that_it_needs(compose: Compose, variables: dict[str, str]) -> None:
    found = {
        name: {secret for secret in SECRETS if variables[secret] in str(service)}
        for name, service in compose["services"].items()
    }
    assert found == KNOWS


def test_no_secret_is_an_argument_of_a_process(compose: Compose, variables: dict[str, str]) -> None:
    """Every user of a machine can read the arguments of all processes."""
    for name, service in compose["services"].items():
        for argument in arguments(service):
            assert not any(variables[secret] in argument for secret in SECRETS), name
            assert not re.search(r"--(require)?pass(word)?\b", argument), name
    for script in ("create_databases.sh", "prepare_airflow.py"):
        text = (ROOT / "scripts" / script).read_text()
        assert not re.search(r"--(set|password|variable)[ =]+\S*(pass|PASS)", text), script


def test_metadata_and_results_belong_to_plain_roles_with_different_passwords(
    compose: Compose, variables: dict[str, str]
) -> None:
    scheduler = compose["services"]["airflow-scheduler"]["environment"]
    urls = [
        scheduler["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].removeprefix("postgresql+psycopg2"),
        scheduler["AIRFLOW__CELERY__RESULT_BACKEND"].removeprefix("db+postgresql"),
    ]
    assert urls == [
        f"://{role}:{variables[f'{role.upper()}_PASSWORD']}@postgres/{role}" for role in ("airflow", "celery")
    ]
    created = (ROOT / "scripts" / "create_databases.sh").read_text()
    assert "superuser" not in created
    assert "revoke connect on database airflow, celery, postgres from public" in created


def test_no_service_keeps_a_capability_but_the_entry_point_of_postgres(compose: Compose) -> None:
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert ("cap_add" in service) == (name == "postgres"), name
        assert "privileged" not in service
    assert "user" in compose["services"]["redis"], "its entry point changes the user only from root"


def test_development_mounts_the_folders_of_airflows_compose_file(
    variables: dict[str, str], tmp_path: Path
) -> None:
    mounts = read_compose({**variables, "AIRFLOW_PROJ_DIR": "/project"}, DEVELOPMENT)["services"]
    assert set(mounts) == AIRFLOW_SERVICES
    for service in mounts.values():
        assert [volume.split(":")[0] for volume in service["volumes"]] == [
            f"/project/{folder}" for folder in ("dags", "logs", "plugins", "config")
        ]
    dockerfile = (ROOT / "Dockerfile").read_text()
    targets = {volume.split(":")[1] for volume in mounts["airflow-worker"]["volumes"]}
    assert targets == {
        "/opt/training-pipeline/dags",
        *(f"/opt/airflow/{name}" for name in ("logs", "plugins", "config")),
    }
    assert "AIRFLOW__CORE__DAGS_FOLDER=/opt/training-pipeline/dags" in dockerfile
    assert "AIRFLOW_HOME=/opt/airflow" in dockerfile


def test_the_users_id_is_that_of_the_containers(compose: Compose, variables: dict[str, str]) -> None:
    other = read_compose({**variables, "AIRFLOW_UID": "1234"})
    assert {other["services"][name]["user"] for name in OURS} == {"1234:0"}
    assert variables["AIRFLOW_UID"] == str(os.getuid() or 50000), "make_env.py writes yours"


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_missing_secret_stops_compose_and_says_what_to_do(variables: dict[str, str], name: str) -> None:
    with pytest.raises(KeyError, match=rf"{name}: run python3 scripts/make_env.py to create .env"):
        interpolate(TEXT, {**variables, name: ""})


def test_every_variable_is_explained_in_the_example() -> None:
    used = {match["name"] for match in VARIABLE.finditer(TEXT + DEVELOPMENT) if match["name"]}
    explained = set(re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    assert used == explained
    assert {name for name, value in read_env(EXAMPLE).items() if not value} == SECRETS


def test_generated_secrets_are_strong_and_differ(variables: dict[str, str], tmp_path: Path) -> None:
    Fernet(variables["AIRFLOW_FERNET_KEY"])
    assert len(variables["AIRFLOW_JWT_SECRET"]) >= 64
    assert len({variables[name] for name in SECRETS}) == len(SECRETS)
    assert all(
        variables[name].isalnum() for name in ("AIRFLOW_PASSWORD", "CELERY_PASSWORD", "REDIS_PASSWORD")
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
    assert ports == {
        "airflow-apiserver": ["127.0.0.1:8080:8080"],
        "airflow-flower": ["127.0.0.1:5555:5555"],
        "mlflow": ["127.0.0.1:5000:5000"],
    }


def test_images_are_pinned(compose: Compose) -> None:
    for name in ("postgres", "redis"):
        assert re.fullmatch(rf"{name}:\d+\.\d+(\.\d+)?-bookworm", compose["services"][name]["image"])
    dockerfile = (ROOT / "Dockerfile").read_text()
    (python,) = re.findall(r"^ARG PYTHON_IMAGE=(python:3\.11\.\d+-slim-bookworm)$", dockerfile, re.MULTILINE)
    assert compose["x-pipeline"]["build"]["args"]["PYTHON_IMAGE"] == python
    pages = (ROOT / "docs" / "deployment.md").read_text()
    images = [compose["services"][name]["image"] for name in ("postgres", "redis")]
    assert all(image in pages for image in [*images, python]), (
        "the command that pins their digests names them"
    )


def test_services_wait_for_what_they_need(compose: Compose) -> None:
    services = compose["services"]
    for name, service in services.items():
        long_running = name not in {"airflow-init", "airflow-cli", "warehouse-init"}
        assert ("healthcheck" in service) == long_running, name
        for dependency, options in service.get("depends_on", {}).items():
            one_shot = dependency in {"airflow-init", "warehouse-init"}
            assert options["condition"] == (
                "service_completed_successfully" if one_shot else "service_healthy"
            )
    assert set(services["airflow-worker"]["depends_on"]) == {
        "postgres",
        "redis",
        "airflow-init",
        "airflow-apiserver",
    }
    assert set(services["airflow-init"]["depends_on"]) == {"postgres", "warehouse-init"}
    assert set(services["mlflow"]["depends_on"]) == {"warehouse-init"}


def test_commands_and_health_checks_exist_in_this_airflow(compose: Compose, tmp_path: Path) -> None:
    commands = airflow_commands(compose)
    assert {" ".join(command.split()[:3]) for command in commands} == {
        "airflow api-server",
        "airflow scheduler",
        "airflow dag-processor",
        "airflow triggerer --skip-serve-logs",
        "airflow celery worker",
        "airflow celery flower",
        "airflow db migrate",
        "airflow jobs check",
        "airflow info",
    }
    common = compose["x-airflow-environment"]
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
