"""The generated files agree with the specs, and a page without a section is refused."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

import pytest

from gates.spec.__main__ import declared
from gates.spec.files import Package, generated, listed, page
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def package() -> Package:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dbt's warnings
        return declared(ROOT / "macros")


@pytest.fixture
def specs(package: Package) -> Mapping[str, Any]:
    return package.gates


def test_files_are_as_their_specs_have_them(package: Package) -> None:
    for path, text in generated(package, ROOT).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python -m gates.spec"


def test_every_gate_has_a_spec(specs: Mapping[str, Any]) -> None:
    assert set(specs) == {file.stem for file in (ROOT / "macros" / "gates").glob("*.sql")}


def test_spec_names_only_what_there_is(specs: Mapping[str, Any]) -> None:
    """Each argument that a formula, a rule or a bound names is an argument of the gate."""
    evidence = {"metric", "segment", "current_value", "reference_value", "statistic"}
    for spec in specs.values():
        names = set(spec["arguments"])
        formulas = spec["formula"]
        texts = [formulas] if isinstance(formulas, str) else list(*map(dict.values, formulas.values()))
        assert {name for text in texts for name in re.findall(r"\{(\w+)\}", text)} <= names | evidence
        assert set(spec["at_least_one"]) <= names
        for argument in spec["arguments"].values():
            assert argument["meaning"] and argument["must_be"]
            for key in ("only_with", "not_with_text", "one_with"):
                assert argument.get(key) is None or argument[key] in names
            for fact in argument.values():
                assert not isinstance(fact, dict) or set(fact) <= names
        for bound in (spec["fitted"] or {"bounds": []})["bounds"]:
            assert set(bound.get("levels", [])) <= names


def test_page_without_a_section_is_refused(specs: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Arguments.*needs the sections of the others"):
        page("# row_existence\n\n## What it catches\n", specs["row_existence"])


def test_new_gate_is_the_last_line_of_the_readme(specs: Mapping[str, Any]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    before = [line for line in text.splitlines() if line.startswith("| [`")]
    added = listed(text, {**specs, "toy": {"passes_when": "Toys are there."}})
    after = [line for line in added.splitlines() if line.startswith("| [`")]
    assert after == [*before, "| [`toy`](docs/gates/toy.md) | Toys are there. |"]
