"""The first four gates decide as Airflow's operators do, which are executed here on the same tables.

Where they differ, ours fails and the operator passes by accident; every such accident is one of `ACCIDENTS`.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from .harness.airflow_checks import AirflowChecks
from .harness.compiled import GateCompiler
from .harness.engines import Postgres, Row

pytestmark = pytest.mark.long

TODAY, DAYS_BACK = dt.date(2017, 12, 31), 7
EXAMPLES = {"interval": 900, "tolerance": 500, "range": 400, "existence": 300}
VALID: dict[str, dict[str, Any]] = {
    "row_existence": {"date_column": "day"},
    "interval_ratio": {"date_column": "day", "metrics": {"count(*)": 2}},
    "value_tolerance": {"date_column": "day", "pass_value": 1},
    "value_range": {"date_column": "day", "expression": "count(*)", "min_value": 1},
}
executed: Counter[str] = Counter()
accidents: Counter[str] = Counter()


@dataclass(frozen=True)
class Data:
    """What was put into the table, and about what Postgres makes of it."""

    current: list[Any]
    reference: list[Any]
    now: float | None
    then: float | None

    @property
    def is_unusable(self) -> bool:
        return any(value is None or not math.isfinite(value) for value in self.current + self.reference)

    @property
    def are_negative(self) -> bool:
        return self.now is not None and self.then is not None and self.now < 0 and self.then < 0

    @property
    def differ_in_sign(self) -> bool:
        return self.now is not None and self.then is not None and self.now * self.then < 0


# The reason that we give, and what must be so of the data for Airflow's pass to be an accident.
ACCIDENTS: dict[str, Callable[[Data], bool]] = {
    "no_current": lambda data: not data.current,
    "no_reference": lambda data: not data.reference,
    "null_value": lambda data: data.is_unusable,
    "sign_change": lambda data: data.differ_in_sign,
    # Of two negatives max_over_min is at most 1, and over a negative reference relative_diff is at most 0.
    "out_of_bounds": lambda data: data.are_negative,
}


class Parity:
    """The same table before a gate and an operator."""

    def __init__(self, engine: Postgres, directory: Path) -> None:
        self._connection = psycopg.connect(**engine.connection, autocommit=True, row_factory=dict_row)
        self._connection.execute(
            "create schema parity; create table parity.rows (day date, amount double precision, kind text)"
        )
        self.airflow = AirflowChecks(engine.connection, directory / "airflow", TODAY.isoformat())
        tests = [
            {f"gates.{gate}": {"name": gate, "arguments": arguments}} for gate, arguments in VALID.items()
        ]
        table = {"name": "rows", "columns": [{"name": "day"}], "data_tests": tests}
        models = {"sources": [{"name": "parity", "schema": "parity", "tables": [table]}]}
        self._compiler = GateCompiler(engine, directory / "project", models)

    def fill(self, current: list[Any], reference: list[Any], kinds: list[Any] | None = None) -> None:
        """Put the amounts of both days into the table; `kinds` are the texts of the current day."""
        rows = [(TODAY, amount, None) for amount in current]
        rows += [(TODAY - dt.timedelta(days=DAYS_BACK), amount, None) for amount in reference]
        rows += [(TODAY, None, kind) for kind in kinds or []]
        with self._connection.cursor() as cursor:
            cursor.execute("truncate parity.rows")
            cursor.executemany("insert into parity.rows values (%s, %s, %s)", rows)

    def gate(self, gate: str, arguments: Mapping[str, Any]) -> list[Row]:
        """Run the gate's own SQL, as dbt compiles it; no rows where the query breaks, which is a failure."""
        try:
            return self._connection.execute(
                self._compiler.compile(gate, arguments, TODAY).encode()
            ).fetchall()
        except psycopg.errors.NumericValueOutOfRange:
            return []

    def close(self) -> None:
        self._connection.close()
        self.airflow.close()


@pytest.fixture(scope="module")
def parity(
    make_postgres: Callable[[str], Postgres], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Parity]:
    made = Parity(make_postgres("gates_parity"), tmp_path_factory.mktemp("parity"))
    yield made
    made.close()


def assert_parity(passed: bool, rows: list[Row], current: list[Any], reference: list[Any]) -> None:
    """The same verdict, or a documented accident: never one that we pass and Airflow does not."""
    failing = [row for row in rows if row["verdict"] != "pass"]
    if passed == (bool(rows) and not failing):
        return
    assert passed, f"Airflow fails, we pass: {rows}"
    assert rows, "Airflow passes, our query breaks"
    for row in failing:
        now, then = (aggregate(row["metric"], values) for values in (current, reference))
        accident = ACCIDENTS[row["reason"]](Data(current, reference, now, then))
        assert accident, f"Airflow passes, and not by accident: {row}"
        accidents[f"{row['gate']} {row['reason']}"] += 1


usual = st.sampled_from([0.1, 0.2, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 7.0, 100.0])
odd = st.sampled_from(
    [0.0, -0.0, -1.0, -2.0, -0.5, 1e300, -1e300, 1e-300, math.nan, math.inf, -math.inf, None]
)
amount = st.one_of(usual, usual, st.floats(-1e6, 1e6, allow_subnormal=False), odd)
days = st.lists(amount, max_size=4)
expressions = st.sampled_from(
    ["count(*)", "count(amount)", "sum(amount)", "min(amount)", "max(amount)", "avg(amount)"]
)
quick = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def near(value: Any) -> st.SearchStrategy[float]:
    """A bound far away, on the value itself, or one ulp beside it."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return st.floats(-10, 10)
    exact = float(value)
    return st.one_of(
        st.floats(-1e3, 1e3),
        st.sampled_from(
            [exact, math.nextafter(exact, math.inf), math.nextafter(exact, -math.inf), exact / 2, exact * 2]
        ),
    )


def aggregate(expression: str, values: list[float | None]) -> float | None:
    """About what Postgres computes, to aim bounds at."""
    present = [value for value in values if value is not None]
    if expression.startswith("count"):
        return len(values) if expression == "count(*)" else len(present)
    if not present:
        return None
    return {
        "sum": sum(present),
        "min": min(present),
        "max": max(present),
        "avg": sum(present) / len(present),
    }[expression[:3]]


@given(data=st.data(), current=days, reference=days)
@settings(quick, max_examples=EXAMPLES["interval"])
def test_interval(parity: Parity, data: st.DataObject, current: list[Any], reference: list[Any]) -> None:
    formula = data.draw(st.sampled_from(["max_over_min", "relative_diff"]))
    least = 1.0 if formula == "max_over_min" else 0.0
    metrics = {}
    for expression in data.draw(st.lists(expressions, min_size=1, max_size=3, unique=True)):
        now, then = aggregate(expression, current), aggregate(expression, reference)
        ratio = None
        if now and then and math.isfinite(now * then):
            ratio = max(now, then) / min(now, then) if formula == "max_over_min" else abs(now - then) / then
        threshold = data.draw(near(ratio))
        metrics[expression] = threshold if least < threshold < math.inf else least + 0.5
    ignore_zero = data.draw(st.booleans())
    parity.fill(current, reference)
    passed, by_metric = parity.airflow.run(
        "SQLIntervalCheckOperator", table="parity.rows", metrics_thresholds=metrics, date_filter_column="day",
        days_back=-DAYS_BACK, ratio_formula=formula, ignore_zero=ignore_zero,
    )  # fmt: skip
    rows = parity.gate(
        "interval_ratio", {"date_column": "day", "metrics": metrics, "days_back": DAYS_BACK, "ratio_formula": formula,
                           "ignore_zero": ignore_zero}
    )  # fmt: skip
    executed["interval"] += 1
    assert {row["metric"] for row in rows} in (set(metrics), set())
    assert_parity(passed, rows, current, reference)
    for row in rows:
        if f"interval_{row['metric']}" in by_metric:
            assert_parity(by_metric[f"interval_{row['metric']}"], [row], current, reference)


@given(data=st.data(), current=days, expression=expressions)
@settings(quick, max_examples=EXAMPLES["tolerance"])
def test_tolerance(parity: Parity, data: st.DataObject, current: list[Any], expression: str) -> None:
    value = aggregate(expression, current)
    pass_value = data.draw(near(value))
    tolerance = data.draw(
        st.one_of(st.none(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, 2.0]), st.floats(0, 3))
    )
    parity.fill(current, [])
    query = f"select {expression} from parity.rows where day = '{TODAY}'"
    passed, _ = parity.airflow.run(
        "SQLValueCheckOperator", sql=query, pass_value=pass_value, tolerance=tolerance
    )
    executed["tolerance"] += 1
    assert_parity(passed, parity.gate("value_tolerance", {
        "date_column": "day", "expression": expression, "pass_value": pass_value, "tolerance": tolerance,
    }), current, [])  # fmt: skip


@given(
    kinds=st.lists(st.sampled_from(["open", "shut", "it's", "None", "Open", None]), max_size=3),
    data=st.data(),
)
@settings(quick, max_examples=EXAMPLES["tolerance"] // 5)
def test_tolerance_of_text(parity: Parity, data: st.DataObject, kinds: list[Any]) -> None:
    pass_value = data.draw(st.sampled_from(["open", "shut", "it's", "None"]))
    parity.fill([], [], kinds)
    query = f"select max(kind) from parity.rows where day = '{TODAY}'"
    passed, _ = parity.airflow.run("SQLValueCheckOperator", sql=query, pass_value=pass_value)
    rows = parity.gate(
        "value_tolerance", {"date_column": "day", "expression": "max(kind)", "pass_value": pass_value}
    )
    executed["tolerance"] += 1
    if passed and rows[0]["verdict"] != "pass":
        assert rows[0]["reason"] in ("null_value", "no_current")
        assert (rows[0]["current_value"], pass_value) == (None, "None")
    else:
        assert passed == (rows[0]["verdict"] == "pass")


@given(data=st.data(), current=days, expression=expressions)
@settings(quick, max_examples=EXAMPLES["range"])
def test_range(parity: Parity, data: st.DataObject, current: list[Any], expression: str) -> None:
    value = aggregate(expression, current)
    low, high = sorted([data.draw(near(value)), data.draw(near(value))])
    parity.fill(current, [])
    query = f"select {expression} from parity.rows where day = '{TODAY}'"
    passed, _ = parity.airflow.run(
        "SQLThresholdCheckOperator", sql=query, min_threshold=low, max_threshold=high
    )
    executed["range"] += 1
    assert_parity(passed, parity.gate("value_range", {
        "date_column": "day", "expression": expression, "min_value": low, "max_value": high,
    }), current, [])  # fmt: skip


@given(current=days, reference=days, min_rows=st.integers(1, 4))
@settings(quick, max_examples=EXAMPLES["existence"])
def test_existence(parity: Parity, current: list[Any], reference: list[Any], min_rows: int) -> None:
    parity.fill(current, reference)
    query = f"select count(*) >= {min_rows} from parity.rows where day = '{TODAY}'"
    passed, _ = parity.airflow.run("SQLCheckOperator", sql=query)
    rows = parity.gate("row_existence", {"date_column": "day", "min_rows": min_rows})
    executed["existence"] += 1
    assert passed == (rows[0]["verdict"] == "pass")


interval = {
    "gate": "interval_ratio",
    "metrics": {"sum(amount)": 1.5},
    "ratio_formula": "max_over_min",
    "ignore_zero": True,
}
difference = {**interval, "ratio_formula": "relative_diff"}
counted = {**interval, "metrics": {"count(*)": 1.5}}
ranged = {"gate": "value_range", "expression": "count(*)", "min_value": 0, "max_value": 10}
equal = {"gate": "value_tolerance", "expression": "count(*)", "pass_value": 0}


@pytest.mark.parametrize(
    ("why", "current", "reference", "arguments", "reason"),
    [
        ("a day without rows: the count of zero is ignored", [], [5], counted, "no_current"),
        ("a reference day that is absent", [5], [], counted, "no_reference"),
        ("neither day is there", [], [], counted, "no_current"),
        ("a NULL metric against a zero", [None], [0], interval, "null_value"),
        ("NaN: Python's max and min keep their first value", [5.0], [math.nan], interval, "null_value"),
        ("two negatives: -4 over -2 the wrong way round is 0.5", [-2], [-4], interval, "out_of_bounds"),
        ("opposite signs: 5 over -5 is -1, below any threshold", [5], [-5], interval, "sign_change"),
        ("a negative reference: the difference over it is negative", [-40], [-4], difference, "out_of_bounds"),
        ("a negative reference and a positive value", [40], [-4], difference, "sign_change"),
        ("a change of sign below a threshold above 2", [-5], [5], {**difference, "metrics": {"sum(amount)": 3.0}}, "sign_change"),
        ("no rows, and zero within the range", [], [5], ranged, "no_current"),
        ("no rows, where zero is expected", [], [5], equal, "no_current"),
        ("NULL, whose text in Python is None", [None], [], {**equal, "expression": "max(kind)", "pass_value": "None"}, "null_value"),
    ],
)  # fmt: skip
def test_accidental_pass(
    parity: Parity, why: str, current: list[Any], reference: list[Any], arguments: dict[str, Any], reason: str
) -> None:
    gate = arguments["gate"]
    given_arguments = {name: value for name, value in arguments.items() if name != "gate"}
    parity.fill(current, reference)
    if gate == "interval_ratio":
        passed, _ = parity.airflow.run(
            "SQLIntervalCheckOperator", table="parity.rows", date_filter_column="day", days_back=-DAYS_BACK,
            metrics_thresholds=arguments["metrics"], ratio_formula=arguments["ratio_formula"], ignore_zero=True,
        )  # fmt: skip
    else:
        query = f"select {arguments['expression']} from parity.rows where day = '{TODAY}'"
        bounds = (
            {"min_threshold": 0, "max_threshold": 10}
            if gate == "value_range"
            else {"pass_value": arguments["pass_value"]}
        )
        operator = "SQLThresholdCheckOperator" if gate == "value_range" else "SQLValueCheckOperator"
        passed, _ = parity.airflow.run(operator, sql=query, **bounds)
    rows = parity.gate(gate, {"date_column": "day", **given_arguments})
    assert passed, why
    assert [(row["verdict"], row["reason"]) for row in rows] == [("fail", reason)], why


def test_enough_cases(request: pytest.FixtureRequest) -> None:
    """At least 2,000 random cases were executed, when all of this module ran."""
    if {item.name for item in request.session.items if item.path == request.path} < {
        "test_interval", "test_tolerance", "test_range", "test_existence",
    }:  # fmt: skip
        pytest.skip("only a part of this module was selected")
    assert executed.total() >= 2000, executed
    assert {f"interval_ratio {reason}" for reason in ACCIDENTS} <= set(accidents)
    assert accidents.total() < executed.total() / 3, accidents
