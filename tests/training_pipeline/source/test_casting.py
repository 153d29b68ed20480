"""Values on which a later step would break are refused with their place; what is merely unusual is loaded."""

from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa
import pytest

from training_pipeline.errors import PipelineError
from training_pipeline.source.casting import conform
from training_pipeline.source.columns import Column

COLUMNS = (
    Column("interaction_id", "text"),
    Column("customer_id", "bigint"),
    Column("interaction_at", "timestamp without time zone"),
    Column("interaction_date", "date"),
    Column("amount", "double precision"),
    Column("count", "integer"),
)
NOON = datetime.datetime(2017, 4, 30, 12)
GOOD = {
    "interaction_id": "a",
    "customer_id": 1,
    "interaction_at": NOON,
    "interaction_date": NOON.date(),
    "amount": 1.0,
    "count": 1,
}


def _conform(name: str, values: pa.Array, timezone: str = "America/New_York") -> dict[str, list[Any]]:
    columns = {other: pa.array([value] * len(values)) for other, value in GOOD.items()}
    batch = pa.RecordBatch.from_pydict({**columns, name: values})
    conformed: dict[str, list[Any]] = conform(batch, COLUMNS, timezone, "own.csv", first_row=11).to_pydict()
    return conformed


def _refusal(name: str, values: pa.Array) -> str:
    with pytest.raises(PipelineError) as refusal:
        _conform(name, values)
    message = str(refusal.value)
    assert message.isprintable()
    return message


PLAUSIBLE = "is no plausible date (from 1970-01-02 to 2199-12-31); correct the value, or leave it empty"


@pytest.mark.parametrize("column", ["interaction_at", "interaction_date"])
@pytest.mark.parametrize(
    "date",
    [
        "0000-01-01",
        "0001-01-01",
        "1677-09-20",
        "1899-12-30",
        "1900-01-01",
        "1970-01-01",
        "2262-04-12",
        "9999-12-31",
    ],
)
def test_date_that_stands_for_an_unknown_one_is_refused(column: str, date: str) -> None:
    message = _refusal(column, pa.array(["2017-04-30", date, "2017-04-30"]))
    assert message.startswith(f"own.csv: column '{column}', row 12: '{date}' {PLAUSIBLE}")


@pytest.mark.parametrize("date", ["1970-01-02", "2199-12-31"])
def test_first_and_last_plausible_date(date: str) -> None:
    day = datetime.date.fromisoformat(date)
    assert _conform("interaction_date", pa.array([date]))["interaction_date"] == [day]
    instant = _conform("interaction_at", pa.array([f"{date} 12:00:00"]))["interaction_at"]
    assert instant == [datetime.datetime.combine(day, datetime.time(12))]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([-9_000_000_000_000_000_000], pa.timestamp("us")),
        pa.array([9_000_000_000_000_000_000], pa.timestamp("us")),
        pa.array([9_000_000_000_000_000_000], pa.timestamp("ns")),
        pa.array([-9_000_000_000_000_000_000], pa.timestamp("ns", tz="UTC")),
        pa.array([253_402_300_799], pa.timestamp("s")),
        pa.array([2_147_483_647], pa.date32()),
    ],
    ids=str,
)
def test_instant_that_python_or_pandas_does_not_know_is_refused(values: pa.Array) -> None:
    assert "row 11: " in _refusal("interaction_at", values)


def test_instant_that_does_not_fit_into_microseconds_is_not_wrapped_around() -> None:
    seconds = pa.array([2**62], pa.timestamp("s"))
    assert "is not of type timestamp" in _refusal("interaction_at", seconds)


def test_day_beyond_the_calendar_of_python_is_refused() -> None:
    message = _refusal("interaction_date", pa.array([4_000_000], pa.date32()))
    assert "row 11: 12921-08-18 is no plausible date" in message


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (pa.array(["1", "nan"]), "'nan'"),
        (pa.array(["1", "-Infinity"]), "'-Infinity'"),
        (pa.array(["1", "1e400"]), "'1e400'"),
        (pa.array(["1", "1.1e12"]), "'1.1e12'"),
        (pa.array([1, float("nan")]), "nan"),
        (pa.array([1, float("inf")]), "inf"),
        (pa.array([1, -1e300]), "-1e+300"),
        (pa.array([1, 2**50]), "1125899906842624"),
    ],
    ids=str,
)
def test_number_that_no_sum_can_hold_is_refused(values: pa.Array, shown: str) -> None:
    message = _refusal("amount", values)
    assert message.startswith(
        f"own.csv: column 'amount', row 12: {shown} is not a finite number from -1e+12 to 1e+12"
    )


@pytest.mark.parametrize("amount", ["-1e12", "1e12", "0", "-0.0", "1e-320", "5e-324", "1e-400", ".5", "1."])
def test_unusual_number_is_loaded(amount: str) -> None:
    assert _conform("amount", pa.array([amount]))["amount"] == [float(amount)]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("customer_id", str(2**63), "a whole number from -9223372036854775808 to 9223372036854775807"),
        ("customer_id", str(-(2**63) - 1), "a whole number from"),
        ("customer_id", "0x10", "a whole number from"),
        ("customer_id", "0X1f", "a whole number from"),
        ("customer_id", "1.0", "a whole number from"),
        ("customer_id", " 1", "a whole number from"),
        ("count", str(2**31), "a whole number from -2147483648 to 2147483647"),
        ("count", "", "a whole number from"),
        ("amount", "1,5", "a number with a decimal point"),
        ("interaction_at", "1493553600", "YYYY-MM-DD HH:MM:SS in UTC"),
    ],
)
def test_text_that_is_no_value_of_the_type_is_refused(column: str, value: str, expected: str) -> None:
    assert f"row 11: {value!r} is not of type" in _refusal(column, pa.array([value]))
    assert f"(expected {expected}" in _refusal(column, pa.array([value]))


@pytest.mark.parametrize("value", [2**63, 1e19, 1.5, float("nan")])
def test_number_that_is_none_of_the_type_is_refused(value: float) -> None:
    values = pa.array([1, value], pa.uint64() if isinstance(value, int) else pa.float64())
    assert "row 12: " in _refusal("customer_id", values)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("interaction_at", pa.array([1_493_553_600])),
        ("interaction_date", pa.array([17_286], pa.int32())),
        ("interaction_at", pa.array([datetime.time(12)])),
        ("amount", pa.array([[1.0]])),
        ("amount", pa.array([{"\x1b[31m": 1.0}])),
    ],
    ids=str,
)
def test_type_that_would_have_to_be_guessed_is_refused(column: str, values: pa.Array) -> None:
    assert "which cannot become" in _refusal(column, values)


def test_bytes_are_text_in_utf_8() -> None:
    assert _conform("interaction_id", pa.array(["é".encode()]))["interaction_id"] == ["é"]
    assert _conform("customer_id", pa.array([b"7"], pa.large_binary()))["customer_id"] == [7]
    message = _refusal("interaction_id", pa.array([b"a", b"caf\xe9"]))
    assert r"row 12: 'caf\\xe9' is not of type text (expected UTF-8)" in message


def test_nul_is_refused_since_postgres_has_no_text_with_it() -> None:
    assert r"row 12: 'a\x00b' has a NUL character" in _refusal("interaction_id", pa.array(["a", "a\0b"]))


def test_long_value_is_shortened_and_control_characters_are_escaped() -> None:
    assert len(_refusal("customer_id", pa.array(["9" * 1_000_000]))) < 400
    assert r"'\x1b[2J\n\u202e'" in _refusal("customer_id", pa.array(["\x1b[2J\n\u202e"]))


@pytest.mark.parametrize("column", ["interaction_id", "interaction_at", "interaction_date"])
def test_row_without_a_key_or_a_day_is_refused(column: str) -> None:
    values = pa.array([GOOD[column], None])
    assert "row 12: empty, but every row needs it" in _refusal(column, values)


@pytest.mark.parametrize("column", ["customer_id", "amount", "count"])
def test_other_gaps_are_left_to_the_gates(column: str) -> None:
    assert _conform(column, pa.array([GOOD[column], None]))[column] == [GOOD[column], None]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", None])
def test_midnight_in_its_own_zone_is_a_day(zone: str | None) -> None:
    midnight = pa.array([datetime.datetime(2017, 4, 30)], pa.timestamp("us"))
    values = midnight if zone is None else pa.compute.assume_timezone(midnight, zone)
    assert _conform("interaction_date", values)["interaction_date"] == [datetime.date(2017, 4, 30)]
