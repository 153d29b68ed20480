"""The truth table: each case leaves the same evidence on each engine."""

from collections.abc import Callable

import pytest

from .conftest import Evidence
from .harness.cases import Batch, Case, batches, differences, load_cases
from .harness.project import MACROS

CASES = [
    pytest.param(batch, case, id=f"{batch.engine}-{case.name}", marks=pytest.mark.xdist_group(batch.group))
    for batch, case in batches()
]


@pytest.mark.parametrize(("batch", "case"), CASES)
def test_case(batch: Batch, case: Case, evidence: Callable[[Batch], Evidence]) -> None:
    rows = evidence(batch).get(case.name, [])
    assert differences(case.evidence, rows) == [], case.why
    assert {row["status"] for row in rows} == {case.status}, case.why
    assert {row["run_date"] for row in rows} == {case.run_date.isoformat()}
    broken = case.status == "error"
    assert {row["gate"] for row in rows} == {case.gate}, (
        "a broken query is recorded under its gate" if broken else ""
    )


def test_every_gate_has_cases() -> None:
    gates = {file.stem for file in (MACROS / "gates").glob("*.sql")}
    assert {case.gate for case in load_cases()} == gates


@pytest.mark.parametrize("gate", sorted({case.gate for case in load_cases()}))
def test_the_usual_dangers_are_covered(gate: str) -> None:
    """Each gate has cases that pass, fail, break, warn by severity and have a scope; gates on rows also judge an empty table."""
    cases = [case for case in load_cases() if case.gate == gate]
    assert {"pass", "fail", "warn", "error"} <= {case.status for case in cases}
    assert any(case.config.get("severity") == "warn" for case in cases)
    if gate != "schema_match":
        reasons = {row["reason"] for case in cases for row in case.evidence}
        assert {"ok", "no_current", "query_error"} <= reasons
        assert any("where" in case.config for case in cases)
        assert any(not case.rows for case in cases)
        assert any("timestamp" in case.columns.values() for case in cases)
