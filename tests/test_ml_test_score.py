"""The page about the ML Test Score counts right, and names only what is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "ml-test-score.md").read_text(encoding="utf-8")
POINTS = {"auto": 1.0, "hand": 0.5, "no": 0.0}
PARTS = {
    "data": "Features and data",
    "model": "Model",
    "infrastructure": "Infrastructure",
    "monitoring": "Monitoring",
}


def _rows() -> dict[str, list[tuple[str, str]]]:
    """For each part of the page, how each of its tests is done and what is said of it."""
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
    row = re.compile(r"^\| \d \| .+? \| (auto|hand|no) \| (.+) \|$", re.MULTILINE)
    return {part: row.findall(sections[title]) for part, title in PARTS.items()}


def test_there_are_seven_tests_in_each_part_and_the_score_is_theirs() -> None:
    rows = _rows()
    assert {part: len(found) for part, found in rows.items()} == dict.fromkeys(PARTS, 7)
    kinds = [kind for found in rows.values() for kind, _ in found]
    points = {part: sum(POINTS[kind] for kind, _ in found) for part, found in rows.items()}
    assert f"Automated {kinds.count('auto')}, by hand {kinds.count('hand')}." in PAGE
    said = ", ".join(f"{part} {value:g}" for part, value in points.items())
    assert f"By the paper's rule: {said}; the score is the lowest, {min(points.values()):g}." in PAGE


def test_what_is_automated_names_a_test_or_a_gate_that_exists() -> None:
    gates = (ROOT / "dbt_project" / "models" / "evaluation" / "challenger_evaluation.yml").read_text(
        encoding="utf-8"
    )
    for found in _rows().values():
        for kind, text in found:
            names = re.findall(r"`([^`]+)`", text)
            for name in names:
                if "/" in name:
                    assert (ROOT / name).exists(), name
                if name.startswith("challenger_"):
                    assert f"name: {name}\n" in gates, name
            if kind == "auto":
                assert (
                    any(name.startswith(("tests/", "dbt_project/")) for name in names) or "rollback" in text
                ), text
