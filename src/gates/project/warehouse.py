"""Connect to the warehouse of a project through dbt's adapter: any engine that dbt supports, with the login of the profile."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from decimal import Decimal
from typing import Any, TypeVar

from gates.errors import GatesError
from gates.project import interrupts
from gates.project.config import Project, environment
from gates.project.dbt import QUIET, Manifest, one_line

T = TypeVar("T")
R = TypeVar("R")


class Warehouse:
    """Run statements and macros on the warehouse of a project; `connect` makes it."""

    def __init__(self, adapter: Any, config: Any, manifest: Manifest) -> None:
        self._adapter = adapter
        self._config = config
        self._manifest = manifest

    def macro(self, called: str, /, **arguments: Any) -> Any:
        """Return the result of a macro of the package `gates`, which may query the database."""
        with _in_one_line(called):
            return self._adapter.execute_macro(called, project="gates", kwargs=arguments)

    def relation(self, node: Any) -> Any:
        """Return the relation of a node of the manifest."""
        return self._adapter.Relation.create_from(self._config, node)

    def exists(self, relation: Any) -> bool:
        """Say whether a table or view exists."""
        place = (relation.database, relation.schema, relation.identifier)
        with _in_one_line(f"looking for {relation}"):
            return self._adapter.get_relation(*place) is not None

    def columns(self, relation: Any) -> list[str]:
        """Return the names of the columns of a relation."""
        with _in_one_line(f"the columns of {relation}"):
            return [column.name for column in self._adapter.get_columns_in_relation(relation)]

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Return the rows of a select as Python values; a decimal becomes an integer or a float."""
        with _in_one_line("the query"):
            _, cursor = self._adapter.connections.add_query(statement)
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, map(_plain, row), strict=True)) for row in cursor.fetchall()]
            self._adapter.commit_if_has_connection()
        return rows

    def execute(self, statements: Iterable[str]) -> None:
        """Run statements and commit."""
        with _in_one_line("the statement"):
            for statement in statements:
                self._adapter.connections.add_query(statement)
            self._adapter.commit_if_has_connection()

    def each(self, ask: Callable[[T], R], asked: Sequence[T]) -> list[R]:
        """Return the results of a function for several items, at the same time: each thread has a connection."""
        settings: list[str] = self.macro("replay_settings")

        def connected(one: T) -> R:
            with self._adapter.connection_named("gates"):
                self.execute(settings)
                return ask(one)

        with ThreadPoolExecutor(max_workers=min(self._config.threads, os.cpu_count() or 1)) as pool:
            # dbt keeps the state of an invocation in context variables
            answers = [pool.submit(copy_context().run, connected, one) for one in asked]
            try:
                return [answer.result() for answer in answers]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._adapter.cancel_open_connections()
                raise

    def create_schema(self, name: str) -> None:
        """Create a schema in the database of the project; the user needs the right to do so."""
        with _in_one_line(
            f"the scratch schema {name} (the user of the profile must be allowed to create it)"
        ):
            self._adapter.create_schema(self._place(name))

    def drop_schema(self, name: str) -> None:
        """Drop a schema with everything in it."""
        with _in_one_line(f"dropping the scratch schema {name}"):
            self._adapter.drop_schema(self._place(name))

    def _place(self, schema: str) -> Any:
        return self._adapter.Relation.create(database=self._config.credentials.database, schema=schema)


@contextmanager
def connect(
    project: Project,
    manifest: Manifest,
    variables: Mapping[str, Any] | None = None,
    given: Mapping[str, str] | None = None,
) -> Iterator[Warehouse]:
    """Open the warehouse of a project. No other dbt command may run in this process before it is closed.

    Parameters
    ----------
    variables : mapping, optional
        Variables of dbt that macros see, in addition to the variables of the project.
    given : mapping, optional
        Variables of the environment that macros see, in addition to the variables of the project.

    Raises
    ------
    GatesError
        When the profile cannot be read or a statement fails; the message holds the server's own.
    """
    from dbt.adapters.factory import get_adapter
    from dbt.cli import requires
    from dbt.cli.flags import args_to_context

    def configured(context: Any) -> Any:
        return context.obj["runtime_config"]

    # the same steps with which dbt's commands begin
    for step in (
        requires.manifest,
        requires.runtime_config,
        requires.project,
        requires.profile,
        requires.preflight,
    ):
        configured = step(configured)
    told = json.dumps({**project.variables, **(variables or {})}, default=str)
    with environment({**project.environment, **(given or {})}):
        context = args_to_context([*QUIET, "compile", "--vars", told, *project.location])
        context.obj = {"manifest": manifest, "callbacks": []}
        with context:
            with _in_one_line("the profile"):
                config = configured(context)
                adapter = get_adapter(config)
            with adapter.connection_named("gates"):
                yield Warehouse(adapter, config, manifest)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        whole = value.is_finite() and value == value.to_integral_value()
        return int(value) if whole else float(value)
    return value


@contextmanager
def _in_one_line(what: str) -> Iterator[None]:
    """Raise the errors of dbt and of the engine as errors of this package, in one line."""
    try:
        yield
    except GatesError:
        raise
    except Exception as error:
        raise GatesError(f"{what} failed: {one_line(error)}") from error
    interrupts.raise_pending()
