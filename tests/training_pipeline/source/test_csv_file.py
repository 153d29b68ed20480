"""CSV: what a writer wrote is what is read, wherever a block ends; what is no CSV is refused with its row."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from training_pipeline.source import csv_file
from training_pipeline.source.csv_file import NotCsvError

# What decides where a value ends, and characters of one to four bytes.
TEXTS = st.text(st.sampled_from(list("\",;\n\r\t 'aé漢😀\\0\x1b\ufeff")), max_size=12)
# The standard library's writer leaves a bare line break unquoted unless it is in the end of its lines.
STYLES = [(csv.QUOTE_MINIMAL, "\r\n"), *((csv.QUOTE_ALL, line_end) for line_end in ("\n", "\r\n", "\r"))]
ROWS = st.lists(st.tuples(TEXTS, TEXTS), max_size=30)


def _read(
    content: bytes, block_bytes: int = csv_file.BLOCK_BYTES
) -> tuple[list[str], list[list[str | None]]]:
    """Return the header and the rows, an empty value as None."""
    with patch.object(csv_file, "BLOCK_BYTES", block_bytes):
        file = io.BytesIO(content)
        names, _ = csv_file.header(file)
        rows = [
            [None if value is None else value.decode() for value in values]
            for batch in csv_file.batches(file)
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        ]
    return names, rows


def _written(rows: list[tuple[str, ...]], quoting: int, line_end: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting, lineterminator=line_end).writerows([("a", "b"), *rows])  # type: ignore[arg-type]
    return text.getvalue()


@settings(deadline=None)
@example([("\ufeff", "a"), ("\ufeffb", "c")], STYLES[0], 1, b"", bytes, "")
@given(
    rows=ROWS,
    style=st.sampled_from(STYLES),
    block_bytes=st.integers(1, 40),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    pack=st.sampled_from([bytes, gzip.compress]),
    tail=st.sampled_from(["", "\n", "\r\n\r\n"]),
)
def test_what_was_written_is_read(
    rows: list[tuple[str, str]],
    style: tuple[int, str],
    block_bytes: int,
    mark: bytes,
    pack: type[bytes],
    tail: str,
) -> None:
    text = _written(list(rows), *style)
    names, read = _read(pack(mark + (text + tail).encode()), block_bytes)
    assert names == ["a", "b"]
    assert read == [[value or None for value in row] for row in rows]


@settings(deadline=None)
@given(text=st.text(st.sampled_from(list('",\n\rx ')), max_size=60), block_bytes=st.integers(1, 40))
def test_any_text_is_read_as_the_standard_library_reads_it_or_refused(text: str, block_bytes: int) -> None:
    try:
        _, rows = _read(b"a,b\n" + text.encode(), block_bytes)
    except NotCsvError:
        return
    expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    assert rows == [[value or None for value in row] for row in expected]


@settings(deadline=None)
@example(b"a\r,\x80")
@given(content=st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        names, _ = csv_file.header(io.BytesIO(content))
        if names:
            list(csv_file.batches(io.BytesIO(content)))
    except (NotCsvError, EOFError, OSError, zlib.error):
        return  # what `files` puts into one line


REFUSED = {
    "never closed": (
        b'a,b\n1,2\n3,"x\n5,6\n',
        r"row 2 \('3,\"x.*\) has a quotation mark that is never closed",
    ),
    "never closed, more follow": (
        b'a,b\n1,2\n3,"x\n5,"y"\n',
        r"row 2 .* has a quotation mark inside a value: write it twice",
    ),
    "inside a value": (b'a,b\n1,5" pipe\n', r"row 1 .* has a quotation mark inside a value"),
    "after a value": (b'a,b\n1,"x" \n', r"row 1 .* has a quotation mark inside a value"),
    "before a value": (b'a,b\n1, "x"\n', r"row 1 .* has a quotation mark inside a value"),
    "backslash": (b'a,b\n1,"x\\"y"\n', r"row 1 .* has a quotation mark inside a value"),
    "too few": (b"a,b\n\n1,2\n\n3\n", r"row 2 \('3'\) has 1 values, the header has 2 names"),
    "too many": (b'a,b\n1,2\n"\n",4,5\n', r"row 2 .* has 3 values, the header has 2 names"),
    "white space": (b"a,b\n1,2\n  \n", r"row 2 \('  '\) has 1 values"),
    "workbook": (b"PK\x03\x04rest", r"a ZIP archive or a workbook; save it as CSV"),
    "parquet": (b"PAR1rest", r"a Parquet file; let its name end in \.parquet"),
    "bzip2": (b"BZh91AY", r"compressed by bzip2"),
    "xz": (b"\xfd7zXZ\x00", r"compressed by xz"),
    "zstandard": (b"\x28\xb5\x2f\xfd\x00", r"compressed by Zstandard"),
    "UTF-16": ("a,b\n".encode("utf-16"), r"text in UTF-16; save it as UTF-8"),
    "Latin-1 header": ("é,b\n1,2\n".encode("latin-1"), r"the header is not UTF-8"),
    "open header": (b'"a,b\n1,2\n', r"the header cannot be read"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("block_bytes", [3, csv_file.BLOCK_BYTES])
def test_what_is_no_csv_is_refused_with_its_row(case: str, block_bytes: int) -> None:
    content, message = REFUSED[case]
    with pytest.raises(NotCsvError, match=message):
        _read(content, block_bytes)


def test_rows_before_the_broken_one_come_first() -> None:
    batches = csv_file.batches(io.BytesIO(b'a,b\n1,2\n3,4\n5,"x'))
    assert next(batches).num_rows == 2
    with pytest.raises(NotCsvError, match="row 3"):
        next(batches)


def test_long_row_and_long_header_are_bounded() -> None:
    with patch.object(csv_file, "ROW_BYTES", 100), pytest.raises(NotCsvError, match=r"row 2 is longer than"):
        _read(b'a,b\n1,2\n3,"' + b"x" * 200 + b'"\n5,6\n', block_bytes=50)
    wide = ",".join(f"column_{number}" for number in range(1, 50_000))
    assert len(_read(wide.encode() + b"\n")[0]) == 49_999
    with (
        patch.object(csv_file, "HEADER_BYTES", 100),
        pytest.raises(NotCsvError, match="header is longer than"),
    ):
        _read(b"\n".join([b",".join([b"abc"] * 100), b"1,2"]))


def test_archive_of_several_members_and_a_broken_one() -> None:
    assert _read(gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n"))[1] == [["1", "2"], ["3", "4"]]
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
    with pytest.raises(EOFError, match="ended before"):
        _read(packed[:-9])
    with pytest.raises(OSError, match="CRC check failed"):
        _read(packed[:-8] + bytes(4) + packed[-4:])
