"""The digest of a model version: SHA-256 over the names and bytes of all its files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

# MLflow and Python write these beside a model whenever they load it. Nothing here reads them.
WRITTEN_BY_LOADING = ("registered_model_meta", "__pycache__")


def digest(folder: Path) -> str:
    """Return the digest of a folder: it changes when a file is added, removed, renamed or changed."""
    total = hashlib.sha256()
    names = {
        file.relative_to(folder).as_posix(): file
        for file in folder.rglob("*")
        if file.is_file() and not set(WRITTEN_BY_LOADING).intersection(file.relative_to(folder).parts)
    }
    for name in sorted(names):
        with names[name].open("rb") as content:
            line = json.dumps([name, hashlib.file_digest(content, "sha256").hexdigest()])
        total.update(f"{line}\n".encode())
    return total.hexdigest()
