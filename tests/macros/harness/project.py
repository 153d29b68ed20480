"""A generated dbt project whose tests are the cases."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from .cases import Case
from .engines import SCHEMA, type_name

MACROS = Path(__file__).parents[3] / "macros"


def write_project(
    directory: Path,
    profile: Mapping[str, Any],
    models: Mapping[str, Any],
    macros: Path = MACROS,
    name: str = "truth_table",
) -> Path:
    """Write a dbt project that uses the package.

    Parameters
    ----------
    directory : made when absent
    profile : dbt's connection
    models : the property YAML of `models/`
    macros : the package; installed as `dbt deps` installs a local package, as a link
    """
    (directory / "models").mkdir(parents=True, exist_ok=True)
    (directory / "dbt_packages").mkdir(exist_ok=True)
    link = directory / "dbt_packages" / "gates"
    if not link.exists():
        link.symlink_to(macros, target_is_directory=True)
    documents = {
        "dbt_project.yml": {
            "name": name,
            "version": "0.1.0",
            "profile": name,
            "on-run-end": ["{{ gates.record(results) }}"],
            "flags": {
                "send_anonymous_usage_stats": False,
                "validate_macro_args": True,
                "warn_error_options": {"error": ["Deprecations"]},
            },
        },
        "profiles.yml": {name: {"target": "test", "outputs": {"test": dict(profile)}}},
        "models/properties.yml": models,
    }
    for file, content in documents.items():
        (directory / file).write_text(
            yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )
    return directory


def case_sources(engine: str, cases: Sequence[Case]) -> dict[str, Any]:
    """Return the property YAML with one source table and one test for each case."""
    return {
        "sources": [{"name": "cases", "schema": SCHEMA, "tables": [_table(engine, case) for case in cases]}]
    }


def _table(engine: str, case: Case) -> dict[str, Any]:
    declared = case.declared or [{"name": name, "data_type": type_} for name, type_ in case.columns.items()]
    return {
        "name": case.name,
        "columns": [
            {
                **column,
                "data_type": column["data_type"] and type_name(engine, column["data_type"]),
                "quote": True,
            }
            for column in declared
        ],
        "data_tests": [
            {
                f"gates.{case.gate}": {
                    "name": f"case_{case.name}",
                    "arguments": _plain(case.arguments),
                    "config": {**case.config, "tags": [case.tag]},
                }
            }
        ],
    }


def _plain(value: Any) -> Any:
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, Mapping) else value
