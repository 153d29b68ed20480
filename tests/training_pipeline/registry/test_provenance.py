"""What makes another model: what the code does, not what it says about itself or where it lies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

_ASK = "from training_pipeline.registry.provenance import code_hash; print(code_hash())"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "src"


def identity(sources: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _ASK],
        env=os.environ | {"PYTHONPATH": str(sources)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def rewrite(file: Path, change: Callable[[str], str]) -> None:
    before = file.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    file.write_text(after, encoding="utf-8")


def test_a_comment_in_any_source_file_makes_no_new_model(sources: Path) -> None:
    before = identity(sources)
    for file in sources.rglob("*.py"):
        rewrite(file, lambda text: text + "\n# a remark\n")
    assert identity(sources) == before


def test_docstrings_imports_and_layout_make_no_new_model(sources: Path) -> None:
    before = identity(sources)
    estimators = sources / "training_pipeline" / "model" / "estimators.py"
    rewrite(estimators, lambda text: text.replace('"""Shallow gradient-boosted trees.', '"""Trees.'))
    rewrite(
        estimators, lambda text: text.replace("import numpy as np\n", "import json\nimport numpy as np\n")
    )
    rewrite(estimators, lambda text: text.replace("SEED = 2017", "SEED = (\n    2017\n)"))
    assert identity(sources) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("model/estimators.py", "max_leaf_nodes=8", "max_leaf_nodes=9"),
        ("model/estimators.py", "FunctionTransformer(np.arcsinh)", "FunctionTransformer(np.log1p)"),
        ("registry/serving.py", "[:, 1]", "[:, 0]"),
    ],
)
def test_another_parameter_or_statement_makes_a_new_model(
    sources: Path, file: str, old: str, new: str
) -> None:
    before = identity(sources)
    rewrite(sources / "training_pipeline" / file, lambda text: text.replace(old, new))
    assert identity(sources) != before
