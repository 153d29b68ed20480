"""One run at a time on a schema of the warehouse.

The lock is an advisory lock of Postgres, held by a separate connection: when its process is killed, the server ends the
connection and frees the lock. A row of `ml.run_lock` says who holds it. A process that holds the lock may take it again.
"""

from __future__ import annotations

import functools
import logging
import math
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import psycopg

from gates.text import counted
from training_pipeline.errors import PipelineError
from training_pipeline.roles import Role
from training_pipeline.warehouse import caller, ml_tables
from training_pipeline.warehouse.postgres import connect

if TYPE_CHECKING:
    from training_pipeline.config import Settings

P = ParamSpec("P")
T = TypeVar("T")

_LOCK = 0x7472_6169  # an arbitrary number, equal in all processes
# A host that vanishes sends nothing; after this the server takes it for dead: 30 s + 3 * 10 s.
_NOTICE_DEAD_HOSTS = (
    "set tcp_keepalives_idle = 30",
    "set tcp_keepalives_interval = 10",
    "set tcp_keepalives_count = 3",
)
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_held: ContextVar[frozenset[tuple[object, ...]]] = ContextVar("held", default=frozenset())

logger = logging.getLogger(__name__)


def one_at_a_time(
    name: str,
) -> Callable[[Callable[Concatenate[Settings, P], T]], Callable[Concatenate[Settings, P], T]]:
    """Return a decorator: the function, whose first argument is the settings, holds the lock while it runs.

    Parameters
    ----------
    name : str
        What others are told that this process does, where it has neither a command line nor an Airflow task.
    """

    def decorate(function: Callable[Concatenate[Settings, P], T]) -> Callable[Concatenate[Settings, P], T]:
        @functools.wraps(function)
        def locked(settings: Settings, /, *args: P.args, **kwargs: P.kwargs) -> T:
            with held(settings, name):
                return function(settings, *args, **kwargs)

        return locked

    return decorate


@contextmanager
def held(settings: Settings, name: str) -> Iterator[None]:
    """Hold the lock of the schema; wait `settings.lock_seconds` for another holder.

    Raises
    ------
    PipelineError
        Another process held it all that time; the message says which.
    """
    place = (settings.target, settings.state_dir, settings.database, settings.schema)
    if place in _held.get():
        yield
        return
    # who may only read may not say that it holds the lock
    role = Role.BUILD if settings.role == Role.REPORT else settings.role
    with connect(replace(settings, role=role)) as connection:
        ml_tables.ensure(connection)
        connection.commit()
        connection.autocommit = True  # no transaction stays open while the lock is held
        for statement in _NOTICE_DEAD_HOSTS:
            connection.execute(statement.encode())
        _acquire(connection, settings)
        connection.execute(
            "insert into ml.run_lock as lock (warehouse_schema, backend, holder, process, host, command, since)"
            " values (%s, pg_backend_pid(), %s, %s, %s, %s, clock_timestamp())"
            " on conflict (warehouse_schema) do update set backend = excluded.backend, holder = excluded.holder,"
            " process = excluded.process, host = excluded.host, command = excluded.command, since = excluded.since",
            [settings.schema, caller.user(), os.getpid(), socket.gethostname(), caller.command(name)],
        )
        token = _held.set(_held.get() | {place})
        try:
            yield
        finally:
            _held.reset(token)


def duration(seconds: float) -> str:
    """Return a time in its largest unit, in words.

    Examples
    --------
    >>> duration(0.4), duration(59.6), duration(150), duration(86_400)
    ('0 seconds', '59 seconds', '2 minutes', '1 day')
    """
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return counted(math.floor(seconds / size), unit)


def _acquire(connection: psycopg.Connection, settings: Settings) -> None:
    key = [_LOCK, settings.schema]
    free = connection.execute("select pg_try_advisory_lock(%s, hashtext(%s))", key).fetchone()
    if free == (True,):
        return
    if settings.lock_seconds > 0:
        logger.warning("waiting up to %s: %s", duration(settings.lock_seconds), _holder(connection, settings))
        # 0 would mean for ever
        milliseconds = max(1, round(settings.lock_seconds * 1000))
        connection.execute("select set_config('lock_timeout', %s, false)", [str(milliseconds)])
        try:
            connection.execute("select pg_advisory_lock(%s, hashtext(%s))", key)
        except psycopg.errors.LockNotAvailable:
            pass
        else:
            connection.execute("set lock_timeout = 0")
            return
    raise PipelineError(
        f"one run at a time: {_holder(connection, settings)}, and {duration(settings.lock_seconds)} of waiting "
        "have passed. Try again when it has ended, wait longer (--lock-timeout), or end that process"
    )


def _holder(connection: psycopg.Connection, settings: Settings) -> str:
    """Return who holds the lock, in words; a session that has not said so yet is named by its number."""
    row = connection.execute(
        "select locks.pid, holder, process, host, command, extract(epoch from clock_timestamp() - since)::float8"
        " from pg_locks as locks left join ml.run_lock on backend = locks.pid and warehouse_schema = %(schema)s"
        " where locktype = 'advisory' and granted and classid::int4 = %(lock)s"
        " and objid::int4 = hashtext(%(schema)s) and objsubid = 2"
        " and locks.database = (select oid from pg_database where datname = current_database())",
        {"schema": settings.schema, "lock": _LOCK},
    ).fetchone()
    if row is None:
        return f"schema {settings.schema} was held until this moment"
    backend, holder, process, host, command, seconds = row
    if holder is None:
        return f"schema {settings.schema} is held by database session {backend}"
    return (
        f"schema {settings.schema} is held by `{command}` of {holder}, process {process} on {host}, "
        f"for {duration(seconds)}"
    )
