"""Evidence at a glance, and in full."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gates.ledger.declared import Declared
from gates.render.cards import Context
from gates.render.overview import by_relation, in_full, tally
from tests.gates.ledger.rows import ledger_row
from tests.gates.spec.package import read_specs

CONTEXT = Context(schema="shop")


def passed(relation: str, number: int = 1) -> list[dict[str, Any]]:
    return [ledger_row(reason="ok", relation=relation) for _ in range(number)]


def test_outcomes_are_counted() -> None:
    rows = [
        *passed("shop.a", 2),
        ledger_row(reason="ok", verdict="warn"),
        ledger_row(reason="not_applicable", verdict="pass"),
        ledger_row(reason="insufficient_history", verdict="learning"),
        ledger_row(severity="warn"),
        ledger_row(),
        ledger_row(severity="warn", reason="query_error", status="error"),
    ]
    assert tally(rows) == "2 checks passed, 1 learning, 1 not applicable, 2 warned, 2 failed"
    assert tally([ledger_row()]) == "1 check failed"
    assert tally([]) == "no checks"


def test_each_relation_has_a_line() -> None:
    rows = [*passed("shop.b", 41), *passed("raw.a"), ledger_row(relation=None)]
    assert by_relation(rows, CONTEXT) == [
        "b: 41 checks passed",
        "no relation: 1 check failed",
        "raw.a: 1 check passed",
    ]


def test_relations_that_passed_share_a_line_where_there_is_no_room() -> None:
    rows = [*passed("shop.a"), *passed("shop.b", 2), *passed("shop.c", 4), ledger_row(relation="shop.d")]
    assert by_relation(rows, CONTEXT, room=3) == [
        "a: 1 check passed",
        "d: 1 check failed",
        "2 more: 6 checks passed",
    ]
    assert by_relation(rows, CONTEXT, room=1) == ["4 models: 7 checks passed, 1 failed"]
    assert len(by_relation(rows, CONTEXT, room=4)) == 4


def test_all_evidence_is_grouped_by_test_and_failures_come_first() -> None:
    copy = Declared("copy", gate=True, spec=read_specs()["not_stale"])
    rows = [
        ledger_row(reason="ok", metric="avg(a)", current_value="1", upper_bound=2.0, segment="a\x1bb"),
        ledger_row(metric="avg(b)", current_value="3", upper_bound=2.0),
        ledger_row(reason="ok", relation="raw.x", gate="not_stale", node_id="test.shop.copy"),
    ]
    assert in_full(rows, replace(CONTEXT, declared={"test.shop.copy": copy})) == [
        "copy on raw.x",
        "    PASS      the day is no copy of an earlier one",
        "value_range_of_sales on shop.sales",
        "    FAIL      avg(b) is 3, allowed at most 2",
        r"    PASS      a\x1bb: avg(a) is 1, allowed at most 2",
    ]
