"""Connections to the warehouse: psycopg for statements, ADBC for reading columns into Arrow."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from training_pipeline.errors import PipelineError
from training_pipeline.roles import Role, role_name
from training_pipeline.warehouse.address import PostgresAddress, connect_to, explain_failure, one_line
from training_pipeline.warehouse.roles import passwords

if TYPE_CHECKING:
    import pyarrow

    from training_pipeline.config import Settings


PASSWORDS = "WAREHOUSE_PASSWORDS"  # the variable that names the file with the passwords of the roles


def address(settings: Settings) -> PostgresAddress:
    """Return the address of the warehouse with the login of `settings.role`; start the embedded server unless it runs.

    On any other Postgres the login is PGUSER, unless `WAREHOUSE_PASSWORDS` names the file with the passwords of the roles.

    Raises
    ------
    PipelineError
        The embedded server cannot be started, PGPORT is not a port, or the file has no password of the role.
    """
    if settings.target == "embedded":
        from training_pipeline.warehouse.embedded.server import login

        return login(settings, settings.role)
    port = os.environ.get("PGPORT") or "5432"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise PipelineError(f"PGPORT must be a port from 1 to 65535, received {port!r}")
    user, password = os.environ.get("PGUSER") or "postgres", os.environ.get("PGPASSWORD") or ""
    if (file := os.environ.get(PASSWORDS)) and settings.role != Role.ADMINISTRATOR:
        user = role_name(settings.database, settings.role)
        password = passwords.read(Path(file)).get(user, "")
        if not password:
            raise PipelineError(
                f"{PASSWORDS} must name a file with a password of {user}, received {file!r}: create the roles with "
                "`training-pipeline db roles`"
            )
    return PostgresAddress(
        host=os.environ.get("PGHOST") or "localhost",
        port=int(port),
        user=user,
        password=password,
        database=settings.database,
        sslmode=os.environ.get("PGSSLMODE") or "prefer",
    )


def connect(settings: Settings, database: str | None = None) -> psycopg.Connection:
    """Open a connection; as a context manager it commits (on an error it rolls back) and closes.

    Raises
    ------
    PipelineError
        The server is down, refuses the login or lacks the database.
    """
    return connect_to(address(settings), database)


def read_arrow(settings: Settings, query: str) -> pyarrow.Table:
    """Run a query and return its rows as an Arrow table, without one Python object per value.

    Columns of type ``numeric`` arrive as text; cast them to ``double precision`` in the query.

    Raises
    ------
    PipelineError
        The server cannot be reached or the query fails; the message contains the server's message.
    """
    from adbc_driver_manager import Error
    from adbc_driver_postgresql import dbapi

    server = address(settings)
    try:
        with dbapi.connect(server.uri()) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetch_arrow_table()
    except Error as error:
        if error.sqlstate:
            raise PipelineError(f"{server} refused a query: {one_line(str(error))}") from error
        raise PipelineError(explain_failure(server, str(error))) from error


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables that ``profiles.yml`` reads to find the warehouse, as the role `build`."""
    server = address(replace(settings, role=Role.BUILD))
    common = {
        "DBT_TARGET": settings.target,
        "WAREHOUSE_SCHEMA": settings.schema,
        "DBT_PROFILES_DIR": str(settings.root),
        "DBT_PROJECT_DIR": str(settings.dbt_project),
        "DBT_TARGET_PATH": str(settings.dbt_output / "target"),
        "DBT_LOG_PATH": str(settings.dbt_output / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    if settings.target == "embedded":
        return common | {
            "EMBEDDED_PORT": str(server.port),
            "EMBEDDED_USER": server.user,
            "EMBEDDED_PASSWORD": server.password,
            "EMBEDDED_DATABASE": server.database,
        }
    return common | {
        "PGHOST": server.host,
        "PGPORT": str(server.port),
        "PGUSER": server.user,
        "PGPASSWORD": server.password,
        "PGDATABASE": server.database,
        "PGSSLMODE": server.sslmode,
    }
