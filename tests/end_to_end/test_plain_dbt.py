"""Plain dbt in `dbt_project/`, as any dbt user would run it, on a server that `db start` started."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from training_pipeline.config import Settings
from training_pipeline.roles import Role
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.profile import write_profile

from .conftest import RUN_DATE, copy_checkout

DBT = Path(sys.executable).with_name("dbt")


@pytest.fixture(scope="module")
def checkout(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout: `db start` writes a profile into it, and the checkout may have another one."""
    settings = copy_checkout(server, tmp_path_factory.mktemp("checkout"))
    write_profile(settings, embedded.login(server, Role.BUILD))
    return settings.root / "dbt_project"


@pytest.fixture(scope="module")
def loaded(server: Settings, _loaded_template: str, copy_database: Callable[[str, str], None]) -> None:
    """The fixture, loaded once; the tests of this module build on each other."""
    copy_database(_loaded_template, server.database)


def run_dbt(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run dbt without variables of this project, except the given ones."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [DBT, "--no-use-colors", *arguments],
        cwd=checkout,
        env=environment | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("loaded")
def test_build_test_and_docs(checkout: Path) -> None:
    built = run_dbt(checkout, "build", "--vars", f"run_date: {RUN_DATE}")
    assert built.returncode == 0, built.stdout
    results = json.loads((checkout / "target" / "run_results.json").read_text())["results"]
    unit_tests = [result for result in results if result["unique_id"].startswith("unit_test.")]
    assert len(unit_tests) > 10
    assert {result["status"] for result in unit_tests} == {"pass"}
    assert not any("challenger" in result["unique_id"] for result in results), (
        "no model has been evaluated yet"
    )

    tested = run_dbt(checkout, "test", RUN_DATE=str(RUN_DATE))
    assert tested.returncode == 0, tested.stdout
    assert re.search(r"PASS  \w+\.interaction_daily: \d+ checks passed", tested.stdout)

    documented = run_dbt(checkout, "docs", "generate")
    assert documented.returncode == 0, documented.stdout
    catalog = json.loads((checkout / "target" / "catalog.json").read_text())
    columns = catalog["nodes"]["model.training_pipeline.training_set"]["columns"]
    assert "label" in columns


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("arguments", [(), ("--vars", "run_date: 2017-06-01")], ids=["today", "variable"])
def test_day_without_rows_names_the_last_day_that_has(checkout: Path, arguments: tuple[str, ...]) -> None:
    """The variable has precedence over the environment; without both the run date is today."""
    environment = {"RUN_DATE": str(RUN_DATE)} if arguments else {}
    result = run_dbt(checkout, "test", "--select", "source:raw.interaction", *arguments, **environment)

    assert result.returncode == 1
    assert "FAIL  row_existence  raw.interaction" in result.stdout
    assert "raw.interaction: the last day with rows is 2017-04-30" in result.stdout
