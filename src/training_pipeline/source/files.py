"""Read CSV and Parquet files of the user as Arrow batches, with their header checked against the declared columns."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet

from gates.text import escaped, listed, printable, quoted
from training_pipeline.errors import PipelineError
from training_pipeline.source import csv_file
from training_pipeline.source.columns import DAY, Column
from training_pipeline.source.content import opened

BATCH_ROWS = 65_536
SAMPLE, FIXTURE, FILE = "sample", "fixture", "file"
_NAMES_SHOWN = 10
_UNREADABLE = (OSError, EOFError, zlib.error, pa.ArrowException, csv_file.NotCsvError)


@dataclass(frozen=True)
class Source:
    """Rows to load, and what identifies them.

    Parameters
    ----------
    kind : str
        ``sample``, ``fixture`` or ``file``.
    name : str
        What messages call it; printable.
    sha256 : str
        Hash of the content that `batches` returns.
    rows : int or None
        How many rows there are, None when that is only known at the end.
    batches : callable
        Returns the rows; their columns may have any type that can be cast to the declared one.
    totals : tuple of int and float, or None
        The rows and the sum of the amounts that must have arrived.
    """

    kind: str
    name: str
    sha256: str
    rows: int | None
    batches: Callable[[], Iterator[pa.RecordBatch]]
    totals: tuple[int, float] | None = None


@dataclass(frozen=True)
class _Format:
    name: str
    header: Callable[[BinaryIO], tuple[list[str], int | None]]
    batches: Callable[[BinaryIO], Iterator[pa.RecordBatch]]


def _parquet_header(file: BinaryIO) -> tuple[list[str], int]:
    with pa.parquet.ParquetFile(file) as content:
        return content.schema_arrow.names, content.metadata.num_rows


def _parquet_batches(file: BinaryIO) -> Iterator[pa.RecordBatch]:
    # pre_buffer would read all row groups at once
    with pa.parquet.ParquetFile(file, pre_buffer=False) as content:
        yield from content.iter_batches(batch_size=BATCH_ROWS)


_CSV = _Format("csv", csv_file.header, csv_file.batches)
_FORMATS = {
    ".csv": _CSV,
    ".csv.gz": _CSV,
    ".parquet": _Format("parquet", _parquet_header, _parquet_batches),
}


@contextmanager
def user_file(path: Path, columns: Sequence[Column]) -> Iterator[Source]:
    """Yield a CSV or Parquet file as a source, its header checked against the declared columns.

    Raises
    ------
    PipelineError
        When the file is absent, not readable, of another format, empty, or has other columns.
    """
    name = escaped(path)
    with opened(path, "give the path of a CSV or Parquet file") as (file, sha256):
        form = _format(path, name)
        try:
            names, rows = form.header(file)
        except _UNREADABLE as error:
            raise PipelineError(f"{name}: cannot be read as {form.name}: {printable(error)}") from error
        _check_header(form, name, names, columns)
        yield Source(FILE, name, sha256, rows, lambda: _readable(form.batches(file), name))


def _format(path: Path, name: str) -> _Format:
    for ending, form in _FORMATS.items():
        if path.name.lower().endswith(ending):
            return form
    raise PipelineError(f"{name}: the name must end in {', '.join(_FORMATS)}, received {quoted(path.suffix)}")


def _check_header(form: _Format, file: str, names: Sequence[str], columns: Sequence[Column]) -> None:
    if not names:
        raise PipelineError(f"{file}: the file is empty; it needs a header and at least one row")
    declared = [column.name for column in columns]
    problems = {
        "missing": sorted(set(declared) - set(names) - {DAY}),
        "unexpected": sorted(set(names) - set(declared)),
        "repeated": sorted(name for name, count in Counter(names).items() if count > 1),
    }
    differences = "; ".join(
        f"{what}: {listed([_shown(name) for name in which], _NAMES_SHOWN)}"
        for what, which in problems.items()
        if which
    )
    if differences:
        hint = " (a CSV file is separated by commas)" if len(names) == 1 and form is _CSV else ""
        raise PipelineError(
            f"{file}: columns must be {', '.join(declared)} ({DAY} may be left out); {differences}{hint}. "
            "Rename or drop them in the file, or declare yours in dbt_project/models/staging"
        )


def _shown(name: str) -> str:
    """Return the name of a column, in quotation marks where its begin or end would not be visible."""
    return name if name.isidentifier() and len(name) < 64 else quoted(name)


def _readable(batches: Iterator[pa.RecordBatch], name: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except _UNREADABLE as error:
        raise PipelineError(f"{name}: {printable(error)}") from error
