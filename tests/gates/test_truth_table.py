"""One truth on three engines: each case leaves the same evidence on each."""

from collections.abc import Callable, Sequence

import pytest

from .conftest import Evidence
from .harness.cases import ENGINES, Case, differences, load_cases
from .harness.project import MACROS


def kinds(case: Case) -> set[tuple[str, str]]:
    """What a case is an example of."""
    found = {("status", case.status), ("ledger", str(bool(case.ledger)))}
    found |= {("evidence", f"{row['verdict']} {row['reason']}") for row in case.evidence}
    found |= {("argument", name) for name in case.arguments}
    found |= {("method", str(case.arguments.get(name))) for name in ("method", "ratio_formula")}
    found |= {("config", name) for name in case.config}
    found |= {("type", name) for name in case.columns.values()}
    if not case.rows:
        found.add(("rows", "none"))
    if any(value is None for row in case.rows for value in row):
        found.add(("rows", "NULL"))
    if any(word in case.name for word in ("bound", "exactly", "ulp", "equal")):
        found.add(("rows", "boundary"))
    return found


def covering(cases: Sequence[Case]) -> set[str]:
    """The names of few cases that are examples of every kind, always the same ones."""
    missing = set().union(*(kinds(case) for case in cases))
    chosen = set()
    while missing:
        best = max(cases, key=lambda case: len(kinds(case) & missing))
        chosen.add(best.name)
        missing -= kinds(best)
    return chosen


# Spark takes up to seconds to plan a case: with every change it is given those that differ in kind, and all of them by
# `make test-long`. The other engines are always given all.
QUICK = set().union(
    *(
        covering([case for case in load_cases(gate) if "spark" in case.engines])
        for gate in sorted({case.gate for case in load_cases()})
    )
)
CASES = [
    pytest.param(
        engine,
        case,
        id=f"{engine}-{case.name}",
        marks=[pytest.mark.long] * (engine == "spark" and case.name not in QUICK),
    )
    for engine in ENGINES
    for case in load_cases()
    if engine in case.engines
]


@pytest.mark.parametrize(("engine", "case"), CASES)
def test_case(engine: str, case: Case, evidence: Callable[[str], Evidence]) -> None:
    rows = evidence(engine).get(case.name, [])
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
    """Each gate passes, fails, breaks, warns by severity and is scoped; those on rows also see nothing at all."""
    cases = [case for case in load_cases() if case.gate == gate]
    assert {"pass", "fail", "warn", "error"} <= {case.status for case in cases}
    assert any(case.config.get("severity") == "warn" for case in cases)
    if gate != "schema_match":
        reasons = {row["reason"] for case in cases for row in case.evidence}
        assert {"ok", "no_current", "query_error"} <= reasons
        assert any("where" in case.config for case in cases)
        assert any(not case.rows for case in cases)
        assert any("timestamp" in case.columns.values() for case in cases)


@pytest.mark.parametrize("gate", sorted({case.gate for case in load_cases()}))
def test_quick_cases_on_spark_are_of_every_kind(gate: str) -> None:
    cases = [case for case in load_cases(gate) if "spark" in case.engines]
    quick = [case for case in cases if case.name in QUICK]
    assert {case.status for case in quick} >= {"pass", "fail", "warn"}
    assert set().union(*map(kinds, quick)) == set().union(*map(kinds, cases))
