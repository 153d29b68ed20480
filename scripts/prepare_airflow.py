#!/usr/bin/env python3
"""Give Airflow its user and the logins of the warehouse, as connections; passwords come by environment and file.

Each task asks for the connection of its role, so no login is in the environment of a worker.
"""

import os
from pathlib import Path

from airflow.models.connection import Connection
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.utils.session import create_session
from sqlalchemy import select

from training_pipeline.config import Settings
from training_pipeline.roles import ROLES, Role, role_name
from training_pipeline.warehouse.roles import passwords

ADMIN = "admin"


def store_connections(settings: Settings, logins: dict[str, str]) -> None:
    """Store the login of each role but `ledger`, whom no task needs."""
    with create_session() as session:
        for role in ROLES:
            if role == Role.LEDGER:
                continue
            conn_id, user = f"training_pipeline_{role}", role_name(settings.database, role)
            stored = session.scalar(select(Connection).where(Connection.conn_id == conn_id))
            connection = stored or Connection(conn_id=conn_id)
            connection.conn_type = "postgres"
            connection.host = os.environ.get("PGHOST") or "localhost"
            connection.port = int(os.environ.get("PGPORT") or "5432")
            connection.schema, connection.login = settings.database, user
            connection.set_password(logins[user])
            session.add(connection)


def create_admin(password: str) -> None:
    """Create the user unless it exists: its password may have been changed since."""
    with get_application_builder() as builder:
        manager = builder.sm
        if manager.find_user(ADMIN) is None:
            role = manager.find_role("Admin")
            manager.add_user(ADMIN, "Admin", "Admin", "admin@localhost", role, password)


if __name__ == "__main__":
    store_connections(Settings.load(), passwords.read(Path(os.environ["WAREHOUSE_PASSWORDS"])))
    create_admin(os.environ["AIRFLOW_ADMIN_PASSWORD"])
