"""Connections to the warehouse: psycopg for statements, ADBC for reading columns into Arrow."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg import sql

from training_pipeline.errors import PipelineError

if TYPE_CHECKING:
    import pyarrow

    from training_pipeline.config import Settings

CONNECT_TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class PostgresAddress:
    """Where a Postgres server listens and how to log in; the password stays out of ``repr``."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    sslmode: str = "prefer"

    def uri(self, database: str | None = None) -> str:
        """Return the address as a URI, for the given database or the address's own.

        Examples
        --------
        >>> PostgresAddress("127.0.0.1", 5432, "me", "a/b", "warehouse").uri("mlflow")
        'postgresql://me:a%2Fb@127.0.0.1:5432/mlflow?sslmode=prefer'
        """
        login = quote(self.user, safe="") + (f":{quote(self.password, safe='')}" if self.password else "")
        name = quote(database or self.database, safe="")
        return f"postgresql://{login}@{self.host}:{self.port}/{name}?sslmode={self.sslmode}"

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}/{self.database}"


def address(settings: Settings) -> PostgresAddress:
    """Return the address of the warehouse; an embedded server that does not run is started.

    Raises
    ------
    PipelineError
        When the embedded server cannot be started, or PGPORT is not a port.
    """
    if settings.target == "embedded":
        from training_pipeline.warehouse.embedded.server import start

        return start(settings)
    port = os.environ.get("PGPORT") or "5432"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise PipelineError(f"PGPORT must be a port from 1 to 65535, received {port!r}")
    return PostgresAddress(
        host=os.environ.get("PGHOST") or "localhost",
        port=int(port),
        user=os.environ.get("PGUSER") or "postgres",
        password=os.environ.get("PGPASSWORD") or "",
        database=settings.database,
        sslmode=os.environ.get("PGSSLMODE") or "prefer",
    )


def connect(settings: Settings, database: str | None = None) -> psycopg.Connection:
    """Open a connection; as a context manager it commits, or rolls back on an error, and closes.

    Raises
    ------
    PipelineError
        When the server is down, refuses the login or lacks the database.
    """
    return connect_to(address(settings), database)


def connect_to(server: PostgresAddress, database: str | None = None) -> psycopg.Connection:
    """Open a connection to an address; see `connect`."""
    target = replace(server, database=database or server.database)
    try:
        return psycopg.connect(
            target.uri(), connect_timeout=CONNECT_TIMEOUT_SECONDS, application_name="training-pipeline"
        )
    except psycopg.OperationalError as error:
        raise PipelineError(_explain(target, str(error))) from error


def read_arrow(settings: Settings, query: str) -> pyarrow.Table:
    """Run a query and return its rows as an Arrow table, without a Python object per value.

    Columns of type ``numeric`` arrive as text; cast them to ``double precision`` in the query.

    Raises
    ------
    PipelineError
        When the server cannot be reached or the query fails; the message holds the server's own.
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
            raise PipelineError(f"{server} refused a query: {_one_line(str(error))}") from error
        raise PipelineError(_explain(server, str(error))) from error


def ensure_database(server: PostgresAddress, name: str) -> None:
    """Create a database on the server unless it exists; needs only the right to connect when it does.

    Raises
    ------
    PipelineError
        When it does not exist and the user may not create it.
    """
    with connect_to(server, "postgres") as connection:
        connection.autocommit = True
        known = "select 1 from pg_database where datname = %s"
        if connection.execute(known, [name]).fetchone():
            return
        # one at a time: two at once get in each other's way in the template
        connection.execute("select pg_advisory_lock(hashtext('training_pipeline.ensure_database'))")
        if connection.execute(known, [name]).fetchone():
            return
        try:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise PipelineError(
                f"database {name!r} does not exist on {server.host}:{server.port} and user {server.user!r} "
                f"may not create it: have an administrator run `create database {name} owner {server.user}`"
            ) from error


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables with which ``profiles.yml`` finds the warehouse."""
    server = address(settings)
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


def _explain(server: PostgresAddress, message: str) -> str:
    """Say in one line why a connection failed and what to do."""
    text = _one_line(message)
    if "password authentication failed" in text or "no password supplied" in text:
        return (
            f"{server.host}:{server.port} refused the login of user {server.user!r}: "
            "wrong or missing password. Check PGUSER and PGPASSWORD"
        )
    if "does not exist" in text and "database" in text:
        return (
            f"database {server.database!r} does not exist on {server.host}:{server.port}; "
            "create it, or set PGDATABASE to one that does"
        )
    if "role" in text and "does not exist" in text:
        return f"user {server.user!r} does not exist on {server.host}:{server.port}; check PGUSER"
    return (
        f"no Postgres server can be reached at {server.host}:{server.port}; "
        f"start it, or check PGHOST and PGPORT ({text})"
    )


def _one_line(message: str) -> str:
    return " ".join(message.split())
