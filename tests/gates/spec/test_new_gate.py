"""A gate is four files: its macro with the spec, its page, its cases and its use. All else reads the spec."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from gates.days.gate import Gate
from gates.ledger.wording import sentence
from gates.render.explain import formula, query
from gates.spec.__main__ import declared
from gates.spec.files import generated
from gates.spec.spec import Spec, specs_of
from gates.tuning.scales import scales_of
from tests.conftest import ROOT
from tests.gates.shop import LAST_DAY, write_shop
from tests.gates.tuning.conftest import evidence, fit
from tests.macros.harness.cases import read_cases
from tests.macros.harness.engines import DuckDB, create_statements
from tests.macros.harness.project import case_sources, write_project
from tests.macros.harness.run import invoke

MACRO = """
{% macro total_limit_spec() %}
    {% do return(gates.spec({
        "gate": "total_limit",
        "passes_when": "The total of the day is at most `max_total`.",
        "arguments": {
            "column_name": {},
            "date_column": {},
            "max_total": {"kind": "number", "above": 0, "default": 100, "also_called": ["budget"], "meaning": "Largest total, included"},
            "days_back": {}, "segment_column": {}, "min_segment_size": {}, "weight": {}, "on_missing": {}, "version": {},
        },
        "value_unit": "euros",
        "upper": "no more than",
        "formula": "sum of {column_name} = {current_value} of {max_total}",
        "sentence": "{current} of {max_total} in the budget{allowed}",
        "reasons": {"null_value": {"note": "no total", "sentence": "{column_name} has no total"}},
        "fitted": {"by": none, "bounds": [
            {"levels": ["max_total"], "scale": "asinh", "column": "current_value", "is_rule": true},
        ]},
    })) %}
{% endmacro %}

{% test total_limit(
    model, column_name, date_column, max_total, days_back, segment_column, min_segment_size, weight, on_missing, version
) %}
{{ gates.configure() }}
{% set args = gates.arguments(gates.total_limit_spec(), {
    "column_name": column_name, "date_column": date_column, "max_total": max_total, "days_back": days_back,
    "segment_column": segment_column, "min_segment_size": min_segment_size, "weight": weight, "on_missing": on_missing,
    "version": version,
}, kwargs) %}
{% set evidence %}
{% set total = "sum(" ~ gates.column(args.column_name) ~ ")" %}
{{ gates.bounded_value("total_limit", model, {total: {"lower_bound": none, "upper_bound": args.max_total}}, args) }}
{% endset %}
{{ gates.decided(evidence, model, args) }}
{% endtest %}
"""
PAGE = """# total_limit

## What it catches

- Too much.

## Arguments

## Formula

(the formula)

## How to fix
"""
CASES = """
defaults:
  columns: {day: date, amount: double}
  arguments: {column_name: amount, date_column: day}
cases:
  - name: total_too_large
    why: 120 is more than the default of 100
    rows: [[2017-12-31, 70], [2017-12-31, 50]]
    evidence: [{verdict: fail, reason: out_of_bounds, current_value: 120, upper_bound: 100}]
    status: fail
"""


@dataclass(frozen=True)
class Package:
    """A copy of the package with one more gate, and a project that uses it."""

    root: Path
    engine: DuckDB
    use: dict[str, Any]

    def parse(self, **arguments: Any) -> Any:
        """Return what dbt says when it parses the use, with other arguments where some are given."""
        use = yaml.safe_load(yaml.safe_dump(self.use))
        (test,) = use["sources"][0]["tables"][0]["data_tests"]
        test["gates.total_limit"]["arguments"] |= arguments
        write_project(self.project, self.engine.profile(), use, macros=self.root / "macros")
        return invoke(self.project, "parse", "--quiet")

    @property
    def project(self) -> Path:
        return self.root / "project"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    root = tmp_path_factory.mktemp("package")
    for part in ("macros", "docs/gates"):
        shutil.copytree(ROOT / part, root / part)
    shutil.copy(ROOT / "README.md", root)
    (root / "macros" / "gates" / "total_limit.sql").write_text(MACRO, encoding="utf-8")
    (root / "docs" / "gates" / "total_limit.md").write_text(PAGE, encoding="utf-8")
    (root / "total_limit.yml").write_text(CASES, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dbt's warnings
        written = declared(root / "macros")
    for path, text in generated(written, root).items():
        path.write_text(text, encoding="utf-8")
    engine = DuckDB(root / "toy.duckdb")
    cases = read_cases(root / "total_limit.yml")
    engine.execute(create_statements("duckdb", cases))
    return Package(root, engine, case_sources("duckdb", cases))


@pytest.fixture(scope="module")
def spec(package: Package) -> Spec:
    parsed = package.parse()
    assert parsed.success, parsed.exception
    return specs_of(parsed.result.macros)["total_limit"]


def toy(spec: Spec, **arguments: Any) -> Gate:
    given: Mapping[str, Any] = {"column_name": "amount", "date_column": "day", **arguments}
    return Gate(
        node_id="test.toy.total.1",
        name="total",
        spec=spec,
        arguments=given,
        relation="toy.sales",
        date_column="day",
        severity="error",
        where=None,
    )


def test_wrong_and_unknown_arguments_are_refused(package: Package) -> None:
    wrong = " ".join(str(package.parse(max_total=-1).exception).split())
    assert "gates.total_limit: `max_total` must be a number above 0; received -1." in wrong
    unknown = " ".join(str(package.parse(budget=5).exception).split())
    assert "`budget` must be an argument of this test" in unknown
    assert "received 5. Did you mean `max_total`?" in unknown


def test_files_are_written(package: Package) -> None:
    page = (package.root / "docs" / "gates" / "total_limit.md").read_text(encoding="utf-8")
    assert page.startswith("# total_limit\n\nThe total of the day is at most `max_total`.\n")
    assert "| `max_total` | float | `100` | a number above 0 | Largest total, included |" in page
    assert "| `days_back` | integer | `0` | a whole number of at least 0; only with `date_column` |" in page
    assert "- `sum of {column_name} = {current_value} of {max_total}`" in page
    properties = (package.root / "macros" / "gates" / "total_limit.yml").read_text(encoding="utf-8")
    (macro,) = yaml.safe_load(properties)["macros"]
    assert macro["name"] == "test_total_limit" and macro["arguments"][3]["type"] == "float"
    readme = (package.root / "README.md").read_text(encoding="utf-8")
    assert (
        "| [`total_limit`](docs/gates/total_limit.md) | The total of the day is at most `max_total`. |"
        in readme
    )


def test_printed_line_has_its_units_and_words(package: Package, spec: Spec) -> None:
    lines: list[str] = []

    def listen(event: Any) -> None:
        if event.info.name == "JinjaLogInfo":
            lines.append(" ".join(event.info.msg.split()))

    assert package.parse().success
    invoke(package.project, "--quiet", "test", environment={"RUN_DATE": "2017-12-31"}, callbacks=[listen])
    assert len([line for line in lines if "current 120 euros no more than 100 euros" in line]) == 1, lines


def test_explain_has_its_formula_and_sentence(spec: Spec) -> None:
    values = {"metric": "sum(amount)", "current_value": "120", "reference_value": None, "upper_bound": 100.0}
    row = evidence(toy(spec), 0, None) | values
    assert formula(toy(spec), row) == "sum of amount = 120 of 100; passes when no more than 100"
    assert (
        sentence(row, toy(spec).declared)
        == "sum(amount) is 120 of 100 in the budget, allowed no more than 100"
    )
    assert sentence(row | {"reason": "null_value"}, toy(spec).declared) == "amount has no total"
    assert "date '2017-12-29'" in query(toy(spec, days_back=2), dt.date(2017, 12, 31)), "the judged day"


def test_suggest_fits_its_bound(spec: Spec) -> None:
    of = toy(spec)
    assert list(scales_of(of, "sum(amount)")) == ["max_total"]
    rows = [
        evidence(of, number, None, "sum(amount)", current_value=str(40 + number % 7)) for number in range(400)
    ]
    (found,) = fit(of, rows)
    assert 46 < found.argument < 60 and found.replaced == 100


TOLL = """
{{ config(materialized="table") }}
select sent_day, kilos from {{ ref("parcel_by_day") }}
"""


def test_suggestion_for_it_can_be_pasted(package: Package, tmp_path: Path) -> None:
    """`suggest` and `backtest` on a project: the gate is nowhere in the Python of the package."""
    profile = {"type": "duckdb", "path": str(tmp_path / "toll.duckdb"), "schema": "freight", "threads": 1}

    def properties(test: Any) -> str:
        return yaml.safe_dump({"models": [{"name": "toll", "data_tests": [test]}]})

    arguments = {"column_name": "kilos", "date_column": "sent_day", "max_total": 100}
    use = {"gates.total_limit": {"name": "toll_total", "arguments": arguments}}
    faults = yaml.safe_dump({"tripled": {"set": {"kilos": "kilos * 3"}}})
    added = {"models/toll.sql": TOLL, "models/toll.yml": properties(use), "toll_faults.yml": faults}
    project = write_shop(tmp_path / "project", profile, package.root / "macros", added)

    def said(program: str, *given: str) -> str:
        command = [str(Path(sys.executable).with_name(program)), *given, "--profiles-dir", "."]
        environment = os.environ | {"COLUMNS": "200", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        ended = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    asked = ("--select", "toll_total", "--run-date", str(LAST_DAY))
    said("dbt", "run")
    before = said("gates", "backtest", *asked)
    assert "143 healthy days: 143 blocked" in before
    assert 'toll_total: sum("kilos") is ' in before
    assert "of 100 in the budget, allowed no more than 100" in before
    suggested = said(
        "gates", "suggest", *asked, "--false-alarms", "5", "--every", "20", "--faults", "toll_faults.yml"
    )
    (test,) = yaml.safe_load(suggested)["data_tests"]
    assert 300 < test["gates.total_limit"]["arguments"]["max_total"] < 700, suggested
    assert "#   finds tripled 100 %" in suggested
    (project / "models" / "toll.yml").write_text(properties(test))
    assert "143 healthy days: 0 blocked" in said("gates", "backtest", *asked)
