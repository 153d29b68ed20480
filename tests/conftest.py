"""One embedded server for the whole session, and a fresh warehouse for each test.

The databases have the same names in every test, because dbt parses the whole project again if the profile changes.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import psutil
import pytest
from dbt_common.behavior_flags import BehaviorFlagRendered

from training_pipeline.config import Settings
from training_pipeline.roles import Role
from training_pipeline.source import loading
from training_pipeline.warehouse.embedded import server as embedded

from .databases import replace_database

ROOT = Path(__file__).parents[1]
EMPTY, EMPTY_REGISTRY = "template_empty", "template_empty_mlflow"
LOADED, REGISTRY = "template_loaded", "template_mlflow"
# Prefixes of variables that a developer's shell may set.
FOREIGN = (
    "DBT_",
    "EMBEDDED_",
    "MLFLOW_",
    "PG",
    "RUN_DATE",
    "SOURCE_",
    "TIMEZONE",
    "TRAINING_PIPELINE_",
    "WAREHOUSE_",
)
# Warnings are errors in the tests, except these warnings of other packages about their own code.
TOLERATED = (
    "ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning",  # MLflow's store
    "ignore:.*Any type hint is inferred as AnyType:UserWarning",  # MLflow about its models, at the import
    "ignore:Operation with range is deprecated:pandas.errors.Pandas4Warning",  # MLflow when it saves an example
)


# The slowest groups start first, so that both workers end at about the same time.
SLOWEST_FIRST = ("spark", "tests/end_to_end", "tests/dags")


def pytest_configure(config: pytest.Config) -> None:
    """Ignore warnings of other packages, which this project cannot fix."""
    sys.argv[1:] = []  # dbt looks there, and takes the -m of pytest for its own, which is deprecated
    for line in TOLERATED:
        config.addinivalue_line("filterwarnings", line)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of a file on one worker, because they share expensive fixtures, unless a test names its group."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(ROOT).as_posix()))
    items.sort(key=_start)


def _start(item: pytest.Item) -> int:
    mark = item.get_closest_marker("xdist_group")
    assert mark is not None
    places = [place for place, name in enumerate(SLOWEST_FIRST) if mark.args[0].startswith(name)]
    return places[0] if places else len(SLOWEST_FIRST)


@pytest.fixture(scope="session", autouse=True)
def _plain_flags() -> Iterator[None]:
    """Spare dbt to name the module of each of its flags: it reads the whole stack of calls, deep in a test, in seconds."""
    with mock.patch.object(BehaviorFlagRendered, "_default_source", return_value="dbt"):
        yield


@pytest.fixture(scope="session")
def make_state_dir() -> Iterator[Callable[[], Path]]:
    """Make state folders outside pytest's folders, which the server's account may not enter if this is root."""
    folders: list[Path] = []

    def make() -> Path:
        folder = Path(tempfile.mkdtemp(prefix="training-pipeline-"))
        folder.chmod(0o755)
        folders.append(folder)
        return folder

    yield make
    for folder in folders:
        pid = embedded.status(Settings(ROOT, folder)).pid
        if pid is not None:
            server = psutil.Process(pid)
            server.kill()  # an orderly shutdown would write a checkpoint that nobody needs
            server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)  # child processes may still write


@pytest.fixture(scope="session")
def server(make_state_dir: Callable[[], Path]) -> Settings:
    """Settings of the session's server; tests use its databases through `settings`.

    `connect` connects as the administrator, because tests tamper with everything; each step acts as its role.
    """
    shared = Settings(ROOT, make_state_dir(), role=Role.ADMINISTRATOR)
    embedded.start(shared)
    replace_database(shared, shared.database, EMPTY)
    replace_database(shared, shared.mlflow_database, EMPTY_REGISTRY)
    return shared


@pytest.fixture(scope="session")
def copy_database(server: Settings) -> Callable[[str, str], None]:
    """Return a function (template, database) that replaces a database of the server by a copy of a template."""
    return lambda template, database: replace_database(server, template, database)


@pytest.fixture(scope="session")
def _loaded_template(server: Settings) -> str:
    replace_database(server, EMPTY, server.database)
    loading.load(server, fixture=True)
    replace_database(server, server.database, LOADED)
    return LOADED


@pytest.fixture(scope="session")
def _registry_template(server: Settings) -> str:
    from training_pipeline.registry import models as registry

    replace_database(server, EMPTY_REGISTRY, server.mlflow_database)
    registry.client(server)  # creates MLflow's tables, which takes seconds
    replace_database(server, server.mlflow_database, REGISTRY)
    return REGISTRY


@pytest.fixture
def environment(server: Settings, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The variables of a test: the session's server, without the variables of the developer's shell."""
    for name in os.environ:
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TRAINING_PIPELINE_ROOT", str(ROOT))
    monkeypatch.setenv("TRAINING_PIPELINE_STATE", str(server.state_dir))
    return monkeypatch


@pytest.fixture
def settings(server: Settings, environment: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty warehouse."""
    replace_database(server, EMPTY, server.database)
    return replace(Settings.load(), role=Role.ADMINISTRATOR)


@pytest.fixture
def loaded_settings(server: Settings, environment: pytest.MonkeyPatch, _loaded_template: str) -> Settings:
    """Settings of a warehouse whose raw table has the fixture, January to April 2017, without models."""
    replace_database(server, _loaded_template, server.database)
    return replace(Settings.load(), role=Role.ADMINISTRATOR)


@pytest.fixture
def pipeline_settings(server: Settings, loaded_settings: Settings, _registry_template: str) -> Settings:
    """The settings of `loaded_settings` with an empty model registry."""
    replace_database(server, _registry_template, server.mlflow_database)
    shutil.rmtree(server.state_dir / "mlartifacts", ignore_errors=True)
    return loaded_settings
