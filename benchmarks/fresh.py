"""A state folder for one measurement."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from training_pipeline.config import Settings
from training_pipeline.warehouse.embedded import server as embedded


@contextmanager
def fresh_settings() -> Iterator[Settings]:
    """Yield settings of an embedded server that does not exist yet; it is stopped and its folder removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    folder.chmod(0o755)  # the server's account must get in if this is root
    settings = replace(Settings.load(), state_dir=folder, target="embedded", database="warehouse")
    try:
        yield settings
    finally:
        embedded.stop(settings)
        shutil.rmtree(folder, ignore_errors=True)
