"""Load interactions into `raw.interaction` in one transaction, by COPY; the same content is not loaded twice."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from gates.text import escaped, printable
from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.roles import Role, acting_as
from training_pipeline.source.casting import conform
from training_pipeline.source.columns import Column, arrow_schema, declared_columns
from training_pipeline.source.files import FILE, Source, user_file
from training_pipeline.source.sample import sample
from training_pipeline.warehouse.lock import one_at_a_time
from training_pipeline.warehouse.postgres import address, connect

SCHEMA, TABLE = "raw", "interaction"
RELATION = f"{SCHEMA}.{TABLE}"
# The models that dbt builds incrementally from the raw table.
BUILT_INCREMENTALLY = ("interaction", "interaction_daily")
FORGET_MODELS = "forget_interactions"  # a function that drops them, where the roles are separate
LOCK_TIMEOUT = "30s"

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class LoadResult:
    """The content of the raw table, and whether this call has loaded it."""

    rows: int
    changed: bool
    source: str
    note: str


@dataclass(frozen=True)
class _Record:
    """The facts of a load that the comment on the raw table keeps."""

    source: str
    kind: str
    sha256: str
    rows: int
    loaded_at: str


@acting_as(Role.LOAD)
@one_at_a_time("load")
def load(
    settings: Settings,
    file: Path | None = None,
    fixture: bool = False,
    force: bool = False,
    on_progress: Progress | None = None,
) -> LoadResult:
    """Fill the raw table with a file of the user, the fixture, or without both the sample.

    Content that is there already is not loaded again. Without `file` and `fixture`, a table with data of a
    user is kept as it is: the sample never replaces them unless `force` says so.

    When other content comes in, the models `interaction` and `interaction_daily` are dropped in the same
    transaction: dbt builds them incrementally, by the days around the run date, so all their other days would
    still show the old content.

    Parameters
    ----------
    settings : Settings
        Where the table is, and in which time zone its days are.
    file : Path, optional
        A CSV file (also compressed by gzip) or Parquet file with the columns that the dbt source `raw.interaction` declares.
        `interaction_date` may be left out: it is then the day of `interaction_at` in the time zone.
    fixture : bool
        Load the small part of the sample.
    force : bool
        Load whatever is there already.
    on_progress : callable, optional
        Called with the rows sent so far and their number, None when that is not known.

    Raises
    ------
    PipelineError
        When the file cannot be loaded; the table then is what it was before.
    """
    if file is not None and fixture:
        raise PipelineError("give either a file or --fixture, not both")
    if not settings.loads_source:
        own = escaped(settings.source)
        return LoadResult(0, False, own, f"{own} is your table (SOURCE_SCHEMA, SOURCE_TABLE): not loaded")
    columns = declared_columns(settings)
    with connect(settings) as connection:
        exists, record = _recorded(connection)
    if not force and exists and file is None and not fixture and (record is None or record.kind == FILE):
        what = escaped(record.source) if record else "data that this command did not load"
        return LoadResult(
            record.rows if record else _count(settings),
            False,
            what,
            f"{RELATION} holds {what}: kept. `load --force` would replace it by the sample",
        )
    if not force and exists and record is None:
        raise PipelineError(
            f"{RELATION} holds data that this command did not load: pass --force to replace them, "
            "or name another table by SOURCE_SCHEMA and SOURCE_TABLE"
        )
    content = sample(fixture) if file is None else user_file(_absolute(file), columns)
    with content as source:
        sha256 = _content_hash(source, columns, settings)
        if not force and record is not None and record.sha256 == sha256:
            return LoadResult(
                record.rows, False, source.name, f"{RELATION} already holds {source.name}: not loaded again"
            )
        rows = _replace(settings, source, columns, sha256, on_progress)
    return LoadResult(rows, True, source.name, f"loaded {source.name} into {RELATION}")


def _absolute(file: Path) -> Path:
    """Return the absolute path without resolving links, because the name of a link gives the format."""
    try:
        return file.absolute()
    except OSError as error:
        raise PipelineError(f"the folder that {escaped(file)} is relative to is gone") from error


def _content_hash(source: Source, columns: Sequence[Column], settings: Settings) -> str:
    """Hash everything that determines the content of the table."""
    parts = [source.sha256, settings.timezone, [(column.name, column.data_type) for column in columns]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _recorded(connection: psycopg.Connection) -> tuple[bool, _Record | None]:
    """Return whether the raw table exists, and the load in its comment; None where the comment is not ours."""
    row = connection.execute(
        "select to_regclass(%(name)s) is not null, obj_description(to_regclass(%(name)s), 'pg_class')",
        {"name": RELATION},
    ).fetchone()
    assert row is not None
    try:
        return row[0], _Record(**json.loads(row[1] or ""))
    except (ValueError, TypeError):
        return row[0], None


def _count(settings: Settings) -> int:
    with connect(settings) as connection:
        row = connection.execute(_statement("select count(*) from {table}")).fetchone()
    assert row is not None
    return int(row[0])


def _replace(
    settings: Settings, source: Source, columns: Sequence[Column], sha256: str, on_progress: Progress | None
) -> int:
    from adbc_driver_manager import Error
    from adbc_driver_postgresql import dbapi

    feed = _Feed(source, columns, settings.timezone, on_progress)
    with (
        dbapi.connect(address(settings).uri(), autocommit=False) as connection,
        connection.cursor() as cursor,
    ):

        def run(statement: sql.Composable) -> list[tuple[Any, ...]]:
            cursor.execute(statement.as_string())
            return list(cursor.fetchall()) if cursor.description else []

        try:
            run(sql.SQL("set local lock_timeout = {}").format(LOCK_TIMEOUT))
            _make_room(run, columns, settings.schema)
            reader = pa.RecordBatchReader.from_batches(arrow_schema(columns), feed.batches())
            cursor.adbc_ingest(TABLE, reader, mode="append", db_schema_name=SCHEMA)
            if feed.rows == 0:
                raise PipelineError(f"{source.name}: the file is empty; it needs at least one row")
            _check_totals(run, source)
            record = _Record(
                source=source.name,
                kind=source.kind,
                sha256=sha256,
                rows=feed.rows,
                loaded_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            )
            run(_statement("create index interaction_date_index on {table} (interaction_date)"))
            run(_statement("comment on table {table} is {record}", record=json.dumps(asdict(record))))
            run(_statement("analyze {table}"))
            connection.commit()
        except Error as error:
            connection.rollback()
            # Arrow passes on only the text of our exception, so the original is kept.
            if feed.error is not None:
                raise feed.error from error
            raise _explain(error) from error
        except BaseException:
            connection.rollback()
            raise
    return feed.rows


class _Feed:
    """Pass batches on to COPY, and count what is needed after the load."""

    def __init__(
        self, source: Source, columns: Sequence[Column], timezone: str, on_progress: Progress | None
    ) -> None:
        self.rows = 0
        self.error: PipelineError | None = None
        self._source = source
        self._columns = columns
        self._timezone = timezone
        self._on_progress = on_progress

    def batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._source.batches():
                yield conform(batch, self._columns, self._timezone, self._source.name, self.rows + 1)
                self.rows += batch.num_rows
                if self._on_progress is not None:
                    self._on_progress(self.rows, self._source.rows)
        except PipelineError as error:
            self.error = error
            raise


def _make_room(
    run: Callable[[sql.Composable], list[tuple[Any, ...]]], columns: Sequence[Column], schema: str
) -> None:
    """Truncate the table if its columns are as declared, so that views on it survive; else create it."""
    if run(_statement("select to_regnamespace({name}) is null", name=SCHEMA)) == [(True,)]:
        run(_statement("create schema {schema}"))
    found = run(
        _statement(
            "select attname::text, format_type(atttypid, atttypmod) from pg_attribute "
            "where attrelid = to_regclass({name}) and attnum > 0 and not attisdropped order by attnum",
            name=RELATION,
        )
    )
    if found == [(column.name, column.data_type) for column in columns]:
        run(_statement("truncate {table}"))
        run(_statement("drop index if exists {schema}.interaction_date_index"))
    else:
        run(_statement("drop table if exists {table} cascade"))
        definitions = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.data_type))
            for column in columns
        )
        run(sql.SQL("create table {} ({})").format(sql.Identifier(SCHEMA, TABLE), definitions))
    # the role `load` may not drop what `build` owns, but may ask for this
    forget = sql.SQL("{}()").format(sql.Identifier(schema, FORGET_MODELS))
    exists = _statement("select to_regprocedure({name}) is not null", name=forget.as_string())
    if run(exists) == [(True,)]:
        run(sql.SQL("select {}").format(forget))
    else:
        for model in BUILT_INCREMENTALLY:
            run(sql.SQL("drop table if exists {} cascade").format(sql.Identifier(schema, model)))


def _check_totals(run: Callable[[sql.Composable], list[tuple[Any, ...]]], source: Source) -> None:
    if source.totals is None:
        return
    found = run(_statement("select count(*), round(sum(amount)::numeric, 2)::double precision from {table}"))[
        0
    ]
    if found != source.totals:
        raise PipelineError(
            f"{source.name} must have {source.totals[0]} rows and amounts of {source.totals[1]} in total, "
            f"{found[0]} rows and {found[1]} arrived: nothing was loaded"
        )


def _statement(text: str, **values: str) -> sql.Composed:
    names = {"table": sql.Identifier(SCHEMA, TABLE), "schema": sql.Identifier(SCHEMA)}
    literals = {name: sql.Literal(value) for name, value in values.items()}
    return sql.SQL(text).format(**names, **literals)


def _explain(error: Exception) -> PipelineError:
    text = printable(error)
    if getattr(error, "sqlstate", None) == "55P03":
        return PipelineError(
            f"{RELATION} is in use: another session has held it for {LOCK_TIMEOUT}; try again when it is done"
        )
    return PipelineError(f"loading into {RELATION} failed, nothing was changed: {text}")
