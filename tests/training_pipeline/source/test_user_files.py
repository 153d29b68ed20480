import csv
import datetime
import gzip
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gates.text import escaped
from training_pipeline import cli
from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.source.loading import load
from training_pipeline.warehouse.postgres import connect

from .files import HEADER, NOON, row, write_bytes, write_csv, write_parquet


def _loaded(settings: Settings, columns: str = "*") -> list[tuple[object, ...]]:
    with connect(settings) as connection:
        return connection.execute(f"select {columns} from raw.interaction order by interaction_id").fetchall()


def test_csv_file(settings: Settings, tmp_path: Path) -> None:
    result = load(settings, write_csv(tmp_path / "own.csv", [row(1), row(2, department='"A ""B"", C"')]))
    assert (result.rows, result.changed) == (2, True)
    assert _loaded(settings) == [
        ("basket-1", 1, NOON, NOON.date(), 5, "GROCERY", 2, 1.25),
        ("basket-2", 2, NOON, NOON.date(), 5, 'A "B", C', 2, 1.25),
    ]


def test_parquet_file(settings: Settings, tmp_path: Path) -> None:
    result = load(settings, write_parquet(tmp_path / "own.parquet"))
    assert (result.rows, result.changed) == (1, True)
    assert _loaded(settings) == [("basket-1", 1, NOON, NOON.date(), 5, "GROCERY", 2, 1.25)]


def test_same_file_is_loaded_once_and_a_changed_one_again(settings: Settings, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "own.csv", [row(1)])
    assert load(settings, file).changed is True
    assert load(settings, file).changed is False
    write_csv(file, [row(1), row(2)])
    assert load(settings, file).changed is True
    assert len(_loaded(settings)) == 2


def test_compressed_csv_is_the_same_rows(settings: Settings, tmp_path: Path) -> None:
    plain = write_csv(tmp_path / "own.csv", [row(1), row(2)])
    packed = write_bytes(tmp_path / "own.csv.gz", gzip.compress(plain.read_bytes()))
    load(settings, plain)
    rows = _loaded(settings)
    assert load(settings, packed).changed is True, "other bytes"
    assert _loaded(settings) == rows


def test_link_has_the_name_that_says_the_format(settings: Settings, tmp_path: Path) -> None:
    write_csv(tmp_path / "0123456789abcdef", [row(1)])
    (tmp_path / "own.csv").symlink_to("0123456789abcdef")
    assert load(settings, tmp_path / "own.csv").rows == 1


FILE_NAMES = (
    'it\'s "mine" (1).csv',
    " .csv",
    "ünï-漢-😀.csv",
    "-rf.csv",
    "two\nlines.csv",
    "\x1b[31mred\x07.csv",
    "\u202egnp.csv",
    os.fsdecode(b"latin-\xe9.csv"),
    "[red]x[b].csv",
    "%s{0}$1.csv",
    "OWN.CSV",
)


@pytest.mark.parametrize("name", FILE_NAMES)
def test_odd_file_name_is_loaded_and_shown_without_control_characters(
    settings: Settings, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_csv(tmp_path / name, [row(1)])
    for done in ("loaded", "already holds"):
        cli.load(file)
        note, end = capsys.readouterr().out.split("\n")
        assert done in note and escaped(name) in note and not end
        assert note.isprintable()
    write_csv(file, [row(1, amount="much")])
    with pytest.raises(PipelineError) as refusal:
        load(settings, file)
    assert str(refusal.value).startswith(f"{escaped(file)}: column 'amount', row 1: ")
    assert str(refusal.value).isprintable()


@hypothesis_settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
        min_size=1,
        unique=True,
    )
)
def test_any_text_comes_back_from_the_warehouse(settings: Settings, tmp_path: Path, texts: list[str]) -> None:
    file = tmp_path / "own.csv"
    with file.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, HEADER, quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows([row(1, interaction_id=text, department=text) for text in texts])
    load(settings, file, force=True)
    loaded = _loaded(settings, "interaction_id, department")
    assert sorted(loaded) == sorted((text, text) for text in texts)


def test_order_of_columns_does_not_matter(settings: Settings, tmp_path: Path) -> None:
    load(settings, write_csv(tmp_path / "own.csv", [row(1)], header=HEADER[::-1]))
    assert _loaded(settings, "interaction_id, customer_id, amount") == [("basket-1", 1, 1.25)]


def test_byte_order_mark_is_no_part_of_the_first_name(settings: Settings, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "own.csv", [row(1)])
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    load(settings, file)
    assert _loaded(settings, "interaction_id") == [("basket-1",)]


def test_absent_day_is_the_local_day_of_the_instant(settings: Settings, tmp_path: Path) -> None:
    rows = [
        row(1, interaction_at="2017-05-01 03:59:59"),
        row(2, interaction_at="2017-05-01 04:00:00"),
    ]
    header = tuple(name for name in HEADER if name != "interaction_date")
    load(settings, write_csv(tmp_path / "own.csv", rows, header))
    assert _loaded(settings, "interaction_date::text") == [("2017-04-30",), ("2017-05-01",)]


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2017-04-30 12:00:00", NOON),
        ("2017-04-30T12:00:00Z", NOON),
        ("2017-04-30T14:00:00+02:00", NOON),
        ("2017-04-30 08:00:00-0400", NOON),
        ("2017-04-30 12:00:00.5", NOON.replace(microsecond=500_000)),
        ("2017-04-30", NOON.replace(hour=0)),
    ],
)
def test_instants_become_utc(
    settings: Settings, tmp_path: Path, written: str, instant: datetime.datetime
) -> None:
    load(settings, write_csv(tmp_path / "own.csv", [row(1, interaction_at=written)]))
    assert _loaded(settings, "interaction_at") == [(instant,)]


@pytest.mark.parametrize(
    "instants",
    [
        pa.array([NOON], pa.timestamp("ns")),
        pa.array([NOON], pa.timestamp("s")),
        pa.array([NOON], pa.timestamp("us", tz="UTC")),
        pa.array([NOON], pa.timestamp("us", tz="Europe/Berlin")),
        pa.array(["2017-04-30T14:00:00+02:00"]),
    ],
    ids=str,
)
def test_instants_of_parquet_become_utc(settings: Settings, tmp_path: Path, instants: pa.Array) -> None:
    load(settings, write_parquet(tmp_path / "own.parquet", interaction_at=instants))
    assert _loaded(settings, "interaction_at") == [(NOON,)]


def test_types_that_lose_nothing_are_cast(settings: Settings, tmp_path: Path) -> None:
    file = write_parquet(
        tmp_path / "own.parquet",
        customer_id=pa.array(["17"]),
        interaction_date=pa.array([datetime.datetime(2017, 4, 30)]),
        store_id=pa.array([5.0]),
        department=pa.array(["GROCERY"]).dictionary_encode(),
        quantity=pa.array([2], pa.int8()),
        amount=pa.array([1], pa.int32()),
    )
    load(settings, file)
    assert _loaded(settings) == [("basket-1", 17, NOON, NOON.date(), 5, "GROCERY", 2, 1.0)]


def test_nulls_that_the_gates_judge_are_loaded(settings: Settings, tmp_path: Path) -> None:
    gaps = dict.fromkeys(("customer_id", "store_id", "department", "quantity", "amount"), "")
    load(settings, write_csv(tmp_path / "own.csv", [row(1, **gaps)]))
    assert _loaded(settings, ", ".join(gaps)) == [(None,) * len(gaps)]


BAD_VALUES = {
    "customer_id": ("seven", "is not of type bigint (expected a whole number from"),
    "interaction_at": (
        "yesterday",
        "is not of type timestamp without time zone (expected YYYY-MM-DD HH:MM:SS",
    ),
    "interaction_date": ("30.04.2017", "is not of type date (expected YYYY-MM-DD)"),
    "quantity": ("1.5", "is not of type bigint"),
    "amount": ("1,25", "is not of type double precision (expected a number with a decimal point)"),
}


@pytest.mark.parametrize("column", BAD_VALUES)
def test_bad_value_is_named_with_its_place(settings: Settings, tmp_path: Path, column: str) -> None:
    value, rule = BAD_VALUES[column]
    rows = [row(number) for number in range(1, 2000)]
    rows[1500][column] = f'"{value}"'
    file = write_csv(tmp_path / "own.csv", rows)
    with pytest.raises(PipelineError) as caught:
        load(settings, file)
    message = str(caught.value)
    assert message.startswith(f"{file}: column '{column}', row 1501: '{value}' {rule}")
    assert "correct the value, or leave it empty" in message


@pytest.mark.parametrize("column", ["interaction_id", "interaction_at", "interaction_date"])
def test_row_without_a_key_is_refused(settings: Settings, tmp_path: Path, column: str) -> None:
    file = write_csv(tmp_path / "own.csv", [row(1), row(2, **{column: ""})])
    with pytest.raises(
        PipelineError, match=rf"own\.csv: column '{column}', row 2: empty, but every row needs it"
    ):
        load(settings, file)


def test_day_with_a_time_of_day_is_refused(settings: Settings, tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "own.parquet", interaction_date=pa.array([NOON]))
    with pytest.raises(PipelineError, match=r"column 'interaction_date', row 1: .* is not of type date"):
        load(settings, file)


def test_type_without_a_cast_is_refused(settings: Settings, tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "own.parquet", amount=pa.array([[1.25]]))
    with pytest.raises(
        PipelineError, match=r"column 'amount' is of type list<.*cannot become double precision"
    ):
        load(settings, file)
