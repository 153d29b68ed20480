import subprocess
from pathlib import Path

import pytest
import requests
import yaml

from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.steps import packages


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    """Return a checkout with a local package and a package of dbt's hub."""
    for name in ("dbt_project", "macros"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dbt_project.yml").write_text(f"name: {name}_of_test\n")
    listed = {"packages": [{"local": "../macros"}, {"package": "someone/dbt_things", "version": "1.0.0"}]}
    (tmp_path / "dbt_project" / "packages.yml").write_text(yaml.safe_dump(listed))
    return Settings(tmp_path, tmp_path / ".state")


def _unreachable(*_: object, **__: object) -> None:
    raise requests.ConnectionError


def test_hub_that_cannot_be_reached(project: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "head", _unreachable)
    for _ in range(2):
        result = packages.install(project)
        assert result.missing == ("someone/dbt_things",)
        assert result.reason == "dbt's package hub cannot be reached"
    installed = project.dbt_project / "dbt_packages"
    assert (installed / "macros_of_test").resolve() == project.root / "macros"
    stand_in = yaml.safe_load((installed / "dbt_things" / "dbt_project.yml").read_text())
    assert stand_in["name"] == "dbt_things_is_not_installed"
    assert len(list(installed.iterdir())) == 2, "dbt counts folders"


def test_files_that_cannot_be_fetched(project: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = requests.Response()
    answer.status_code = 200
    monkeypatch.setattr(requests, "head", lambda *_, **__: answer)
    ended = subprocess.CompletedProcess([], 1, "could not\nfetch it", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    assert packages.install(project).reason == "`dbt deps` failed (could not fetch it)"


def test_hub_that_does_not_work(project: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = requests.Response()
    answer.status_code = 503
    monkeypatch.setattr(requests, "head", lambda *_, **__: answer)
    assert packages.install(project).reason == "dbt's package hub answers with status 503"


def test_everything_installed(project: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = requests.Response()
    answer.status_code = 200
    monkeypatch.setattr(requests, "head", lambda *_, **__: answer)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, "", ""))
    assert packages.install(project) == packages.Installed()


def test_local_package_that_is_not_there(project: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "head", _unreachable)
    (project.root / "macros" / "dbt_project.yml").unlink()
    with pytest.raises(
        PipelineError, match=r"names the local package .*macros, which has no dbt_project\.yml"
    ):
        packages.install(project)
