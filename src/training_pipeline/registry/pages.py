"""MLflow's pages, for looking: behind a login, on loopback, without any way to change the registry.

Three things hold that: the session on the database is read-only, so no alias, tag or version changes; the user of the pages
may read only, so no file is uploaded; and MLflow does not serve its artifact store, so none is written or replaced there.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from training_pipeline.config import Settings
from training_pipeline.registry.models import artifact_root, client, tracking_uri
from training_pipeline.warehouse.private_file import write_private

HOST = "127.0.0.1"
CONTAINER_HOST = "0.0.0.0"  # nobody reaches the loopback of a container; compose publishes the port on the loopback of the machine
USER = "viewer"
READ_ONLY = "&options=-c%20default_transaction_read_only%3Don"
_CONFIGURATION = """[mlflow]
default_permission = READ
grant_default_workspace_access = true
database_uri = sqlite:///{folder}/users.db
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""
# Adds the user of the pages. MLflow reads its configuration when it is imported, so this runs in a separate process.
_ADD_USER = """
import os
from mlflow.server import auth
auth.bootstrap_admin_user()
auth.store.create_user(os.environ["VIEWER"], os.environ["VIEWER_PASSWORD"])
"""


@dataclass(frozen=True)
class Login:
    """The user of the pages; the password is in a file that only its owner may read."""

    user: str
    password: str = field(repr=False)
    file: Path


def login(settings: Settings) -> Login:
    """Return the login of the pages, the same each time; make it at the first use."""
    file = settings.state_dir / "mlflow_pages_password"
    if not file.is_file():
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        write_private(file, secrets.token_urlsafe(18))
    return Login(USER, file.read_text(encoding="utf-8"), file)


def serve(settings: Settings, port: int, host: str = HOST) -> int:
    """Serve the pages until they are ended, and return the exit code of MLflow's server."""
    client(settings)  # makes and migrates the database, which the pages may only read
    viewer = login(settings)
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "auth.ini"
        write_private(configuration, _CONFIGURATION.format(folder=folder))
        # by the environment: arguments, and so passwords, can be seen by every user of the machine
        environment = os.environ | {
            "MLFLOW_BACKEND_STORE_URI": tracking_uri(settings) + READ_ONLY,
            "MLFLOW_DEFAULT_ARTIFACT_ROOT": artifact_root(settings).resolve().as_uri(),
            "MLFLOW_AUTH_CONFIG_PATH": str(configuration),
            # nobody knows the password of the user who may do more
            "MLFLOW_AUTH_ADMIN_USERNAME": f"admin-{secrets.token_hex(8)}",
            "MLFLOW_AUTH_ADMIN_PASSWORD": secrets.token_urlsafe(32),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(32),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "VIEWER": viewer.user,
            "VIEWER_PASSWORD": viewer.password,
        }
        subprocess.run([sys.executable, "-c", _ADD_USER], env=environment, check=True)
        return subprocess.run(
            [sys.executable, *_arguments(port, host)], env=environment, check=False
        ).returncode


def _arguments(port: int, host: str) -> list[str]:
    options = ["--app-name", "basic-auth", "--no-serve-artifacts", "--workers", "1", "--host", host]
    return ["-m", "mlflow", "server", *options, "--port", str(port)]
