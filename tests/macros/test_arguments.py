"""A wrong argument is refused when dbt parses; the message names the gate, the argument, the rule and the value received."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gates.spec.package import read_specs

from .harness.cases import CASES
from .harness.compiled import GateCompiler
from .harness.engines import DuckDB
from .harness.project import write_project
from .harness.run import invoke

ARGUMENTS = {
    file.stem: yaml.safe_load(file.read_text(encoding="utf-8"))["arguments"]
    for file in sorted(CASES.glob("*.yml"))
}
VALID = {gate: arguments["valid"] for gate, arguments in ARGUMENTS.items()}


def refusals() -> Iterator[Any]:
    for gate, arguments in ARGUMENTS.items():
        for argument, rules in arguments["refused"].items():
            for rule, values in rules.items():
                for entry in values:
                    beside = entry["with"] if isinstance(entry, Mapping) and "with" in entry else {}
                    value = entry["value"] if beside else entry
                    given = {
                        **VALID[gate],
                        **({} if "[" in argument else {argument: value}),
                        **beside,
                    }
                    yield pytest.param(
                        gate,
                        argument,
                        rule,
                        value,
                        given,
                        id=f"{gate}-{argument}-{json.dumps(value)}-{len(beside)}",
                    )


def models(gate: str, arguments: Mapping[str, Any], **config: Any) -> dict[str, Any]:
    """Return the property YAML of one source with one gate; the table need not exist."""
    test = {f"gates.{gate}": {"name": gate, "arguments": dict(arguments), "config": config}}
    columns = [{"name": "day", "data_type": "date"}]
    return {
        "sources": [{"name": "cases", "tables": [{"name": "rows", "columns": columns, "data_tests": [test]}]}]
    }


@pytest.fixture(scope="module")
def compilers(tmp_path_factory: pytest.TempPathFactory) -> GateCompiler:
    """Return a project with one valid use of each gate."""
    directory = tmp_path_factory.mktemp("arguments")
    properties: dict[str, Any] = {"sources": []}
    for gate, arguments in VALID.items():
        source = models(gate, arguments)["sources"][0]
        properties["sources"].append({**source, "name": gate})
    return GateCompiler(DuckDB(directory / "none.duckdb"), directory, properties)


@pytest.mark.parametrize(("gate", "argument", "rule", "value", "arguments"), list(refusals()))
def test_refused(
    gate: str, argument: str, rule: str, value: Any, arguments: dict[str, Any], compilers: GateCompiler
) -> None:
    """Each test is rendered as when dbt parses, because parsing the project for each value would take long."""
    with pytest.raises(Exception, match="gates") as refusal:
        compilers.compile(gate, arguments, execute=False)
    received = json.dumps(value)
    expected = f"gates.{gate}: `{argument}` must be {rule}; received {received}. Fix the argument in the YAML of this test."
    assert " ".join(expected.split()) in " ".join(str(refusal.value).split())


@pytest.fixture(scope="module")
def parse(tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("parse")
    profile = DuckDB(directory / "none.duckdb").profile()

    def run(gate: str, arguments: Mapping[str, Any], **config: Any) -> str | None:
        """Return the error of dbt when it parses; empty without an error."""
        write_project(directory, profile, models(gate, arguments, **config))
        result = invoke(directory, "parse", "--quiet")
        return None if result.success else " ".join(str(result.exception).split())

    return run


@pytest.mark.parametrize("gate", sorted(VALID))
def test_refused_when_dbt_parses(gate: str, parse: Any) -> None:
    argument = {"row_existence": "min_rows", "schema_match": "unexpected"}.get(gate, "on_missing")
    assert parse(gate, VALID[gate]) is None
    message = parse(gate, {**VALID[gate], argument: "nonsense"})
    assert message is not None
    assert f"gates.{gate}: `{argument}` must be " in message
    assert 'received "nonsense"' in message


@pytest.mark.parametrize("gate", sorted(VALID))
def test_unknown_argument(gate: str, parse: Any) -> None:
    message = parse(gate, {**VALID[gate], "no_such_argument": 1})
    assert message is not None
    assert f"gates.{gate}: `no_such_argument` must be an argument of this test, which are " in message
    assert "; received 1. " in message


@pytest.mark.parametrize(
    ("gate", "given", "meant"),
    [
        ("value_range", "metrics", "expression"),
        ("value_range", "column_name", "expression"),
        ("value_range", "min_threshold", "min_value"),
        ("value_range", "maxvalue", "max_value"),
        ("interval_ratio", "expression", "metrics"),
        ("interval_ratio", "metrics_thresholds", "metrics"),
        ("interval_ratio", "Days-Back", "days_back"),
        ("metric_anomaly", "timestamp_column", "date_column"),
        ("metric_anomaly", "anomaly_sensitivity", "warn_z"),
        ("share_limit", "where", "condition"),
        ("share_limit", "dimensions", "segment_column"),
        ("duplicate_limit", "combination_of_columns", "key"),
        ("category_match", "column", "column_name"),
        ("category_match", "max_unseen", "max_unseen_share"),
        ("row_existence", "date", "date_column"),
        ("value_tolerance", "tolerence", "tolerance"),
        ("category_match", "category_column", "column_name"),  # the one required argument that is missing
        ("duplicate_limit", "key_columns", "key"),
    ],
)
def test_unknown_argument_gets_a_hint(gate: str, given: str, meant: str, compilers: GateCompiler) -> None:
    """People type the name that another gate, another package or Airflow uses, or mistype it."""
    others = {name: value for name, value in VALID[gate].items() if name != meant}
    with pytest.raises(Exception, match="gates") as refusal:
        compilers.compile(gate, {**others, given: "x"}, execute=False)
    assert f'received "x". Did you mean `{meant}`?' in " ".join(str(refusal.value).split())


def test_a_hint_names_no_argument_that_is_given(compilers: GateCompiler) -> None:
    with pytest.raises(Exception, match="gates") as refusal:
        compilers.compile("row_existence", {"date_column": "day", "date_colum": "x"}, execute=False)
    assert '; received "x". Fix the argument in the YAML' in " ".join(str(refusal.value).split())


def test_unknown_argument_that_is_like_none(compilers: GateCompiler) -> None:
    for name, advice in (("zzz", "Fix the argument"), ("column_name", "Declare the test below the model")):
        with pytest.raises(Exception, match="gates") as refusal:
            compilers.compile("row_existence", {"date_column": "day", name: "x"}, execute=False)
        assert f'; received "x". {advice}' in " ".join(str(refusal.value).split())


@pytest.mark.parametrize(
    ("gate", "argument"),
    [
        (gate, argument)
        for gate, arguments in VALID.items()
        for argument in arguments
        if not argument.startswith("max_")
    ],
)
def test_missing_argument(gate: str, argument: str, compilers: GateCompiler) -> None:
    arguments = {name: value for name, value in VALID[gate].items() if name != argument}
    with pytest.raises(Exception, match="gates") as refusal:
        compilers.compile(gate, arguments, execute=False)
    assert f"gates.{gate}: `{argument}` must be " in str(refusal.value)


def test_schema_match_cannot_be_scoped(tmp_path: Path) -> None:
    """A scope would be ignored, so it is refused. The gate sees it only when the test runs."""
    compiler = GateCompiler(
        DuckDB(tmp_path / "none.duckdb"), tmp_path, models("schema_match", {}, where="amount > 0")
    )
    with pytest.raises(Exception, match="gates") as refusal:
        compiler.compile("schema_match")
    rule = (
        'gates.schema_match: `where` must be left out: all rows have the same columns; received "amount > 0".'
    )
    assert rule in str(refusal.value)


def test_every_gate_and_argument_is_here() -> None:
    """Each argument of each gate has a bad value here."""
    specs = read_specs()
    assert set(ARGUMENTS) == set(specs)
    for gate, spec in specs.items():
        assert {name.split("[")[0] for name in ARGUMENTS[gate]["refused"]} == set(spec.arguments), gate


def test_dbt_has_no_complaint(parse: Any, tmp_path: Path) -> None:
    """The property YAML of the macros has their arguments in order, with types that dbt knows."""
    write_project(
        tmp_path, DuckDB(tmp_path / "none.duckdb").profile(), models("row_existence", VALID["row_existence"])
    )
    result = invoke(tmp_path, "--warn-error-options", '{"error": "all"}', "parse", "--quiet")
    assert result.success, result.exception
