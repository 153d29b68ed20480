"""Write the dbt profile with the address of the embedded server, so that a plain `dbt test` finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from training_pipeline.errors import PipelineError
from training_pipeline.warehouse.private_file import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from training_pipeline.config import Settings
    from training_pipeline.warehouse.address import PostgresAddress

HEADER = (
    "# Written by `training-pipeline db start` from ../profiles.yml: edits are lost. Contains a password.\n"
)


def write_profile(settings: Settings, server: PostgresAddress) -> Path:
    """Write ``dbt_project/profiles.yml``, readable by its owner only, and return its path.

    The file is a copy of the committed ``profiles.yml``. The target ``embedded`` has the address and password
    of the server instead of environment variables; the other targets are unchanged.

    Raises
    ------
    PipelineError
        The file cannot be written.
    """
    profiles = yaml.safe_load((settings.root / "profiles.yml").read_text())
    profiles["training_pipeline"]["outputs"]["embedded"] |= {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": server.password,
    }
    path = settings.dbt_project / "profiles.yml"
    try:
        write_private(path, HEADER + yaml.safe_dump(profiles, sort_keys=False))
    except OSError as error:
        raise PipelineError(
            f"{path} cannot be written ({error.strerror}), but the server runs: "
            "for dbt set EMBEDDED_PORT and EMBEDDED_PASSWORD from `training-pipeline db url`"
        ) from error
    return path
