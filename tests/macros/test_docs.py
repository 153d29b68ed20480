"""The pages of the gates are true: each failing example runs as on the page, and prints what the page says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from .harness.cases import load_cases
from .harness.engines import SCHEMA, Postgres, Row
from .harness.project import MACROS, write_project
from .harness.run import LEDGER, invoke

ROOT = MACROS.parent
PAGES = ROOT / "docs" / "gates"
GATES = sorted(file.stem for file in (MACROS / "gates").glob("*.sql"))
SECTIONS = [
    "What it catches",
    "What it cannot catch",
    "Arguments",
    "Formula",
    "A failing example",
    "How to fix",
]


@dataclass(frozen=True)
class Example:
    """Return the failing example of a page: the blocks between its fences."""

    csv: str
    yaml: str
    sh: str
    text: str

    @property
    def table(self) -> str:
        (seed,) = yaml.safe_load(self.yaml)["seeds"]
        return str(seed["name"])


@dataclass(frozen=True)
class Ran:
    """The status, output and evidence of the command of a page."""

    status: str
    printed: str
    ledger: list[Row]


def page(gate: str) -> str:
    return (PAGES / f"{gate}.md").read_text(encoding="utf-8")


def example(gate: str) -> Example:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", page(gate), re.MULTILINE | re.DOTALL)
    assert [language for language, _ in blocks] == ["csv", "yaml", "sh", "text"]
    return Example(**dict(blocks))


def table_rows(markdown: str) -> list[list[str]]:
    """Return the cells of the only table of a text, without its head."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def section(gate: str, title: str) -> str:
    return page(gate).partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@cache
def documented_reasons() -> frozenset[str]:
    ledger = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    return frozenset(re.findall(r"`(\w+)`", ledger.partition("\nReasons: ")[2].partition("\n\n")[0]))


@pytest.fixture(scope="module")
def examples(
    make_postgres: Callable[[str], Postgres], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Ran]:
    """Run every example in one project, which dbt parses once."""
    engine = make_postgres("gates_docs")
    directory = write_project(tmp_path_factory.mktemp("docs"), engine.profile(), {})
    (directory / "seeds").mkdir()
    for gate in GATES:
        shown = example(gate)
        (directory / "seeds" / f"{shown.table}.csv").write_text(shown.csv, encoding="utf-8")
        (directory / "seeds" / f"{shown.table}.yml").write_text(shown.yaml, encoding="utf-8")
    parsed = invoke(directory, "parse", "--quiet")
    assert parsed.success, parsed.exception
    return {gate: run(gate, directory, engine, parsed.result) for gate in GATES}


def run(gate: str, directory: Path, engine: Postgres, manifest: Any) -> Ran:
    """Run the command of a page, word by word."""
    command, *arguments = shlex.split(example(gate).sh)
    assert command == "dbt"
    lines: list[str] = []

    def listen(event: Any) -> None:
        if event.info.name == "JinjaLogInfo":
            lines.append(event.info.msg)

    done = invoke(directory, "--quiet", *arguments, manifest=manifest, callbacks=[listen])
    assert done.result is not None, done.exception
    (test,) = [result for result in done.result.results if result.node.resource_type == "test"]
    ledger = engine.query(f"select * from {LEDGER} where node_id = '{test.node.unique_id}'")
    return Ran(str(test.status), "".join(f"{line}\n" for line in lines), ledger)


@pytest.mark.parametrize("gate", GATES)
def test_example_fails_and_prints_what_the_page_says(gate: str, examples: dict[str, Ran]) -> None:
    ran = examples[gate]
    assert ran.status == "fail"
    assert ran.printed == example(gate).text
    assert {row["gate"] for row in ran.ledger} == {gate}
    assert {row["reason"] for row in ran.ledger if row["verdict"] == "fail"} <= documented_reasons() - {"ok"}
    assert {row["relation"] for row in ran.ledger} == {f"{SCHEMA}.{example(gate).table}"}


def test_every_gate_has_a_page() -> None:
    assert sorted(file.stem for file in PAGES.glob("*.md")) == GATES
    assert len({example(gate).table for gate in GATES}) == len(GATES), "the examples share one project"


@pytest.mark.parametrize("gate", GATES)
def test_page_has_the_sections(gate: str) -> None:
    has_segments = "`segment_column`" in section(gate, "Arguments")
    titles = re.findall(r"^## (.*)$", page(gate), re.MULTILINE)
    assert titles == SECTIONS[:3] + ["Segments"] * has_segments + SECTIONS[3:]
    assert page(gate).startswith(f"# {gate}\n")
    if has_segments:
        assert "segment" in section(gate, "Segments").lower()


@pytest.mark.parametrize("gate", GATES)
def test_links_lead_to_pages(gate: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page(gate))
    assert all((PAGES / link).is_file() for link in links), links
    assert links, "what a gate cannot catch, another one does"


def test_ledger_page_has_every_reason_and_no_other() -> None:
    """The truth table has every branch of every gate, so it has all reasons."""
    assert documented_reasons() == {row["reason"] for case in load_cases() for row in case.evidence}


def test_ledger_page_has_the_columns_of_the_ledger(
    examples: dict[str, Ran], make_postgres: Callable[[str], Postgres]
) -> None:
    ledger = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    documented = [re.findall(r"`(\w+)`", names) for names, *_ in table_rows(ledger)]
    assert [name for names in documented for name in names] == list(examples["row_existence"].ledger[0])
