"""Evidence is printed in one line with numbers that a person can read; Python formats numbers in the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gates.text import short

from .harness.engines import SCHEMA, Postgres
from .harness.project import write_project
from .harness.run import invoke

VALUES = {
    "broken\nname": "99999.5",
    "esc\x1b[2J\u202e": "5",
    "large": "1469307.25",
    "huge": "1e+20",
    "near": "-999999.9999",
    "negative": "-250000",
    "odd": "0.000123456789",
    "whole": "3872.000000001",
}


@pytest.fixture(scope="module")
def lines(make_postgres: Callable[[str], Postgres], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    engine = make_postgres("gates_print")
    names = {segment: segment.replace("\n", "\\n") for segment in VALUES}
    rows = ", ".join(f"(E'{names[segment]}', {value})" for segment, value in VALUES.items())
    engine.execute(
        [
            f"create schema {SCHEMA}",
            f"create table {SCHEMA}.sales as select * from (values {rows}) as given (shop, amount)",
        ]
    )
    arguments = {"expression": "sum(\n  amount\n)", "max_value": -1_000_000, "segment_column": "shop"}
    passing = {"gates.value_range": {"name": "large", "arguments": {**arguments, "max_value": 1e21}}}
    table = {"name": "sales", "data_tests": [{"gates.value_range": {"arguments": arguments}}, passing]}
    directory = write_project(
        tmp_path_factory.mktemp("print"),
        engine.profile(),
        {"sources": [{"name": "shop", "schema": SCHEMA, "tables": [table]}]},
    )
    found: list[str] = []

    def listen(event: Any) -> None:
        if event.info.name == "JinjaLogInfo":
            found.append(event.info.msg)

    invoke(directory, "--quiet", "test", environment={"RUN_DATE": "2026-11-22"}, callbacks=[listen])
    return found


def test_each_metric_is_one_line_and_failures_come_first(lines: list[str]) -> None:
    assert lines[0] == "gates on 2026-11-22: 8 failed, 0 warned, 8 passed"
    assert [" ".join(line.split()) for line in lines[1:-1]] == [
        f"FAIL value_range {SCHEMA}.sales sum( amount ) [{segment}] current {value} at most -1000000 n 1 row out of bounds"
        for segment, value in [
            ("broken name", "99999.5"),
            ("esc\\u001b[2J\\u202e", "5"),
            ("huge", "1e+20"),
            ("large", "1469307"),
            ("near", "-999999.9999"),  # more digits, since -1000000 would be within its bound
            ("negative", "-250000"),
            ("odd", "0.000123457"),
            ("whole", "3872"),
        ]
    ]
    assert not any("\n" in line for line in lines)


def test_what_passed_is_one_line_for_each_relation(lines: list[str]) -> None:
    assert lines[-1] == f"PASS  {SCHEMA}.sales: 8 checks passed"


def test_columns_stand_under_each_other(lines: list[str]) -> None:
    for word in ("value_range", f"{SCHEMA}.sales", "current ", "at most ", "n 1 row"):
        assert len({line.index(word) for line in lines[1:-1]}) == 1, word


def test_python_spells_numbers_likewise(lines: list[str]) -> None:
    printed = {line.partition("current ")[2].split()[0] for line in lines[1:-1]}
    assert printed - {VALUES["near"]} == {short(value) for name, value in VALUES.items() if name != "near"}
