"""A small dbt project with the repository's gates and certificate, on a separate server.

Each test gets the databases as they were after a stage of the pipeline, copied from templates.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from training_pipeline.config import Settings
from training_pipeline.registry import models as registry
from training_pipeline.roles import Role
from training_pipeline.steps import evaluate as evaluation
from training_pipeline.steps import promote as promotion
from training_pipeline.steps import train as training
from training_pipeline.warehouse import ledger_owner
from training_pipeline.warehouse.address import connect_to
from training_pipeline.warehouse.embedded import server as embedded

from ...databases import replace_database
from .project import build_data, build_model_gates, load, write_project
from .rows import RUN_DATE, training_rows

BUILT, EVALUATED, CHALLENGED = "built", "evaluated", "challenged"


@pytest.fixture(scope="session")
def _project(tmp_path_factory: pytest.TempPathFactory, make_state_dir: Callable[[], Path]) -> Settings:
    root = tmp_path_factory.mktemp("project")
    write_project(root)
    settings = Settings(root, make_state_dir(), role=Role.ADMINISTRATOR)
    with connect_to(embedded.start(settings), "postgres") as connection:
        connection.autocommit = (
            True  # nothing here has to survive a crash, and copying databases waits for the disk
        )
        connection.execute("alter system set fsync = off")
        connection.execute("alter system set full_page_writes = off")
        connection.execute("select pg_reload_conf()")
    return settings


@pytest.fixture(scope="session")
def _built(_project: Settings) -> Settings:
    load(_project)
    ledger_owner.prepare(_project)
    build_data(_project)
    registry.client(_project)  # creates MLflow's tables, which takes seconds
    _save(_project, BUILT)
    return _project


@pytest.fixture(scope="session")
def _evaluated(_built: Settings) -> Settings:
    _restore(_built, BUILT)
    _challenge(_built)
    _save(_built, EVALUATED)
    return _built


@pytest.fixture(scope="session")
def _challenged(_evaluated: Settings) -> Settings:
    _restore(_evaluated, EVALUATED)
    promotion.promote(_evaluated, RUN_DATE)
    load(_evaluated, training_rows(seed=2))
    build_data(_evaluated)
    _challenge(_evaluated)
    _save(_evaluated, CHALLENGED)
    return _evaluated


@pytest.fixture(autouse=True)
def _outside_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CTX_DAG_RUN_ID", raising=False)


@pytest.fixture
def built(_built: Settings) -> Settings:
    """The data are built and every gate on them passed; the registry is not to be used."""
    replace_database(_built, f"{_built.database}_{BUILT}", _built.database)
    return _built


@pytest.fixture
def trainable(built: Settings) -> Settings:
    """The same with an empty registry."""
    replace_database(built, f"{built.mlflow_database}_{BUILT}", built.mlflow_database)
    return built


@pytest.fixture
def evaluated(_evaluated: Settings) -> Settings:
    """Version 1 is trained and evaluated, and every model gate on it passed; there is no champion."""
    _restore(_evaluated, EVALUATED)
    return _evaluated


@pytest.fixture
def challenged(_challenged: Settings) -> Settings:
    """Version 1 is the champion; version 2, of other rows, is evaluated and every model gate on it passed."""
    _restore(_challenged, CHALLENGED)
    return _challenged


@pytest.fixture
def kept_files(challenged: Settings, tmp_path: Path) -> Iterator[Settings]:
    """The tests of this folder share the files of their models: put them back."""
    shutil.copytree(registry.artifact_root(challenged), tmp_path / "kept")
    yield challenged
    shutil.rmtree(registry.artifact_root(challenged))
    shutil.copytree(tmp_path / "kept", registry.artifact_root(challenged))


def _challenge(settings: Settings) -> None:
    training.train(settings, RUN_DATE)
    evaluation.evaluate(settings, RUN_DATE)
    assert build_model_gates(settings).success


def _save(settings: Settings, stage: str) -> None:
    for database in (settings.database, settings.mlflow_database):
        replace_database(settings, database, f"{database}_{stage}")


def _restore(settings: Settings, stage: str) -> None:
    for database in (settings.database, settings.mlflow_database):
        replace_database(settings, f"{database}_{stage}", database)
