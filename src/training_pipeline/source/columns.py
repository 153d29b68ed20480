"""The columns of the raw table, as the dbt source declares them, and the casts to their types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from training_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from training_pipeline.config import Settings

INSTANT, DAY = "interaction_at", "interaction_date"
# Without these a row is in no partition, or nobody's: a broken file, not a matter of degree for a gate.
REQUIRED = ("interaction_id", "customer_id", INSTANT, DAY)

_TYPES = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp without time zone": pa.timestamp("us"),
}
_EXAMPLES = {
    "bigint": "a whole number",
    "integer": "a whole number",
    "double precision": "a number with a decimal point",
    "boolean": "true or false",
    "date": "YYYY-MM-DD",
    "timestamp without time zone": "YYYY-MM-DD HH:MM:SS in UTC, or with an offset such as +01:00",
}
# The zone of an ISO timestamp, which only follows a time of day: the -31 of 2017-12-31 is none.
_OFFSET = r"\d{2}:\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$"


@dataclass(frozen=True)
class Column:
    """A column of the raw table and its Postgres type."""

    name: str
    data_type: str

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type that Postgres stores without a conversion."""
        return _TYPES[self.data_type]


def declared_columns(settings: Settings) -> tuple[Column, ...]:
    """Read the columns of the source `raw.interaction` from the dbt project: they are declared there only.

    Raises
    ------
    PipelineError
        When the source is not declared, lacks a required column, or a column has no type that can be loaded.
    """
    for path in sorted((settings.dbt_project / "models").rglob("*.yml")):
        for source in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("sources", []):
            for table in source.get("tables", []):
                if (source["name"], table["name"]) == ("raw", "interaction"):
                    return _columns(table["columns"], str(path.relative_to(settings.root)))
    raise PipelineError(
        f"no YAML under {settings.dbt_project}/models declares the source raw.interaction: "
        "the loader takes its columns and types from there"
    )


def _columns(declared: Sequence[dict[str, Any]], path: str) -> tuple[Column, ...]:
    columns = tuple(Column(column["name"], str(column.get("data_type"))) for column in declared)
    for column in columns:
        if column.data_type not in _TYPES:
            raise PipelineError(
                f"{path}: column {column.name!r} of raw.interaction must declare a data_type out of "
                f"{', '.join(_TYPES)}, received {column.data_type!r}"
            )
    if missing := sorted(set(REQUIRED) - {column.name for column in columns}):
        raise PipelineError(f"{path}: raw.interaction must declare {', '.join(missing)}")
    return columns


def conform(
    batch: pa.RecordBatch, columns: Sequence[Column], timezone: str, file: str, first_row: int
) -> pa.RecordBatch:
    """Cast a batch to the declared columns; derive the local day from the instant where it is absent.

    Parameters
    ----------
    batch : RecordBatch
        Rows whose columns may have any type that can be cast to the declared one.
    columns : sequence of Column
        What comes out.
    timezone : str
        IANA name of the zone whose calendar the day is of.
    file : str
        What an error calls the file.
    first_row : int
        The number of the batch's first row in its file, counted from 1.

    Raises
    ------
    PipelineError
        For the first value that does not fit; the message names file, column, row, value and rule.
    """
    arrays = {}
    for column in columns:
        if column.name not in batch.schema.names:
            continue  # only the day may be absent, `loading` has seen to it
        values = batch.column(column.name)
        try:
            arrays[column.name] = _cast(values, column.arrow)
        except pa.ArrowInvalid as error:
            raise _bad_value(values, column, file, first_row) from error
        except pa.ArrowNotImplementedError as error:
            raise PipelineError(
                f"{file}: column {column.name!r} is of type {values.type}, "
                f"which cannot become {column.data_type}"
            ) from error
    if DAY not in arrays:
        arrays[DAY] = local_day(arrays[INSTANT], timezone)
    for name in REQUIRED:
        if arrays[name].null_count:
            row = first_row + pc.index(pc.is_null(arrays[name]), True).as_py()
            raise PipelineError(f"{file}: column {name!r}, row {row}: empty, but every row needs it")
    return pa.RecordBatch.from_arrays(
        [arrays[column.name] for column in columns], schema=arrow_schema(columns)
    )


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the columns as an Arrow schema."""
    return pa.schema([(column.name, column.arrow) for column in columns])


def local_day(instants: pa.Array, timezone: str) -> pa.Array:
    """Return the calendar day of UTC instants (timestamps without zone) in a time zone.

    Examples
    --------
    >>> import datetime
    >>> new_year = pa.array([datetime.datetime(2018, 1, 1, 4, 59)], pa.timestamp("us"))
    >>> str(local_day(new_year, "America/New_York")[0])
    '2017-12-31'
    """
    zoned = pc.assume_timezone(instants, "UTC").cast(pa.timestamp("us", tz=timezone))
    return pc.local_timestamp(zoned).cast(pa.date32())


def _cast(values: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_timestamp(target):
        return _instants(values)
    if pa.types.is_date(target) and pa.types.is_timestamp(values.type):
        # a day, however it is stored: a time of day in it would be cut off without a word
        if pc.any(pc.not_equal(pc.floor_temporal(values, unit="day"), values)).as_py():
            raise pa.ArrowInvalid("a day with a time of day")
        return values.cast(target)
    return values.cast(target)


def _instants(values: pa.Array) -> pa.Array:
    """Return timestamps in UTC without a zone; text without an offset is taken as UTC."""
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        dated = pc.if_else(
            pc.equal(pc.binary_length(values), 10),
            pc.binary_join_element_wise(values, "00:00:00", " "),
            values,
        )
        zoned = pc.match_substring_regex(dated, _OFFSET)
        marked = pc.if_else(zoned, dated, pc.binary_join_element_wise(dated, "Z", ""))
        values = marked.cast(pa.timestamp("us", tz="UTC"))
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        values = values.cast(pa.timestamp(values.type.unit, tz="UTC"))
        values = pc.local_timestamp(values)
    # Postgres keeps microseconds; what a file has beyond them is not worth refusing it
    return values.cast(pa.timestamp("us"), safe=not pa.types.is_timestamp(values.type))


def _bad_value(values: pa.Array, column: Column, file: str, first_row: int) -> PipelineError:
    """Find the first value that cannot be cast, by halving."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            _cast(values.slice(low, middle - low), column.arrow)
            low = middle
        except pa.ArrowInvalid:
            high = middle
    expected = _EXAMPLES.get(column.data_type, column.data_type)
    return PipelineError(
        f"{file}: column {column.name!r}, row {first_row + low}: {values[low].as_py()!r} is not of type "
        f"{column.data_type} (expected {expected}); mend the value, or leave it empty if it is unknown"
    )
