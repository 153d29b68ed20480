"""Compile the gates of the demo project with dbt, so that the benchmarks measure what the project runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
MACROS = ROOT / "macros"
DEMO = ROOT / "dbt_project"
# The nodes whose gates judge the new day; gates on later nodes judge tables built from it.
DAILY_NODES = ("source:raw.interaction", "interaction", "interaction_daily")
MODEL = "model.training_pipeline."
NOT_COMMITTED = ("target", "logs", "dbt_packages", "profiles.yml")


@dataclass(frozen=True)
class Gate:
    """A gate of the project.

    Attributes
    ----------
    kind : str
        The name of the gate in the package, e.g. ``metric_anomaly``.
    table : str
        The relation that it judges: ``raw.interaction``, ``interaction`` or ``interaction_daily``.
    sql : str
        The statement that returns its evidence for the compiled run date.
    """

    name: str
    kind: str
    table: str
    arguments: Mapping[str, Any]
    where: str | None
    severity: str
    sql: str


@dataclass(frozen=True)
class Compiled:
    """The project compiled for one run date."""

    gates: tuple[Gate, ...]
    profile: str
    manifest: Mapping[str, Any] = field(repr=False)


def run_dbt(
    project: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    output: Path,
    exit_codes: Sequence[int] = (0,),
) -> str:
    """Run dbt in a separate process, with its target and log folders in `output`; return its output.

    Raises
    ------
    RuntimeError
        dbt exits with a code that is not in `exit_codes` (1: a test failed); the message ends with its output.
    """
    command = [str(Path(sys.executable).with_name("dbt")), *arguments, "--project-dir", str(project)]
    command += ["--target-path", str(output / "target"), "--log-path", str(output / "logs")]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "RUN_DATE"))}
    process = subprocess.run(
        command,
        env=clean | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"} | dict(environment),
        cwd=output,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode not in exit_codes:
        output_end = (process.stdout + process.stderr)[-3000:]
        raise RuntimeError(f"dbt {arguments[0]} failed in {project}:\n{output_end}")
    return process.stdout


def compile_demo(
    environment: Mapping[str, str], output: Path, options: Sequence[str] = (), full_refresh: bool = True
) -> Compiled:
    """Compile the gates of the demo project and its profile, of all days or of the days that a daily run replaces.

    Raises
    ------
    RuntimeError
        dbt cannot compile the project, or the project has no gates.
    """
    arguments = ["compile", *options, "--select", *DAILY_NODES, "--profiles-dir", str(ROOT)]
    arguments += ["--full-refresh"] if full_refresh else []
    run_dbt(DEMO, arguments, environment, output)
    manifest = read_manifest(output)
    gates = tuple(_gate(node) for node in tests_of_package(manifest))
    if not gates:
        raise RuntimeError(f"{DEMO} declares no gates on {', '.join(DAILY_NODES)}")
    profile = manifest["nodes"][f"{MODEL}interaction_daily"]["compiled_code"]
    return Compiled(gates, profile, manifest)


def read_manifest(output: Path) -> dict[str, Any]:
    """Return the manifest that a dbt command wrote into this output folder."""
    manifest: dict[str, Any] = json.loads((output / "target" / "manifest.json").read_text())
    return manifest


def tests_of_package(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the compiled tests that are gates of the package."""
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and node.get("compiled_code")
        and (node.get("test_metadata") or {}).get("namespace") == "gates"
    ]


def _gate(node: Mapping[str, Any]) -> Gate:
    attached: str = node.get("attached_node") or node["depends_on"]["nodes"][-1]
    return Gate(
        name=node["name"],
        kind=node["test_metadata"]["name"],
        table="raw.interaction" if attached.startswith("source.") else attached.removeprefix(MODEL),
        arguments={key: value for key, value in node["test_metadata"]["kwargs"].items() if key != "model"},
        where=node["config"].get("where"),
        severity=str(node["config"]["severity"]).lower(),
        sql=node["compiled_code"],
    )


def write_project(directory: Path, connection: Mapping[str, Any], properties: Mapping[str, Any]) -> Path:
    """Write a dbt project that has only sources with tests."""
    (directory / "models").mkdir(parents=True)
    (directory / "dbt_packages").mkdir()
    (directory / "dbt_packages" / "gates").symlink_to(MACROS, target_is_directory=True)
    documents: dict[str, Mapping[str, Any]] = {
        "dbt_project.yml": {"name": "benchmark", "version": "0.1.0", "profile": "benchmark"},
        "profiles.yml": {"benchmark": {"target": "it", "outputs": {"it": dict(connection)}}},
        "models/properties.yml": properties,
    }
    for name, content in documents.items():
        (directory / name).write_text(yaml.safe_dump(dict(content), sort_keys=False))
    return directory


def checkout(root: Path) -> Path:
    """Copy what plain dbt needs of this checkout, so that nothing is written into it; return where it is."""
    for part in ("dbt_project", "macros"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns(*NOT_COMMITTED))
    shutil.copy(ROOT / "profiles.yml", root)
    return root
