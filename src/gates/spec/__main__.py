"""`python -m gates.spec`: write the files that are generated from the specs of the gates; with ``--check`` name those that differ."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from gates.spec.files import ROOT, Package, generated

QUESTION = "{{ tojson({'gates': gates.specs(), 'reasons': gates.shared_reasons()}) }}"


def declared(macros: Path) -> Package:
    """Return what all gates of the package declare, as dbt renders it in a project that has nothing else.

    Raises
    ------
    RuntimeError
        When the macros do not compile.
    """
    from dbt.cli.main import dbtRunner  # takes a second, and --help needs none of it

    with tempfile.TemporaryDirectory(prefix="gates-") as folder:
        project = Path(folder)
        (project / "dbt_packages").mkdir()
        (project / "dbt_packages" / "gates").symlink_to(macros.resolve(), target_is_directory=True)
        files = {
            "dbt_project.yml": {
                "name": "specs",
                "profile": "specs",
                "flags": {"send_anonymous_usage_stats": False},
            },
            "profiles.yml": {
                "specs": {"target": "none", "outputs": {"none": {"type": "duckdb", "path": ":memory:"}}}
            },
        }
        for name, content in files.items():
            (project / name).write_text(yaml.safe_dump(content), encoding="utf-8")
        places = ["--project-dir", folder, "--profiles-dir", folder]
        outcome = dbtRunner().invoke(
            ["--log-level", "none", "--log-path", folder, "compile", "--inline", QUESTION, *places]
        )
    if not outcome.success:
        raise RuntimeError(f"the specs of {macros} do not compile: {outcome.exception or outcome.result}")
    answer: Any = outcome.result
    return Package(**json.loads(answer.results[0].node.compiled_code))


def main() -> int:
    """Write or check the files and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gates.spec", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, exit with 1 where a file differs"
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout; default: the one of this file")
    given = parser.parse_args()
    texts = generated(declared(given.root / "macros"), given.root)
    differing = [
        path for path, text in texts.items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path in differing:
        print(f"{'differs from' if given.check else 'written from'} its spec: {path.relative_to(given.root)}")
        if not given.check:
            path.write_text(texts[path], encoding="utf-8")
    return 1 if given.check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
