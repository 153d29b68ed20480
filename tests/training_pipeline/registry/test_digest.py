"""The digest sees every change of a model's files, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from training_pipeline.registry.digest import digest


def _append(file: Path, text: str) -> None:
    file.write_bytes(file.read_bytes() + text.encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "artifacts").mkdir(parents=True)
    (folder / "MLmodel").write_text("a: 1\n")
    (folder / "serving.py").write_text("x = 1\n")
    (folder / "artifacts" / "estimator.skops").write_bytes(bytes(range(256)))
    return folder


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: _append(folder / "serving.py", "import os\n"),
        lambda folder: (folder / "artifacts" / "estimator.skops").write_bytes(bytes(range(255))),
        lambda folder: (folder / "artifacts" / "estimator.skops").unlink(),
        lambda folder: (folder / "MLmodel").rename(folder / "MLmodel2"),
        lambda folder: (folder / "artifacts" / "more").write_text(""),
        lambda folder: (folder / "serving.py").rename(folder / "artifacts" / "serving.py"),
    ],
    ids=["a line more", "truncated", "removed", "renamed", "added", "moved"],
)
def test_every_change_gives_another_digest(folder: Path, change: Callable[[Path], object]) -> None:
    before = digest(folder)
    change(folder)
    assert digest(folder) != before


def test_what_loading_writes_does_not_count(folder: Path) -> None:
    before = digest(folder)
    (folder / "registered_model_meta").write_text("model_version: 1\n")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "serving.cpython-311.pyc").write_bytes(b"code")
    assert digest(folder) == before


def test_where_the_folder_is_does_not_count(folder: Path, tmp_path: Path) -> None:
    before = digest(folder)
    assert digest(folder.rename(tmp_path / "elsewhere")) == before
