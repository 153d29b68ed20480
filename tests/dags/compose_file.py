"""Read docker-compose.yaml without a Docker engine."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yaml").read_text()
DEVELOPMENT = (ROOT / "docker-compose.dev.yaml").read_text()
VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?::(?P<operator>[-?])(?P<operand>[^}]*))?\}")

Compose = dict[str, Any]


def interpolate(text: str, environment: dict[str, str]) -> str:
    """Fill in variables as docker compose does; raise a KeyError with its message if a required one is missing."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        given = environment.get(match["name"])
        if given or (match["operator"] is None and given is not None):
            return given
        if match["operator"] == "-":
            return str(match["operand"])
        raise KeyError(f"{match['name']}: {match['operand']}")

    return VARIABLE.sub(value, text)


def read_env(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def read_compose(environment: dict[str, str], text: str = TEXT) -> Compose:
    compose: Compose = yaml.safe_load(interpolate(text, environment))
    return compose


def arguments(service: Compose) -> list[str]:
    """Return everything that becomes an argument of a process of a service."""
    return [*service.get("command", []), *service.get("healthcheck", {}).get("test", [])]


def airflow_commands(compose: Compose) -> list[str]:
    """Return every command `airflow ...` of a service or a health check."""
    commands = []
    for service in compose["services"].values():
        for words in (service.get("command", []), service.get("healthcheck", {}).get("test", [])):
            script = words[:1] == ["CMD-SHELL"] or words[:2] == ["bash", "-ec"]
            text = words[-1] if script else shlex.join(words)
            lines = text.replace("\\\n", " ").splitlines()
            commands += [
                shlex.join(shlex.split(line)) for line in lines if line.strip().startswith("airflow ")
            ]
    return commands
