"""The truth table: cases as data, read from `tests/macros/cases/`."""

import datetime as dt
import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .history import expand_history

CASES = Path(__file__).parent.parent / "cases"
ENGINES = ("postgres", "duckdb", "spark")
BATCHES = {"spark": 2}  # a case takes a hundred times as long there; one batch for each worker of `make test`
RUN_DATE = dt.date(2017, 12, 31)
EVIDENCE_COLUMNS = (
    "metric",
    "segment",
    "verdict",
    "reason",
    "current_value",
    "reference_value",
    "statistic",
    "lower_bound",
    "upper_bound",
    "sample_size",
    "subject_version",
)


@dataclass(frozen=True)
class Case:
    """One gate on one small table, with all evidence that it must leave.

    Attributes
    ----------
    columns, rows : the table, with types of `engines.TYPES`; `history` adds rows by a rule
    declared : columns and types that the YAML declares, where they differ from the table
    ledger : rows that earlier runs of the same gate left: `run_date`, `status`, `recorded_at`
    evidence : the expected rows; a column that a row does not name is not compared
    status : dbt's status of the test
    """

    gate: str
    name: str
    why: str
    columns: Mapping[str, str]
    arguments: Mapping[str, Any]
    evidence: Sequence[Mapping[str, Any]]
    status: str
    rows: Sequence[Sequence[Any]] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    declared: Sequence[Mapping[str, Any]] = ()
    ledger: Sequence[Mapping[str, Any]] = ()
    engines: Sequence[str] = ENGINES
    run_date: dt.date = RUN_DATE

    def __post_init__(self) -> None:
        if len(self.name) > 60:
            raise ValueError(f"case {self.name}: the name must be at most 60 characters; it names a table")
        unknown = {key for row in self.evidence for key in row} - set(EVIDENCE_COLUMNS)
        if unknown or not all({"verdict", "reason"} <= set(row) for row in self.evidence):
            raise ValueError(f"case {self.name}: evidence must name verdict and reason; unknown: {unknown}")
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"case {self.name}: each row must have {len(self.columns)} values")

    @property
    def tag(self) -> str:
        """Return the dbt tag that selects all cases of one run date."""
        return f"on_{self.run_date:%Y_%m_%d}"


@dataclass(frozen=True)
class Batch:
    """Cases that one process runs on one engine; the number of the batch, of `BATCHES` of the engine."""

    engine: str
    number: int

    @property
    def group(self) -> str:
        """Return the group that keeps the tests of the batch on one worker."""
        return f"{self.engine}-{self.number}"


def batches() -> Iterator[tuple[Batch, Case]]:
    """Yield every case on each of its engines; consecutive cases go to different batches."""
    for engine in ENGINES:
        cases = [case for case in load_cases() if engine in case.engines]
        for position, case in enumerate(cases):
            yield Batch(engine, position % BATCHES.get(engine, 1)), case


@functools.cache
def load_cases(gate: str | None = None) -> tuple[Case, ...]:
    """Read the cases of one gate, or of all."""
    files = sorted(CASES.glob(f"{gate or '*'}.yml"))
    cases = [case for file in files for case in read_cases(file)]
    names = [case.name for case in cases]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated or not cases:
        raise ValueError(f"cases of {gate or 'all gates'}: {len(cases)} found, repeated names: {repeated}")
    return tuple(cases)


def read_cases(file: Path) -> list[Case]:
    """Read the cases of a gate from its file, and from the files of the folder of that name, which have the same defaults."""
    found = []
    first, *topics = (
        yaml.safe_load(each.read_text(encoding="utf-8"))
        for each in (file, *sorted(file.with_suffix("").glob("*.yml")))
    )
    defaults = first.get("defaults", {})
    for entry in [entry for document in (first, *topics) for entry in document["cases"]]:
        values = {**defaults, **entry}
        values["arguments"] = {**defaults.get("arguments", {}), **entry.get("arguments", {})}
        run_date = values.get("run_date", RUN_DATE)
        history = values.pop("history", [])
        values["rows"] = list(values.get("rows", [])) + expand_history(history, values["columns"], run_date)
        found.append(Case(gate=file.stem, **values))
    return found


def differences(expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the differences between the expected and the found evidence; empty where there are none."""
    remaining = list(found)
    problems = []
    for row in expected:
        same = [other for other in remaining if all(is_same(row.get(k), other.get(k)) for k in row)]
        if same:
            remaining.remove(same[0])
        else:
            problems.append(f"expected {dict(row)}")
    problems.extend(f"found    { {name: row.get(name) for name in EVIDENCE_COLUMNS} }" for row in remaining)
    return problems


def is_same(expected: Any, found: Any) -> bool:
    """Say whether two values are equal; numbers are compared as numbers, whatever their type and format."""
    if expected is None or found is None:
        return expected is None and found is None
    try:
        left, right = float(expected), float(found)
    except ValueError:
        return str(expected) == str(found)
    return (math.isnan(left) and math.isnan(right)) or math.isclose(left, right, rel_tol=1e-9)
