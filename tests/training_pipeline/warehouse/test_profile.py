import shutil
import stat
from dataclasses import replace
from pathlib import Path

import yaml

from training_pipeline.config import Settings
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.profile import write_profile


def test_profile_holds_the_address_and_is_private(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "dbt_project").mkdir()
    shutil.copy(settings.root / "profiles.yml", tmp_path)
    shutil.copy(settings.dbt_project / "dbt_project.yml", tmp_path / "dbt_project")
    server = embedded.start(settings)
    path = write_profile(replace(settings, root=tmp_path), server)
    assert path == tmp_path / "dbt_project" / "profiles.yml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = yaml.safe_load(path.read_text())["training_pipeline"]
    committed = yaml.safe_load((tmp_path / "profiles.yml").read_text())["training_pipeline"]
    found = written["outputs"]["embedded"]
    assert (found["host"], found["port"], found["password"]) == (server.host, server.port, server.password)
    assert written["outputs"]["postgres"] == committed["outputs"]["postgres"]
    assert written["target"] == committed["target"]
