"""Where a model comes from: the code, the dbt project and the person or task that decided."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

UNKNOWN = "unknown"
# What the predictions depend on besides the rows: these modules and these libraries.
_MODULES = ("dataset.py", "estimators.py", "serving.py")
_LIBRARIES = ("numpy", "scikit-learn", "scipy")
# What a node of dbt's manifest says about the project rather than about one run of it.
_NODE_KEYS = ("checksum", "raw_code", "macro_sql", "unrendered_config", "columns", "test_metadata")


def git_commit(root: Path) -> str:
    """The commit that is checked out, '+changes' when files differ; 'unknown' outside a repository."""
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return UNKNOWN
    return commit + ("+changes" if _git(root, "status", "--porcelain") else "")


def manifest_hash(manifest: Mapping[str, Any]) -> str:
    """SHA-256 over models, tests, sources and macros of dbt's manifest; the same for every run of it."""
    described = {
        unique_id: {key: node.get(key) for key in _NODE_KEYS}
        for kind in ("nodes", "sources", "macros")
        for unique_id, node in manifest[kind].items()
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def code_hash() -> str:
    """SHA-256 over the code, parameters and library versions that decide the predictions on given rows."""
    digest = hashlib.sha256()
    for name in _MODULES:
        digest.update(Path(__file__).with_name(name).read_bytes())
    for name in _LIBRARIES:
        digest.update(f"{name}=={version(name)}\n".encode())
    return digest.hexdigest()


def decided_by() -> str:
    """Who runs this: the user, and the Airflow task where there is one."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"uid {os.getuid()}"
    run = os.environ.get("AIRFLOW_CTX_DAG_RUN_ID")
    return f"{user} (Airflow {os.environ.get('AIRFLOW_CTX_DAG_ID', UNKNOWN)} {run})" if run else user


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
