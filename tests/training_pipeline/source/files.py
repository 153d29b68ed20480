"""Files of users, as the loader should get them and as it should not."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

NOON = datetime.datetime(2017, 4, 30, 12)
HEADER = (
    "interaction_id",
    "customer_id",
    "interaction_at",
    "interaction_date",
    "store_id",
    "department",
    "quantity",
    "amount",
)


def row(number: int, **changes: str) -> dict[str, str]:
    """Return a good row, with some of its values changed."""
    return {
        "interaction_id": f"basket-{number}",
        "customer_id": str(number % 7),
        "interaction_at": "2017-04-30 12:00:00",
        "interaction_date": "2017-04-30",
        "store_id": "5",
        "department": "GROCERY",
        "quantity": "2",
        "amount": "1.25",
        **changes,
    }


def write_csv(path: Path, rows: Sequence[Mapping[str, str]], header: tuple[str, ...] = HEADER) -> Path:
    """Write rows as CSV; a value that a row lacks is empty."""
    lines = [",".join(header), *(",".join(one.get(name, "") for name in header) for one in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_text(path: Path, text: str) -> Path:
    """Write a file."""
    path.write_text(text, encoding="utf-8")
    return path


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file."""
    path.write_bytes(content)
    return path


def write_parquet(path: Path, **columns: pa.Array) -> Path:
    """Write one good row, with some of its columns replaced."""
    good = {
        "interaction_id": pa.array(["basket-1"]),
        "customer_id": pa.array([1]),
        "interaction_at": pa.array([NOON]),
        "interaction_date": pa.array([NOON.date()]),
        "store_id": pa.array([5]),
        "department": pa.array(["GROCERY"]),
        "quantity": pa.array([2]),
        "amount": pa.array([1.25]),
    }
    pa.parquet.write_table(pa.table({**good, **columns}), path)
    return path
