"""Files of users, as the loader should get them and as it should not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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
