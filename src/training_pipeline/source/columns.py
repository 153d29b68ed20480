"""The columns of the raw table, as the dbt source declares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import yaml

from gates.text import escaped, printable
from training_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from training_pipeline.config import Settings

INSTANT, DAY = "interaction_at", "interaction_date"
DECLARED = ("interaction_id", "customer_id", INSTANT, DAY)
# A row without these is in no partition or has no key. Then the file is broken, and no gate can judge the share of such rows.
REQUIRED = ("interaction_id", INSTANT, DAY)

TYPES = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp without time zone": pa.timestamp("us"),
}


@dataclass(frozen=True)
class Column:
    """A column of the raw table and its Postgres type."""

    name: str
    data_type: str

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type that Postgres stores without a conversion."""
        return TYPES[self.data_type]


def declared_columns(settings: Settings) -> tuple[Column, ...]:
    """Read the columns of the source `raw.interaction` from the dbt project, the only place that declares them.

    Raises
    ------
    PipelineError
        When the source is not declared, lacks a required column, or a column has no type that can be loaded.
    """
    for path in sorted((settings.dbt_project / "models").rglob("*.yml")):
        try:
            declared = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise PipelineError(f"{escaped(path)} cannot be read: {printable(error)}") from error
        for source in declared.get("sources", []):
            for table in source.get("tables", []):
                if (source["name"], table["name"]) == ("raw", "interaction"):
                    return _columns(table.get("columns", []), escaped(path.relative_to(settings.root)))
    raise PipelineError(
        f"no YAML under {settings.dbt_project}/models declares the source raw.interaction: "
        "the loader takes its columns and types from there"
    )


def _columns(declared: Sequence[dict[str, Any]], path: str) -> tuple[Column, ...]:
    columns = tuple(Column(column["name"], str(column.get("data_type"))) for column in declared)
    for column in columns:
        if column.data_type not in TYPES:
            raise PipelineError(
                f"{path}: column {column.name!r} of raw.interaction must declare a data_type out of "
                f"{', '.join(TYPES)}, received {column.data_type!r}"
            )
    if missing := sorted(set(DECLARED) - {column.name for column in columns}):
        raise PipelineError(f"{path}: raw.interaction must declare {', '.join(missing)}")
    return columns


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the columns as an Arrow schema."""
    return pa.schema([(column.name, column.arrow) for column in columns])
