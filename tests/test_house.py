"""The rules of the house: who may import whom, who prints, how long a file is, what is declared and released together."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from .conftest import ROOT

SOURCES = ROOT / "src"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = ("gates", "training_pipeline")


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(SOURCES, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold(checkout: Path) -> None:
    result = _lint_imports(checkout)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("importer", "imported", "broken"),
    [
        ("training_pipeline.model.metrics", "training_pipeline.warehouse.postgres", "The model knows numbers only"),
        ("training_pipeline.model.dataset", "training_pipeline.registry.models", "The model knows numbers only"),
        ("training_pipeline.model.segments", "training_pipeline.config", "The model knows numbers only"),
        ("training_pipeline.model.segments", "gates.ledger.evidence", "The model knows numbers only"),
        ("training_pipeline.warehouse.dbt", "training_pipeline.steps.train", "The rooms of the pipeline"),
        ("training_pipeline.registry.models", "training_pipeline.source.files", "The rooms of the pipeline"),
        ("training_pipeline.errors", "training_pipeline.cli", "The rooms of the pipeline"),
        ("training_pipeline.model.metrics", "training_pipeline.model.measuring", "No room needs itself"),
    ],
)  # fmt: skip
def test_a_forbidden_import_breaks_its_contract(
    checkout: Path, importer: str, imported: str, broken: str
) -> None:
    file = checkout / "src" / Path(*importer.split(".")).with_suffix(".py")
    file.write_text(f"{file.read_text(encoding='utf-8')}\nimport {imported}\n", encoding="utf-8")
    result = _lint_imports(checkout)
    assert result.returncode == 1, result.stdout
    assert re.search(rf"^{broken}.* BROKEN( \(|$)", result.stdout, re.MULTILINE), result.stdout
    assert f"{importer} -> {imported}" in result.stdout or "could be made acyclic" in result.stdout


def test_a_new_room_must_be_placed(checkout: Path) -> None:
    (checkout / "src" / "training_pipeline" / "attic.py").write_text("", encoding="utf-8")
    result = _lint_imports(checkout)
    assert result.returncode == 1
    assert "attic" in result.stdout


def _writes_to_a_stream(tree: ast.AST) -> list[str]:
    """Calls that reach the terminal without having been given a console: print, Console(), sys.stdout.write()."""
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        call
        for call in calls
        if call in ("print", "rich.print", "typer.echo", "typer.secho", "click.echo")
        or re.fullmatch(r"(rich\.console\.)?Console|sys\.std(out|err)\.write(lines)?", call)
    ]


@pytest.mark.parametrize(
    ("line", "calls"),
    [
        ("print(1)", ["print"]),
        ("Console(stderr=True).print(1)", ["Console"]),
        ("sys.stderr.write('x')", ["sys.stderr.write"]),
        ("typer.echo('x')", ["typer.echo"]),
        ("console.print(1)", []),  # whoever calls has chosen where it goes
    ],
)
def test_a_write_is_seen(line: str, calls: list[str]) -> None:
    assert _writes_to_a_stream(ast.parse(line)) == calls


def test_only_command_lines_open_the_terminal() -> None:
    """What else shows something is given the console: so one place decides on stdout, stderr, width and quiet."""
    writers = {
        file.relative_to(SOURCES).as_posix(): calls
        for file in SOURCES.rglob("*.py")
        if not file.stem.startswith("cli")
        and file.stem not in ("__main__", "terminal")
        and (calls := _writes_to_a_stream(ast.parse(file.read_text(encoding="utf-8"))))
    }
    assert writers == {}


ROOMS = (
    "src",
    "macros",
    "dbt_project/models",
    "dbt_project/macros",
    "dbt_project/seeds",
    "dbt_project/tests",
    "dags",
    "tests",
    "benchmarks",
)


@pytest.mark.parametrize(
    ("files", "lines"),
    [
        (
            [
                file
                for room in ROOMS
                for kind in ("py", "sql", "yml")
                for file in (ROOT / room).rglob(f"*.{kind}")
            ],
            300,
        ),
        (list((ROOT / "macros" / "gates").glob("*.sql")), 80),
    ],
    ids=["file", "gate"],
)
def test_nothing_is_too_long_to_read(files: list[Path], lines: int) -> None:
    assert len(files) > 10, "the files are looked for where they are"
    lengths = {file.relative_to(ROOT).as_posix(): len(file.read_text("utf-8").splitlines()) for file in files}
    assert {name: length for name, length in lengths.items() if length >= lines} == {}


def _third_party(package: str) -> set[str]:
    """The top-level modules that a package imports, at the start of a file or later."""
    modules: set[str] = set()
    for file in (SOURCES / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules.add(str(node.module).partition(".")[0])
    return modules - set(sys.stdlib_module_names) - set(PACKAGES)


def _normalized(requirement: str) -> str:
    return re.split(r"[\[<>=!~;\s]", requirement)[0].lower().replace("_", "-").replace(".", "-")


def test_the_tool_needs_the_base_dependencies_only() -> None:
    """`pip install dbt-gates` without an extra brings what the package `gates` imports."""
    declared = {_normalized(requirement) for requirement in PROJECT["dependencies"]}
    distributions = packages_distributions()
    undeclared = {
        module: distributions.get(module)
        for module in _third_party("gates")
        if declared.isdisjoint(map(_normalized, distributions.get(module, [])))
    }
    assert undeclared == {}


def test_the_locks_hold_every_extra() -> None:
    locked = {
        _normalized(line)
        for file in ("requirements.txt", "requirements-dev.txt")
        for line in (ROOT / file).read_text(encoding="utf-8").splitlines()
        if re.match(r"[a-z0-9]", line)
    }
    extras = [name for extra in PROJECT["optional-dependencies"].values() for name in extra]
    declared = {_normalized(requirement) for requirement in [*PROJECT["dependencies"], *extras]}
    assert declared - {PROJECT["name"]} - locked == set()


def test_one_version_and_one_licence() -> None:
    """The wheel takes its version from the dbt package; dbt's hub wants the licence in the folder of the package."""
    package = yaml.safe_load((ROOT / "macros" / "dbt_project.yml").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
    assert "version" in PROJECT["dynamic"]
    latest = re.findall(r"^## (.+)$", changelog, re.MULTILINE)[0]
    assert latest in ("Unreleased", package["version"])
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert (ROOT / "macros" / "LICENSE").read_text(encoding="utf-8") == licence


def test_the_lowest_dbt_is_one_fact() -> None:
    """`require-dbt-version` and the declared dependency start at the same version."""
    package = yaml.safe_load((ROOT / "macros" / "dbt_project.yml").read_text(encoding="utf-8"))
    lowest = package["require-dbt-version"][0].removeprefix(">=")
    declared = next(
        requirement for requirement in PROJECT["dependencies"] if _normalized(requirement) == "dbt-core"
    )
    assert declared.startswith(f"dbt-core>={lowest},")
    assert f"dbt {lowest}" in (ROOT / "docs" / "package.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", PACKAGES)
def test_types_are_published(package: str) -> None:
    assert (SOURCES / package / "py.typed").exists()


def test_a_group_of_tests_stays_on_one_worker(tmp_path: Path) -> None:
    """pytest and xdist of the lock understand each other; else each worker makes the expensive fixtures again."""
    (tmp_path / "test_group.py").write_text(
        "import os, pathlib, pytest\n"
        "@pytest.mark.xdist_group('together')\n"
        "@pytest.mark.parametrize('number', range(6))\n"
        "def test_it(number):\n"
        "    pathlib.Path(os.environ['PYTEST_XDIST_WORKER']).touch()\n",
        encoding="utf-8",
    )
    # `-c` keeps the settings of this project away, and the environment those of the worker that runs this test
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", ".", "-n", "2"]
    done = subprocess.run(
        [*command, "--dist", "loadgroup", "test_group.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "6 passed" in done.stdout, done.stdout
    assert len(list(tmp_path.glob("gw*"))) == 1
