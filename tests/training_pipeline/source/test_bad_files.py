"""Files that cannot be loaded: each is refused in one line, and nothing is changed."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.source.loading import load
from training_pipeline.warehouse.postgres import connect

from .files import HEADER, row, write_bytes, write_csv, write_parquet, write_text

BAD_FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "unknown": (lambda folder: folder / "none.csv", r"none\.csv: no such file"),
    "folder": (lambda folder: folder, r": a folder; give the path of a CSV or Parquet file"),
    "extension": (
        lambda folder: write_text(folder / "own.xlsx", "x"),
        r"the name must end in \.csv, \.csv\.gz, \.parquet, received '\.xlsx'",
    ),
    "empty": (lambda folder: write_text(folder / "own.csv", ""), r"the file is empty"),
    "header only": (lambda folder: write_csv(folder / "own.csv", []), r"the file is empty"),
    "no rows": (
        lambda folder: write_parquet(
            folder / "own.parquet", **{name: pa.array([], pa.string()) for name in HEADER}
        ),
        r"the file is empty",
    ),
    "not parquet": (lambda folder: write_text(folder / "own.parquet", "no"), r"cannot be read as parquet"),
    "not text": (
        lambda folder: write_bytes(folder / "own.csv", b"\xff\xfe\x00"),
        r"cannot be read as csv",
    ),
    "missing": (
        lambda folder: write_csv(folder / "own.csv", [row(1)], HEADER[:-1]),
        r"columns must be interaction_id, .*\(interaction_date may be left out\); missing: amount\. Rename",
    ),
    "unexpected": (
        lambda folder: write_csv(folder / "own.csv", [row(1)], (*HEADER, "colour")),
        r"unexpected: colour",
    ),
    "renamed": (
        lambda folder: write_csv(folder / "own.csv", [row(1)], (*HEADER[:-1], "price")),
        r"missing: amount; unexpected: price",
    ),
    "names that one does not see": (
        lambda folder: write_csv(folder / "own.csv", [row(1)], (*HEADER[:-1], "amount ", "\x1b[2J")),
        r"missing: amount; unexpected: '\\x1b\[2J', 'amount '\. Rename",
    ),
    "a thousand more columns": (
        lambda folder: write_csv(folder / "own.csv", [row(1)], (*HEADER, *(f"x{n}" for n in range(1000)))),
        r"unexpected: x0, x1, x10, .* and 990 more\. Rename",
    ),
    "long name": (
        lambda folder: write_csv(folder / "own.csv", [row(1)], (*HEADER, "x" * 5000)),
        r"unexpected: 'x{80}'… \(5,000 characters\)\. Rename",
    ),
    "not compressed whole": (
        lambda folder: write_bytes(folder / "own.csv.gz", gzip.compress(b"interaction_id\n" * 999)[:-9]),
        r"cannot be read as csv: Compressed file ended before",
    ),
    "parquet cut off": (
        lambda folder: write_bytes(
            folder / "own.parquet", write_parquet(folder / "x.parquet").read_bytes()[:-20]
        ),
        r"cannot be read as parquet",
    ),
    "parquet called csv": (
        lambda folder: write_parquet(folder / "own.csv"),
        r"cannot be read as csv: it is a Parquet file; let its name end in \.parquet",
    ),
    "quotation mark never closed": (
        lambda folder: write_csv(folder / "own.csv", [row(1), row(2, department='"A'), row(3)]),
        r"own\.csv: row 2 \('basket-2.*\) has a quotation mark that is never closed",
    ),
    "other encoding": (
        lambda folder: write_bytes(
            write_csv(folder / "own.csv", [row(1)]), (folder / "own.csv").read_bytes().replace(b"GR", b"\xe9")
        ),
        r"column 'department', row 1: '\\\\xe9OCERY' is not of type text \(expected UTF-8\)",
    ),
    "repeated": (
        lambda folder: write_csv(folder / "own.csv", [row(1)], (*HEADER, "amount")),
        r"repeated: amount",
    ),
    "semicolons": (
        lambda folder: write_text(folder / "own.csv", ";".join(HEADER) + "\n"),
        r"\(a CSV file is separated by commas\)",
    ),
    "short row": (
        lambda folder: write_text(folder / "own.csv", ",".join(HEADER) + "\n1,2,3\n"),
        r"own\.csv: row 1 \('1,2,3'\) has 3 values, the header has 8 names",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_file_is_refused_in_one_sentence(settings: Settings, tmp_path: Path, case: str) -> None:
    make, message = BAD_FILES[case]
    with pytest.raises(PipelineError, match=message) as caught:
        load(settings, make(tmp_path))
    assert "\n" not in str(caught.value)
    with connect(settings) as connection:
        assert connection.execute("select to_regclass('raw.interaction')").fetchone() == (None,)
