"""CSV as RFC 4180 defines it, compressed by gzip or not: the header, and blocks that end where a row ends.

Arrow parses the rows. Where a row ends is decided here, by the quotation marks: Arrow takes a quotation mark that is never
closed as a value up to the end of the file, and says nothing.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv

from gates.text import QUOTED_CHARACTERS, quoted

BLOCK_BYTES = 4 << 20
HEADER_BYTES = 1 << 20
ROW_BYTES = 16 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
# The message of Arrow, whose handler of invalid rows does not get rows that are not UTF-8.
_INVALID_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): (.*)", re.DOTALL)
_QUOTE, _COMMA, _LF, _CR = b'",\n\r'
_BESIDE_QUOTES = (_COMMA, _LF, _CR, _QUOTE)
_INSIDE = "a quotation mark inside a value: write it twice, and put the whole value in quotation marks"
_NEVER_CLOSED = "a quotation mark that is never closed"
_OTHER_FORMATS = {
    b"PAR1": "it is a Parquet file; let its name end in .parquet",
    b"PK\x03\x04": "it is a ZIP archive or a workbook; save it as CSV",
    b"BZh": "it is compressed by bzip2; uncompress it, or use gzip",
    b"\x28\xb5\x2f\xfd": "it is compressed by Zstandard; uncompress it, or use gzip",
    b"\xfd7zXZ": "it is compressed by xz; uncompress it, or use gzip",
    b"\xff\xfe": "it is text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "it is text in UTF-16; save it as UTF-8",
}


class NotCsvError(Exception):
    """The content is wrong; the caller adds the name of the file."""


def header(file: BinaryIO) -> tuple[list[str], None]:
    """Return the names of the columns; the number of rows is not known beforehand.

    Raises
    ------
    NotCsvError
        When the content does not begin with a header.
    """
    return _header(_text(file))[0], None


def batches(file: BinaryIO) -> Iterator[pa.RecordBatch]:
    """Yield the rows with every column as bytes. The loader casts them, so that it can name a wrong value.

    Raises
    ------
    NotCsvError
        For the first row whose quotation marks or number of values are wrong.
    """
    text = _text(file)
    names, length = _header(text)
    text.seek(length)
    rows = 0
    for block, problem in _blocks(text):
        for batch in _parse(block, names, rows):
            rows += batch.num_rows
            yield batch
        if problem is not None:
            raise NotCsvError(f"row {rows + 1} {problem}")


def _text(file: BinaryIO) -> BinaryIO:
    """Return the text from its first byte, uncompressed."""
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    for signature, reason in _OTHER_FORMATS.items():
        if start.startswith(signature):
            raise NotCsvError(reason)
    if start.startswith(_GZIP):
        return io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=file)))
    return file


def _header(text: BinaryIO) -> tuple[list[str], int]:
    """Return the names of the columns, and the number of bytes before the first row."""
    start = text.read(HEADER_BYTES)
    length = len(_BYTE_ORDER_MARK) if start.startswith(_BYTE_ORDER_MARK) else 0
    ends = [length]

    def lines() -> Iterator[str]:
        # one character for each byte, so that characters count bytes
        for line in _LINE.finditer(start[length:].decode("latin-1")):
            ends.append(length + line.end())
            yield line.group()

    try:
        names = next((names for names in csv.reader(lines(), strict=True) if names), [])
    except csv.Error as error:
        raise NotCsvError(f"the header cannot be read: {error}") from error
    if ends[-1] == HEADER_BYTES:
        raise NotCsvError(
            f"the header is longer than {HEADER_BYTES >> 20} MiB: is the first line the header?"
        )
    try:
        return [name.encode("latin-1").decode() for name in names], ends[-1]
    except UnicodeDecodeError as error:
        raise NotCsvError("the header is not UTF-8; save the file as UTF-8") from error


def _blocks(text: BinaryIO) -> Iterator[tuple[bytes, str | None]]:
    """Yield whole rows, and the fault of the row after them; None without a fault."""
    rest, is_last = b"", False
    while not is_last:
        more = text.read(BLOCK_BYTES)
        is_last = not more
        block = rest + more
        end, problem = _whole_rows(block, is_last)
        rest = block[end:]
        if problem is None and len(rest) > ROW_BYTES:
            problem = f"is longer than {ROW_BYTES >> 20} MiB; has it {_NEVER_CLOSED}?"
        yield block[:end], problem


def _whole_rows(block: bytes, is_last: bool) -> tuple[int, str | None]:
    """Return where the last whole row of a block ends, and the fault of the quotation marks after it.

    Parameters
    ----------
    block : bytes
        Text that begins where a row begins.
    is_last : bool
        Whether the file ends with the block.
    """
    codes = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(codes == _QUOTE)
    breaks = np.flatnonzero((codes == _LF) | (codes == _CR))
    # a line break after an even number of quotation marks ends a row
    ends = breaks[np.searchsorted(quotes, breaks) % 2 == 0] + 1
    neighbours = np.pad(codes, 1, constant_values=_LF)
    before, after = neighbours[quotes[::2]], neighbours[quotes[1::2] + 2]
    wrong = np.concatenate(
        (quotes[::2][~np.isin(before, _BESIDE_QUOTES)], quotes[1::2][~np.isin(after, _BESIDE_QUOTES)])
    )
    problem = None
    if wrong.size:
        ends, problem = ends[ends <= wrong.min()], _INSIDE
    elif is_last and quotes.size % 2:
        problem = _NEVER_CLOSED
    elif is_last:
        return len(block), None
    end = int(ends[-1]) if ends.size else 0
    row = block[end : end + QUOTED_CHARACTERS].decode("utf-8", "backslashreplace")
    return end, problem and f"({quoted(row)}) has {problem}"


def _parse(block: bytes, names: Sequence[str], rows_before: int) -> list[pa.RecordBatch]:
    if not block.strip(b"\r\n"):
        return []
    if block.startswith(_BYTE_ORDER_MARK):
        # at this place it is a character of the first value, which Arrow would drop
        block = b"\n" + block
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(block),
            read_options=pa.csv.ReadOptions(
                column_names=names,
                block_size=len(block) + 1,
                use_threads=False,  # else a row has no number
            ),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowInvalid as error:
        invalid = _INVALID_ROW.search(str(error))
        if invalid is None:
            raise
        number, expected, actual, row = invalid.groups()
        raise NotCsvError(
            f"row {rows_before + int(number)} ({quoted(row)}) has {actual} values, "
            f"the header has {expected} names; values are separated by commas"
        ) from error
    return list(table.to_batches())
