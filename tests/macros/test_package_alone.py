"""The package in a separate project, installed and run as docs/package.md says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from .harness.engines import Postgres
from .harness.project import MACROS
from .harness.run import invoke

PAGE = MACROS.parent / "docs" / "package.md"
SCHEMA = "shop"
REVISION = "v1"
TIME = re.compile(r"^\d\d:\d\d:\d\d  ")
# No network: git may read files only, and nothing listens at the addresses of the proxies.
OFFLINE = {
    "GIT_ALLOW_PROTOCOL": "file",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "",
}


@dataclass(frozen=True)
class Installed:
    """How the commands of the page ended, in a fresh project."""

    directory: Path
    engine: Postgres
    codes: list[int]
    printed: list[str]


def files() -> dict[str, str]:
    """Return the files of the page by path."""
    found = re.findall(
        r"^`([\w./]+)`[^\n]*:\n\n```\w+\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    return dict(found)


def block(language: str) -> list[str]:
    """Return the lines of the first block of a language."""
    found, *_ = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    lines: list[str] = found.splitlines()
    return lines


def run(*command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of a person who is offline."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **OFFLINE, "PATH": tools, "NO_COLOR": "1", "DBT_USE_COLORS": "false"}
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def commit_package(directory: Path) -> str:
    """Commit the present package to a git repository; return its address."""
    shutil.copytree(MACROS, directory / "macros")
    person = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "."], [*person, "commit", "-qm", "package"], ["tag", REVISION]):
        done = run("git", *arguments, directory=directory)
        assert done.returncode == 0, done.stderr
    return directory.as_uri()


def write(directory: Path, address: str, profile: Mapping[str, object]) -> None:
    """Write the files of the page and a profile."""
    for name, content in files().items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(
            content.replace("<address of this repository>", address).replace("<a tag or a commit>", REVISION)
        )
    connection = {"shop": {"target": "test", "outputs": {"test": {**profile, "schema": SCHEMA}}}}
    (directory / "profiles.yml").write_text(yaml.safe_dump(connection))


@pytest.fixture(scope="module")
def installed(
    make_postgres: Callable[[str], Postgres], tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    engine = make_postgres("gates_alone")
    directory = tmp_path_factory.mktemp("shop")
    write(directory, commit_package(tmp_path_factory.mktemp("repository")), engine.profile())
    codes, printed = [], ""
    for line in block("sh"):
        done = run("sh", "-c", line, directory=directory)
        codes.append(done.returncode)
        printed = done.stdout
    return Installed(directory, engine, codes, [TIME.sub("", line) for line in printed.splitlines()])


def test_dbt_installs_the_package_without_a_network(installed: Installed) -> None:
    assert installed.codes[0] == 0
    package = yaml.safe_load((installed.directory / "dbt_packages" / "gates" / "dbt_project.yml").read_text())
    assert package["name"] == "gates"


def test_a_failed_gate_is_the_exit_code_of_dbt(installed: Installed) -> None:
    assert installed.codes == [0, 1], installed.printed


def test_evidence_is_printed_as_the_page_shows(installed: Installed) -> None:
    first, *others = block("text")
    begin = installed.printed.index(first)
    assert installed.printed[begin : begin + 1 + len(others)] == [first, *others]


def test_evidence_is_in_the_ledger(installed: Installed) -> None:
    rows = installed.engine.query(
        f"select gate, verdict, status, reason, run_date::text, relation from {SCHEMA}.gate_results order by gate"
    )
    day, relation = "2026-11-22", f"{SCHEMA}.orders"
    assert [tuple(row.values()) for row in rows] == [
        ("interval_ratio", "fail", "fail", "out_of_bounds", day, relation),
        ("row_existence", "pass", "pass", "ok", day, relation),
    ]


def test_without_the_hook_gates_decide_and_nothing_is_recorded(installed: Installed) -> None:
    directory, schema = installed.directory, "bare"
    profile = directory / "profiles.yml"
    profile.write_text(profile.read_text().replace(f"schema: {SCHEMA}", f"schema: {schema}"))
    project = yaml.safe_load((directory / "dbt_project.yml").read_text())
    del project["on-run-end"]
    (directory / "dbt_project.yml").write_text(yaml.safe_dump(project))

    done = invoke(directory, "--quiet", "build", "--vars", "run_date: 2026-11-22")

    statuses = {str(result.status) for result in done.result.results if result.node.resource_type == "test"}
    assert statuses == {"pass", "fail"}
    tables = installed.engine.query(
        f"select table_name as name from information_schema.tables where table_schema like '{schema}%'"
    )
    assert {table["name"] for table in tables} == {"orders"}
