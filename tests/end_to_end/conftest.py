"""The command line in this process, and a warehouse built from healthy data on the day before the run date."""

from __future__ import annotations

import datetime
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from psycopg import sql

from gates.render import terminal
from training_pipeline import cli
from training_pipeline.config import Settings
from training_pipeline.steps import packages
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.postgres import connect

RUN_DATE = datetime.date(2017, 4, 30)
BUILT = "template_built"
HEALTHY = ("--exclude", "resource_type:unit_test")
NOT_COMMITTED = ("target", "logs", "dbt_packages", "profiles.yml", "__pycache__")


@dataclass(frozen=True)
class Ended:
    """The exit code and output of a command; white space is collapsed, so line breaks do not matter."""

    exit_code: int
    printed: str


Command = Callable[..., Ended]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `training-pipeline` with arguments."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["training-pipeline", *arguments])
        # otherwise a narrow terminal would break the names that tests look for
        for console in (terminal.console, terminal.notices):
            monkeypatch.setattr(console, "width", terminal.LOG_WIDTH)
        with pytest.raises(SystemExit) as stop:
            cli.main()
        printed = capsys.readouterr()
        return Ended(int(stop.value.code or 0), " ".join((printed.out + printed.err).split()))

    return run


@pytest.fixture(scope="session")
def _built_template(
    server: Settings, _loaded_template: str, copy_database: Callable[[str, str], None]
) -> str:
    copy_database(_loaded_template, server.database)
    the_day_before = RUN_DATE - datetime.timedelta(days=1)
    built = dbt.invoke(server, ["build", "--select", "+interaction_daily", *HEALTHY], the_day_before)
    assert built.success, built.failed
    copy_database(server.database, BUILT)
    return BUILT


@pytest.fixture
def built_settings(
    pipeline_settings: Settings, _built_template: str, copy_database: Callable[[str, str], None]
) -> Settings:
    """Settings of a warehouse with the fixture, its models built for the day before the run date."""
    copy_database(_built_template, pipeline_settings.database)
    return pipeline_settings


@pytest.fixture
def profiled_settings(loaded_settings: Settings) -> Settings:
    """Settings of a warehouse with the fixture, its profile of the run date and an empty ledger."""
    assert dbt.invoke(
        loaded_settings, ["build", "--select", "+interaction_daily", *HEALTHY], RUN_DATE
    ).success
    execute(loaded_settings, "truncate analytics.gate_results")
    return loaded_settings


def copy_checkout(server: Settings, root: Path) -> Settings:
    """Copy the files that dbt needs, so that no test writes into the checkout; return settings of the copy."""
    for part in ("dbt_project", "macros"):
        shutil.copytree(server.root / part, root / part, ignore=shutil.ignore_patterns(*NOT_COMMITTED))
    shutil.copy(server.root / "profiles.yml", root)
    settings = replace(server, root=root)
    packages.install(settings)
    return settings


def execute(settings: Settings, statement: str) -> None:
    """Run a statement on the warehouse."""
    with connect(settings) as connection:
        connection.execute(sql.SQL(statement))
