"""The address of a Postgres server and connections to it, whoever started the server."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import quote

import psycopg
from psycopg import sql

from training_pipeline.errors import PipelineError

CONNECT_TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class PostgresAddress:
    """The address and login of a Postgres server; ``repr`` does not show the password."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    sslmode: str = "prefer"

    def uri(self, database: str | None = None) -> str:
        """Return the address as a URI, for the given database or the database of the address.

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


def connect_to(server: PostgresAddress, database: str | None = None) -> psycopg.Connection:
    """Open a connection to an address.

    As a context manager it commits (on an error it rolls back) and closes.

    Raises
    ------
    PipelineError
        The server is down, refuses the login or lacks the database.
    """
    target = replace(server, database=database or server.database)
    try:
        return psycopg.connect(
            target.uri(), connect_timeout=CONNECT_TIMEOUT_SECONDS, application_name="training-pipeline"
        )
    except psycopg.OperationalError as error:
        raise PipelineError(explain_failure(target, str(error))) from error


def ensure_database(server: PostgresAddress, name: str) -> None:
    """Create a database on the server unless it exists; if it exists, the right to connect to it is enough.

    Raises
    ------
    PipelineError
        The database does not exist and the user may not create it.
    """
    try:
        psycopg.connect(server.uri(name), connect_timeout=CONNECT_TIMEOUT_SECONDS).close()
        return
    except psycopg.OperationalError as error:
        if not is_absent(str(error)):
            raise PipelineError(explain_failure(replace(server, database=name), str(error))) from error
    with connect_to(server, "postgres") as connection:
        connection.autocommit = True
        # two concurrent statements would both need the template database, so the lock admits one
        connection.execute("select pg_advisory_lock(hashtext('training_pipeline.ensure_database'))")
        if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
            return
        try:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise PipelineError(
                f"database {name!r} does not exist on {server.host}:{server.port} and user {server.user!r} "
                f"may not create it: have an administrator run `create database {name} owner {server.user}`"
            ) from error


def explain_failure(server: PostgresAddress, message: str) -> str:
    """Return one line that says why a connection failed and what to do."""
    text = one_line(message)
    if "password authentication failed" in text or "no password supplied" in text:
        return (
            f"{server.host}:{server.port} refused the login of user {server.user!r}: "
            "wrong or missing password. Check PGUSER and PGPASSWORD"
        )
    if is_absent(text):
        return (
            f"database {server.database!r} does not exist on {server.host}:{server.port}; "
            "create it, or set PGDATABASE to a database that exists"
        )
    if "role" in text and "does not exist" in text:
        return f"user {server.user!r} does not exist on {server.host}:{server.port}; check PGUSER"
    return (
        f"no Postgres server can be reached at {server.host}:{server.port}; "
        f"start it, or check PGHOST and PGPORT ({text})"
    )


def is_absent(message: str) -> bool:
    """Return whether the server says that the database does not exist."""
    return "does not exist" in message and "database" in message


def one_line(message: str) -> str:
    """Return a message of the server on one line."""
    return " ".join(message.split())
