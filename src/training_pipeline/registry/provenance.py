"""The provenance of a model: the code and the dbt project."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from training_pipeline.warehouse.caller import UNKNOWN

# The predictions depend on the rows, the statements of these modules and these libraries.
_MODULES = ("training_pipeline.model.estimators", "training_pipeline.registry.serving")
_LIBRARIES = ("numpy", "scikit-learn", "scipy")
# The keys of a node in dbt's manifest that describe the project and not one run of it.
_NODE_KEYS = ("checksum", "raw_code", "macro_sql", "unrendered_config", "columns", "test_metadata")


def git_commit(root: Path) -> str:
    """Return the checked-out commit, with '+changes' if files differ; 'unknown' outside a repository."""
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return UNKNOWN
    return commit + ("+changes" if _git(root, "status", "--porcelain") else "")


def manifest_hash(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the models, tests, sources and macros in dbt's manifest, equal for every run."""
    content = {
        unique_id: {key: node.get(key) for key in _NODE_KEYS}
        for kind in ("nodes", "sources", "macros")
        for unique_id, node in manifest[kind].items()
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def code_hash() -> str:
    """Return the SHA-256 of the statements, parameters and library versions that decide predictions.

    Comments, docstrings, imports, layout and the path of a file do not count, because no prediction
    depends on them.
    """
    digest = hashlib.sha256()
    for name in _MODULES:
        spec = find_spec(name)
        assert spec is not None and spec.origin is not None
        digest.update(statements(Path(spec.origin).read_text(encoding="utf-8")).encode())
    for name in _LIBRARIES:
        digest.update(f"{name}=={version(name)}\n".encode())
    return digest.hexdigest()


def statements(source: str) -> str:
    r"""Return the statements of a module in one layout, without comments, docstrings and imports.

    Examples
    --------
    >>> print(statements("import os\ndef f(x):  # why\n    'What.'\n    return (x+1)"))
    def f(x):
        return x + 1
    """
    module = ast.parse(source)
    _Statements().generic_visit(module)
    return ast.unparse(module)


class _Statements(ast.NodeTransformer):
    """Remove docstrings and imports from a module."""

    def visit(self, node: ast.AST) -> ast.AST | None:
        """Drop imports and standalone constants; a body that becomes empty gets a `pass`."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            return None
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return None
        self.generic_visit(node)
        if hasattr(node, "body") and not isinstance(node, ast.Module) and node.body == []:
            node.body = [ast.Pass()]
        return node


def _git(root: Path, *arguments: str) -> str | None:
    try:
        process = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return process.stdout.strip() if process.returncode == 0 else None
