"""Faults to inject into past days, read from YAML, and what they make of the interactions and of their profile."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import yaml

from gates.tuning.replay import SHIFT
from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.postgres import connect

CATALOG = Path("dbt_project") / "faults.yml"
ROWS, PROFILE, CONTROL = "interaction", "interaction_daily", "interaction_control"
_DATE_COLUMNS = {ROWS: "interaction_date", PROFILE: "profile_date", CONTROL: "control_date"}
_KEYS = {"keep", "set", "copies", "days_late"}
_SCHEMA = "replay"


@dataclass(frozen=True)
class Fault:
    """One way in which a day can arrive broken.

    Attributes
    ----------
    keep : str
        SQL condition on the rows of `interaction` that arrive; the others are lost.
    set : mapping
        SQL expression by column: what arrives in its place.
    copies : int
        How often each row arrives, at least 1.
    days_late : int
        The rows are those of the day so many days before, dated anew.

    Raises
    ------
    PipelineError
        When it would change nothing.
    """

    name: str
    keep: str = "true"
    set: Mapping[str, str] = field(default_factory=dict)
    copies: int = 1
    days_late: int = 0

    def __post_init__(self) -> None:
        for key, least in (("copies", 1), ("days_late", 0)):
            value = getattr(self, key)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise PipelineError(
                    f"fault {self.name!r}: {key} must be an integer from {least}, received {value!r}"
                )
        if not isinstance(self.set, Mapping):
            raise PipelineError(f"fault {self.name!r}: set must map columns to SQL, received {self.set!r}")
        if (self.keep, dict(self.set), self.copies, self.days_late) == ("true", {}, 1, 0):
            raise PipelineError(f"fault {self.name!r} changes nothing: give keep, set, copies or days_late")

    def select(self, relation: str, columns: list[str]) -> str:
        """Return the select that makes the faulty rows of all days from the healthy ones."""
        unknown = set(self.set) - set(columns)
        if unknown:
            raise PipelineError(
                f"fault {self.name!r} sets {', '.join(sorted(unknown))}; the columns are {', '.join(columns)}"
            )
        moved = dict(self.set)
        if self.days_late:
            moved = {
                "interaction_date": f"interaction_date + {self.days_late}",
                "interaction_at": f"interaction_at + interval '{self.days_late} days'",
            } | moved
        listed = ", ".join(f'{moved.get(column, column)} as "{column}"' for column in columns)
        return f"select {listed} from {relation}, generate_series(1, {self.copies}) where {self.keep}"


def read_faults(path: Path) -> tuple[Fault, ...]:
    """Read faults from a YAML file: a mapping from the name of each to `keep`, `set`, `copies` or `days_late`.

    Raises
    ------
    PipelineError
        When the file is absent, is not such a mapping, or a fault changes nothing.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise PipelineError(f"the faults in {path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise PipelineError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, Mapping) or not content:
        raise PipelineError(f"{path} must map names of faults to what they do, see {CATALOG}")
    return tuple(_fault(str(name), given, path) for name, given in content.items())


def _fault(name: str, given: Any, path: Path) -> Fault:
    if not isinstance(given, Mapping) or not set(given) <= _KEYS:
        raise PipelineError(
            f"fault {name!r} in {path} must have only {', '.join(sorted(_KEYS))}; received {given!r}"
        )
    return Fault(name, **given)


@dataclass(frozen=True)
class Injection:
    """Broken days beside the healthy ones.

    Attributes
    ----------
    relations : mapping
        For each relation, as it stands in a gate's SQL, the select of its broken rows, `replay.SHIFT` days before their own.
    days : tuple of date
        Those of the days that are other than without the fault: it may be about something that this table does not have.
    """

    relations: Mapping[str, str]
    days: tuple[dt.date, ...]


@contextmanager
def injected(settings: Settings, fault: Fault, days: Collection[dt.date]) -> Iterator[Injection]:
    """Break each of the days. The project's own SQL makes the profile of the broken rows, so what the gates see is exact.

    Raises
    ------
    PipelineError
        When an expression of the fault is not SQL that the server takes.
    """
    healthy = {name: f'"{settings.database}"."{settings.schema}"."{name}"' for name in _DATE_COLUMNS}
    selection = ["--select", PROFILE, CONTROL, "--full-refresh"]
    nodes = dbt.compile_nodes(settings, selection, max(days))
    compiled = {node.name: node.compiled_code for node in nodes if node.resource_type == "model"}
    listed = ", ".join(f"date '{day}'" for day in sorted(days))
    with connect(settings) as connection:
        connection.autocommit = True
        try:
            connection.execute(f"drop schema if exists {_SCHEMA} cascade; create schema {_SCHEMA}".encode())
            spoiled = fault.select(healthy[ROWS], _columns(connection, settings.schema, ROWS))
            connection.execute(
                f"create view {_SCHEMA}.{ROWS} as select * from ({spoiled}) as spoiled"
                f" where interaction_date in ({listed})".encode()
            )
            broken_profile = compiled[PROFILE].replace(healthy[ROWS], f"{_SCHEMA}.{ROWS}")
            connection.execute(f"create unlogged table {_SCHEMA}.{PROFILE} as {broken_profile}".encode())
            connection.execute(f"analyze {_SCHEMA}.{PROFILE}".encode())
            if CONTROL in compiled:  # where the source system says what it has sent
                compared = compiled[CONTROL].replace(healthy[PROFILE], f"{_SCHEMA}.{PROFILE}")
                connection.execute(f"create view {_SCHEMA}.{CONTROL} as {compared}".encode())
            relations = {
                healthy[name]: _shifted(name, columns)
                for name in _DATE_COLUMNS
                if (columns := _columns(connection, _SCHEMA, name))
            }
            yield Injection(relations, _changed_days(connection, healthy[ROWS], listed))
        except psycopg.Error as error:
            message = " ".join(str(error).split())
            raise PipelineError(f"fault {fault.name!r} cannot be injected: {message}") from error
        finally:
            connection.execute(f"drop schema if exists {_SCHEMA} cascade".encode())


def _changed_days(connection: psycopg.Connection, healthy: str, listed: str) -> tuple[dt.date, ...]:
    """Return the days that have other rows than without the fault, in any order."""
    versions = " union all ".join(
        f"select interaction_date as day, {sign} as count, {sign} * cast(hash_record_extended(arrived, 0) as numeric) as hash"
        f" from {relation} as arrived where interaction_date in ({listed})"
        for sign, relation in ((1, healthy), (-1, f"{_SCHEMA}.{ROWS}"))
    )
    changed = f"select day from ({versions}) as both_versions group by day having sum(count) <> 0 or sum(hash) <> 0 order by day"
    return tuple(day for (day,) in connection.execute(changed.encode()))


def _columns(connection: psycopg.Connection, schema: str, name: str) -> list[str]:
    return [
        column
        for (column,) in connection.execute(
            "select column_name from information_schema.columns"
            " where table_schema = %s and table_name = %s order by ordinal_position",
            [schema, name],
        )
    ]


def _shifted(name: str, columns: list[str]) -> str:
    listed = ", ".join(
        f'"{column}" - {SHIFT} as "{column}"' if column == _DATE_COLUMNS[name] else f'"{column}"'
        for column in columns
    )
    return f"(select {listed} from {_SCHEMA}.{name}) as broken"
