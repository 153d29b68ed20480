"""Cast the types of a file to the declared types, and refuse values that would break a later step.

A value is refused here when it has another type, or when a later step would break on it; whatever is merely unusual is loaded,
and the gates judge it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from gates.text import printable, quoted
from training_pipeline.errors import PipelineError
from training_pipeline.source.columns import DAY, INSTANT, REQUIRED, Column, arrow_schema

# In most systems a date outside these stands for an unknown date (0001-01-01, 1900-01-01, the zero of Unix time, 9999-12-31). The
# profile has a row for each day from the first day on, and pandas has no instant after 2262.
FIRST_DAY, LAST_DAY = datetime.date(1970, 1, 2), datetime.date(2199, 12, 31)
# The features sum amounts as 64-bit whole numbers of ten-thousandths; a sum of 900 such amounts still fits.
LARGEST_NUMBER = 1e12
_EXAMPLES = {
    "text": "UTF-8",
    "bigint": f"a whole number from {-(2**63)} to {2**63 - 1}",
    "integer": f"a whole number from {-(2**31)} to {2**31 - 1}",
    "double precision": "a number with a decimal point",
    "boolean": "true or false",
    "date": "YYYY-MM-DD",
    "timestamp without time zone": "YYYY-MM-DD HH:MM:SS in UTC, or with an offset such as +01:00",
}
_ADVICE = "correct the value, or leave it empty if it is unknown"
# The zone of an ISO timestamp stands after a time of day; the -31 of 2017-12-31 is no zone.
_OFFSET = r"\d{2}:\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$"


def conform(
    batch: pa.RecordBatch, columns: Sequence[Column], timezone: str, file: str, first_row: int
) -> pa.RecordBatch:
    """Cast a batch to the declared columns; derive the local day from the instant where it is absent.

    Parameters
    ----------
    batch : RecordBatch
        Rows whose columns may have any type that can be cast to the declared one.
    columns : sequence of Column
        The columns of the result.
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
            continue  # only the day may be absent: `files` has checked the header
        place = f"{file}: column {column.name!r}"
        values = batch.column(column.name)
        try:
            arrays[column.name] = _cast(values, column.arrow)
        except pa.ArrowInvalid as error:
            row = _first_that_fails(values, column.arrow)
            raise PipelineError(
                f"{place}, row {first_row + row}: {_shown(values, row)} is not of type {column.data_type} "
                f"(expected {_EXAMPLES[column.data_type]}); {_ADVICE}"
            ) from error
        except pa.ArrowNotImplementedError as error:
            raise PipelineError(
                f"{place} is of type {printable(values.type)}, which cannot become {column.data_type}"
            ) from error
        _check(arrays[column.name], values, column, place, first_row)
    if DAY not in arrays:
        arrays[DAY] = local_day(arrays[INSTANT], timezone)
    return pa.RecordBatch.from_arrays(
        [arrays[column.name] for column in columns], schema=arrow_schema(columns)
    )


def local_day(instants: pa.Array, timezone: str) -> pa.Array:
    """Return the calendar day of UTC instants (timestamps without zone) in a time zone.

    Examples
    --------
    >>> new_year = pa.array([datetime.datetime(2018, 1, 1, 4, 59)], pa.timestamp("us"))
    >>> str(local_day(new_year, "America/New_York")[0])
    '2017-12-31'
    """
    zoned = pc.assume_timezone(instants, "UTC").cast(pa.timestamp("us", tz=timezone))
    return pc.local_timestamp(zoned).cast(pa.date32())


def _check(cast: pa.Array, values: pa.Array, column: Column, place: str, first_row: int) -> None:
    """Refuse the first value on which a later step would break."""
    if column.name in REQUIRED and cast.null_count:
        row = first_row + pc.index(pc.is_null(cast), True).as_py()
        raise PipelineError(f"{place}, row {row}: empty, but every row needs it")
    if column.data_type in _RULES:
        is_broken, rule = _RULES[column.data_type]
        row = pc.index(is_broken(cast), True).as_py()
        if row >= 0:
            raise PipelineError(f"{place}, row {first_row + row}: {_shown(values, row)} {rule}; {_ADVICE}")


def _is_implausible(days: pa.Array) -> pa.Array:
    days = days.cast(pa.date32(), safe=False)
    return pc.or_(pc.less(days, pa.scalar(FIRST_DAY)), pc.greater(days, pa.scalar(LAST_DAY)))


def _is_unsummable(numbers: pa.Array) -> pa.Array:
    # a comparison with NaN is never true, so NaN is refused as well
    return pc.invert(pc.less_equal(pc.abs(numbers), LARGEST_NUMBER))


_PLAUSIBLE = f"is no plausible date (from {FIRST_DAY} to {LAST_DAY})"
# By type: the values that break a later step, and the words of the message.
_RULES: dict[str, tuple[Callable[[pa.Array], pa.Array], str]] = {
    "text": (
        lambda texts: pc.match_substring(texts, "\0"),
        "has a NUL character, which Postgres cannot store",
    ),
    "double precision": (
        _is_unsummable,
        f"is not a finite number from {-LARGEST_NUMBER:g} to {LARGEST_NUMBER:g}",
    ),
    "date": (_is_implausible, _PLAUSIBLE),
    "timestamp without time zone": (_is_implausible, _PLAUSIBLE),
}


def _cast(values: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_binary(values.type):
        values = values.cast(pa.string())
    if pa.types.is_large_binary(values.type):
        values = values.cast(pa.large_string())
    if pa.types.is_timestamp(target) or pa.types.is_date(target):
        if pa.types.is_integer(values.type):
            # Arrow would take the number for microseconds or days since 1970
            raise pa.ArrowNotImplementedError("a number is no date")
        return _instants(values) if pa.types.is_timestamp(target) else _days(values)
    if pa.types.is_integer(target) and _is_text(values.type):
        hexadecimal = pc.or_(pc.starts_with(values, "0x"), pc.starts_with(values, "0X"))
        if pc.any(hexadecimal).as_py():
            raise pa.ArrowInvalid("Arrow would read 0x10 as 16")
    return values.cast(target)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _days(values: pa.Array) -> pa.Array:
    """Return days; a time of day is an error, since the cast would drop it silently."""
    is_timed = pa.types.is_timestamp(values.type)
    if is_timed and pc.any(pc.not_equal(pc.floor_temporal(values, unit="day"), values)).as_py():
        raise pa.ArrowInvalid("a day with a time of day")
    return values.cast(pa.date32())


def _instants(values: pa.Array) -> pa.Array:
    """Return timestamps in UTC without a zone; text without an offset is taken as UTC."""
    if _is_text(values.type):
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
    # Postgres keeps microseconds; finer digits are dropped
    return values.cast(pa.timestamp("us"), safe=values.type != pa.timestamp("ns"))


def _first_that_fails(values: pa.Array, target: pa.DataType) -> int:
    """Find the first value that cannot be cast, by halving."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            _cast(values.slice(low, middle - low), target)
            low = middle
        except pa.ArrowInvalid:
            high = middle
    return low


def _shown(values: pa.Array, row: int) -> str:
    """Return a value for a message; some values of Arrow have no Python object (year 10000)."""
    value = values.slice(row, 1)
    if pa.types.is_dictionary(value.type):
        value = value.dictionary_decode()
    if pa.types.is_binary(value.type) or pa.types.is_large_binary(value.type):
        return quoted(value[0].as_py().decode("utf-8", "backslashreplace"))
    if _is_text(value.type):
        return quoted(value[0].as_py())
    return str(value.cast(pa.string())[0])
