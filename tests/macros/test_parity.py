"""The first four gates decide like Airflow's operators, which run here on the same tables.

Where they differ, ours fails and the operator passes by accident; every such accident is one of `ACCIDENTS`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .harness.engines import Postgres
from .harness.parity import ACCIDENTS, DAYS_BACK, TODAY, Data, Parity, aggregate, compare

# Numbers of drawn arguments; each draw is tried on several tables.
EXAMPLES = {"interval": 270, "tolerance": 220, "text": 100, "range": 200, "existence": 300}
LEAST_CASES = 2000


@pytest.fixture(scope="module")
def parity(
    make_postgres: Callable[[str], Postgres], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Parity]:
    made = Parity(make_postgres("gates_parity"), tmp_path_factory.mktemp("parity"))
    yield made
    made.close()


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
    """Return a bound: far away, equal to the value, or one ulp from it."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return st.floats(-10, 10)
    exact = float(value)
    return st.one_of(
        st.floats(-1e3, 1e3),
        st.sampled_from(
            [exact, math.nextafter(exact, math.inf), math.nextafter(exact, -math.inf), exact / 2, exact * 2]
        ),
    )


def variants(data: st.DataObject, first: Data) -> list[Data]:
    """Return the table that the bounds aim at, tables with numbers of the same sizes, and a separate one."""
    current, reference = first.current, first.reference
    return [
        first,
        Data(reference, current),
        Data(negated(current), reference),
        Data(negated(current), negated(reference)),
        Data([*current, data.draw(amount)], reference),
        Data(data.draw(days), data.draw(days)),
    ]


def negated(values: Any) -> list[float | None]:
    return [None if value is None else -value for value in values]


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
        bound = data.draw(st.one_of(near(ratio), st.sampled_from([2.0, 100.0, 1e7])))
        metrics[expression] = bound if least < bound < math.inf else least + 0.5
    arguments = {
        "date_column": "day", "metrics": metrics, "days_back": DAYS_BACK, "ratio_formula": formula,
        "ignore_zero": data.draw(st.booleans()),
    }  # fmt: skip
    for table in variants(data, Data(current, reference)):
        if parity.is_new("interval_ratio", arguments, table):
            compare_intervals(parity, table, arguments)


def compare_intervals(parity: Parity, table: Data, arguments: Mapping[str, Any]) -> None:
    """Compare the verdict on all metrics together, and the verdict on each metric."""
    parity.fill(table)
    passed, by_metric = parity.airflow.run(
        "SQLIntervalCheckOperator", table="parity.rows", metrics_thresholds=arguments["metrics"],
        date_filter_column="day", days_back=-DAYS_BACK, ratio_formula=arguments["ratio_formula"],
        ignore_zero=arguments["ignore_zero"],
    )  # fmt: skip
    rows = parity.gate("interval_ratio", arguments)
    assert {row["metric"] for row in rows} in (set(arguments["metrics"]), set())
    parity.compare("interval_ratio", passed, rows, table)
    for row in rows:
        if f"interval_{row['metric']}" in by_metric:
            compare(by_metric[f"interval_{row['metric']}"], [row], table)


@given(data=st.data(), current=days, expression=expressions)
@settings(quick, max_examples=EXAMPLES["tolerance"])
def test_tolerance(parity: Parity, data: st.DataObject, current: list[Any], expression: str) -> None:
    pass_value = data.draw(near(aggregate(expression, current)))
    tolerance = data.draw(
        st.one_of(st.none(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, 2.0]), st.floats(0, 3))
    )
    bounds = {"pass_value": pass_value, "tolerance": tolerance}
    arguments = {"date_column": "day", "expression": expression, **bounds}
    for table in variants(data, Data(current)):
        compare_values(parity, "value_tolerance", "SQLValueCheckOperator", arguments, bounds, table)


@given(data=st.data(), current=days, expression=expressions)
@settings(quick, max_examples=EXAMPLES["range"])
def test_range(parity: Parity, data: st.DataObject, current: list[Any], expression: str) -> None:
    value = aggregate(expression, current)
    low, high = sorted([data.draw(near(value)), data.draw(near(value))])
    bounds = {"min_threshold": low, "max_threshold": high}
    arguments = {"date_column": "day", "expression": expression, "min_value": low, "max_value": high}
    for table in variants(data, Data(current)):
        compare_values(parity, "value_range", "SQLThresholdCheckOperator", arguments, bounds, table)


def compare_values(
    parity: Parity, gate: str, operator: str, arguments: Mapping[str, Any], bounds: Mapping[str, Any], table: Data
) -> None:  # fmt: skip
    """Compare the verdicts on one value of the current day."""
    if not parity.is_new(gate, arguments, table.current):
        return
    parity.fill(table)
    query = f"select {arguments['expression']} from parity.rows where day = '{TODAY}'"
    passed, _ = parity.airflow.run(operator, sql=query, **bounds)
    parity.compare(gate, passed, parity.gate(gate, arguments), table)


@given(
    kinds=st.lists(st.sampled_from(["open", "shut", "it's", "None", "Open", None]), max_size=3),
    pass_value=st.sampled_from(["open", "shut", "it's", "None"]),
)
@settings(quick, max_examples=EXAMPLES["text"])
def test_tolerance_of_text(parity: Parity, kinds: list[Any], pass_value: str) -> None:
    arguments = {"date_column": "day", "expression": "max(kind)", "pass_value": pass_value}
    if not parity.is_new("value_tolerance", arguments, kinds):
        return
    parity.fill(Data([]), kinds)
    query = f"select max(kind) from parity.rows where day = '{TODAY}'"
    passed, _ = parity.airflow.run("SQLValueCheckOperator", sql=query, pass_value=pass_value)
    (row,) = parity.gate("value_tolerance", arguments)
    if passed and row["verdict"] != "pass":
        # the operator compares the text of Python's None where the value is NULL
        assert row["reason"] == ("null_value" if kinds else "no_current")
        assert (row["current_value"], pass_value) == (None, "None")
        parity.outcomes["value_tolerance", row["reason"]] += 1
    else:
        parity.compare("value_tolerance", passed, [row], Data([]))


@given(current=days, reference=days, min_rows=st.integers(1, 4))
@settings(quick, max_examples=EXAMPLES["existence"])
def test_existence(parity: Parity, current: list[Any], reference: list[Any], min_rows: int) -> None:
    arguments = {"date_column": "day", "min_rows": min_rows}
    table = Data(current, reference)
    if not parity.is_new("row_existence", arguments, table):
        return
    parity.fill(table)
    query = f"select count(*) >= {min_rows} from parity.rows where day = '{TODAY}'"
    passed, _ = parity.airflow.run("SQLCheckOperator", sql=query)
    (row,) = parity.gate("row_existence", arguments)
    assert passed == (row["verdict"] == "pass"), row  # of this gate there are no accidents
    parity.outcomes["row_existence", "both pass" if passed else "both fail"] += 1


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
        ("opposite signs: 5 over -5 is -1, below any bound", [5], [-5], interval, "sign_change"),
        ("a negative reference: the difference over it is negative", [-40], [-4], difference, "out_of_bounds"),
        ("a negative reference and a positive value", [40], [-4], difference, "sign_change"),
        ("a change of sign below a bound above 2", [-5], [5], {**difference, "metrics": {"sum(amount)": 3.0}}, "sign_change"),
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
    parity.fill(Data(current, reference))
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


def test_enough_cases(parity: Parity, request: pytest.FixtureRequest) -> None:
    """When the whole module ran, it has executed enough distinct random cases of every outcome."""
    if {item.name for item in request.session.items if item.path == request.path} < {
        "test_interval", "test_tolerance", "test_tolerance_of_text", "test_range", "test_existence",
    }:  # fmt: skip
        pytest.skip("only a part of this module was selected")
    found = parity.outcomes
    sys.stdout.write(f"{parity.cases} cases: {dict(sorted(found.items()))}\n")  # pytest -rP shows it
    assert parity.cases >= LEAST_CASES
    for gate in ("row_existence", "interval_ratio", "value_tolerance", "value_range"):
        assert min(found[gate, "both pass"], found[gate, "both fail"]) >= 40, found
    for reason in ACCIDENTS:
        assert found["interval_ratio", reason] > 0, found
