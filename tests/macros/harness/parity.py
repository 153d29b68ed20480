"""Judge one table by a gate and by the operator of Airflow that it replaces, and say when the two may differ."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from .airflow_checks import AirflowChecks
from .compiled import GateCompiler
from .engines import Postgres, Row, literal

TODAY, DAYS_BACK = dt.date(2017, 12, 31), 7
REFERENCE_DAY = TODAY - dt.timedelta(days=DAYS_BACK)
VALID: dict[str, dict[str, Any]] = {
    "row_existence": {"date_column": "day"},
    "interval_ratio": {"date_column": "day", "metrics": {"count(*)": 2}},
    "value_tolerance": {"date_column": "day", "pass_value": 1},
    "value_range": {"date_column": "day", "expression": "count(*)", "min_value": 1},
}


@dataclass(frozen=True)
class Data:
    """The amounts of the run date and of its reference day."""

    current: Sequence[float | None]
    reference: Sequence[float | None] = ()


@dataclass(frozen=True)
class Compared:
    """The amounts, and roughly the aggregates that Postgres computes from them."""

    data: Data
    now: float | None
    then: float | None

    @property
    def are_unusable(self) -> bool:
        given = [*self.data.current, *self.data.reference]
        return any(value is None or not math.isfinite(value) for value in given)

    @property
    def are_negative(self) -> bool:
        return self.now is not None and self.then is not None and self.now < 0 and self.then < 0

    @property
    def differ_in_sign(self) -> bool:
        # signs are compared, because the product of tiny values underflows to zero
        return (
            self.now is not None
            and self.then is not None
            and min(self.now, self.then) < 0 < max(self.now, self.then)
        )


# By reason of the gate, the condition on the data under which Airflow passes by accident.
ACCIDENTS: dict[str, Callable[[Compared], bool]] = {
    "no_current": lambda compared: not compared.data.current,
    "no_reference": lambda compared: not compared.data.reference,
    "null_value": lambda compared: compared.are_unusable,
    "sign_change": lambda compared: compared.differ_in_sign,
    # max_over_min of two negative values is at most 1, and relative_diff over a negative reference is at most 0
    "out_of_bounds": lambda compared: compared.are_negative,
}


class Parity:
    """A table that a gate and an operator judge.

    Attributes
    ----------
    outcomes : how many of the distinct cases ended how: ("interval_ratio", "both pass"), ("interval_ratio", "sign_change")
    """

    def __init__(self, engine: Postgres, directory: Path) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self._seen: set[str] = set()
        self._compiled: dict[str, str] = {}
        self._connection = psycopg.connect(**engine.connection, autocommit=True, row_factory=dict_row)
        self._connection.execute("create schema parity")
        self._connection.execute(
            "create unlogged table parity.rows (day date, amount double precision, kind text)"
        )
        self.airflow = AirflowChecks(engine.connection, directory / "airflow", TODAY.isoformat())
        tests = [
            {f"gates.{gate}": {"name": gate, "arguments": arguments}} for gate, arguments in VALID.items()
        ]
        table = {"name": "rows", "columns": [{"name": "day"}], "data_tests": tests}
        models = {"sources": [{"name": "parity", "schema": "parity", "tables": [table]}]}
        self._compiler = GateCompiler(engine, directory / "project", models)

    @property
    def cases(self) -> int:
        """Return the number of distinct cases."""
        return len(self._seen)

    def is_new(self, gate: str, arguments: Mapping[str, Any], data: object) -> bool:
        """Remember a case; return whether it is new."""
        key = repr((gate, sorted(arguments.items()), data))
        new = key not in self._seen
        self._seen.add(key)
        return new

    def fill(self, data: Data, kinds: Sequence[str | None] = ()) -> None:
        """Put the amounts of both days into the table; `kinds` are the texts of the current day."""
        rows: list[tuple[dt.date, Any, str | None]] = [
            (TODAY - dt.timedelta(days=5 * DAYS_BACK), 1.0, None),  # a younger table would be learning
            *((TODAY, amount, None) for amount in data.current),
            *((REFERENCE_DAY, amount, None) for amount in data.reference),
            *((TODAY, None, kind) for kind in kinds),
        ]
        values = ", ".join(f"({', '.join(literal('postgres', value) for value in row)})" for row in rows)
        self._connection.execute(f"delete from parity.rows; insert into parity.rows values {values}".encode())

    def gate(self, gate: str, arguments: Mapping[str, Any]) -> list[Row]:
        """Run the SQL of the gate, as dbt compiles it; return no rows where the query breaks, which is a failure."""
        key = repr((gate, arguments))
        if key not in self._compiled:
            self._compiled = {key: self._compiler.compile(gate, arguments, TODAY)}
        try:
            return self._connection.execute(self._compiled[key].encode()).fetchall()
        except psycopg.errors.NumericValueOutOfRange:
            return []

    def compare(self, gate: str, passed: bool, rows: Sequence[Row], data: Data) -> None:
        """Require the same verdict or a documented accident; the gate never passes where Airflow fails."""
        for reason in compare(passed, rows, data):
            self.outcomes[gate, reason] += 1

    def close(self) -> None:
        self._connection.close()
        self.airflow.close()


def compare(passed: bool, rows: Sequence[Row], data: Data) -> set[str]:
    """Return `both pass`, `both fail`, or the reasons of the gate where it fails and Airflow passes by accident.

    Raises
    ------
    AssertionError
        When the verdicts differ in any other way.
    """
    failing = [row for row in rows if row["verdict"] != "pass"]
    if passed == (bool(rows) and not failing):
        return {"both pass" if passed else "both fail"}
    assert passed, f"Airflow fails, we pass: {rows}"
    assert rows, "Airflow passes, our query breaks"
    for row in failing:
        now, then = (aggregate(row["metric"], values) for values in (data.current, data.reference))
        accident = ACCIDENTS[row["reason"]](Compared(data, now, then))
        assert accident, f"Airflow passes, and not by accident: {row}"
    return {row["reason"] for row in failing}


def aggregate(expression: str, values: Sequence[float | None]) -> float | None:
    """Return roughly the aggregate that Postgres computes, to aim bounds at; for Postgres NaN is larger than every number."""
    present = [value for value in values if value is not None]
    if expression.startswith("count"):
        return len(values) if expression == "count(*)" else len(present)
    if not present:
        return None
    numbers = [value for value in present if not math.isnan(value)]
    return {
        "sum": sum(present),
        "min": min(numbers, default=math.nan),
        "max": max(numbers) if len(numbers) == len(present) else math.nan,
        "avg": sum(present) / len(present),
    }[expression[:3]]
