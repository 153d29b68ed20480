"""A card is what a person needs to know of a test that did not pass, in a few lines of a terminal's width."""

from __future__ import annotations

import datetime as dt
import shlex
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from gates.ledger.declared import Declared
from gates.ledger.runs import key
from gates.render.cards import FAIL, WARN, Context, cards, in_one_line
from gates.text import WIDTH
from tests.gates.ledger.rows import RUN_DATE, ledger_row
from tests.gates.spec.package import read_specs

RATIO = Declared(
    "volume",
    gate=True,
    arguments={"date_column": "day", "days_back": 7, "weight": "n"},
    scope="slice = 'all'",
    spec=read_specs()["interval_ratio"],
)
DATED = {"date_column": "day"}
NODE = "test.shop.volume.0123456789"
CONTEXT = Context({NODE: RATIO}, schema="shop")


def ratio_row(metric: str = "sum(n)", statistic: float = 2.38828, **columns: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "current_value": "273",
        "reference_value": "652",
        "statistic": statistic,
        "upper_bound": 1.94,
        "node_id": NODE,
        "metric": f"{metric} where slice = 'all'",
    }
    return ledger_row("interval_ratio", **(values | columns))


def past_of(row: dict[str, Any], *values: object) -> Context:
    days = {RUN_DATE - dt.timedelta(len(values) - number): value for number, value in enumerate(values)}
    return replace(CONTEXT, past={key(row): days})


def test_card_has_name_sentence_and_command() -> None:
    assert cards([ratio_row()], CONTEXT, FAIL) == [
        "FAIL  volume on sales where slice = 'all'",
        "      273 rows, 652 on the same weekday before: ratio 2.4, allowed below 1.94",
        "      next: gates explain volume --run-date 2026-11-22",
    ]


def test_card_draws_the_past_and_knows_the_week_of_its_reference() -> None:
    row = ratio_row()
    lines = cards([row], past_of(row, "652", "640", None, "660", "655", "648", "671"), FAIL)
    assert lines[1] == "      273 rows, 652 on the same weekday last week: ratio 2.4, allowed below 1.94"
    assert lines[2] == "      █▇·████▁  the last 8 days judged"


def test_week_that_was_stepped_over_is_not_the_reference() -> None:
    row = ratio_row()
    before = past_of(row, "652", *["640"] * 6, "9", *["640"] * 6)
    assert "652 on the same weekday 2 weeks before" in cards([row], before, FAIL)[1]


def test_young_ledger_draws_nothing() -> None:
    row = ratio_row()
    assert len(cards([row], past_of(row, "1", "2", "3"), FAIL)) == 3


def test_metrics_of_a_test_share_a_card_and_the_worst_is_told() -> None:
    rows = [
        ratio_row("sum(a)", 2.0),
        ratio_row("sum(b)", 9.0, current_value="1"),
        ratio_row("sum(c)", 1.0, verdict="pass", reason="ok"),
        ratio_row("sum(d)", 3.0, segment="north"),
    ]
    lines = cards(rows, CONTEXT, FAIL)
    assert lines[1].startswith("      sum(b) is 1, 652 on the same weekday before: ratio 9,")
    assert lines[2] == "      and 2 more: sum(d) of north, sum(a)"


@pytest.mark.parametrize(
    "reason", ["no_current", "no_reference", "null_value", "missing_column", "query_error"]
)
def test_what_is_absent_is_worse_than_any_value(reason: str) -> None:
    rows = [
        ratio_row("sum(a)", 1e6),
        ratio_row("sum(b)", reason=reason, statistic=None),  # type: ignore[arg-type]
    ]
    assert cards(rows, CONTEXT, FAIL)[-2] == "      and 1 more: sum(a)"


def test_failures_are_worse_than_warnings_of_the_same_test() -> None:
    rows = [ratio_row("sum(a)", 90.0, verdict="warn"), ratio_row("sum(b)", 2.0)]
    assert cards(rows, CONTEXT, FAIL)[1].startswith("      sum(b) ")


def test_value_below_its_bound_counts_as_well() -> None:
    rows = [
        ledger_row(metric="min(a)", current_value="0.4", lower_bound=0.5),
        ledger_row(metric="min(b)", current_value="-3", lower_bound=0.5),
    ]
    assert "min(b) is -3" in cards(rows, CONTEXT, FAIL)[1]


def test_tests_that_warned_have_cards_of_their_own() -> None:
    warned = ledger_row(status="warn", severity="warn", node_id="test.shop.other.0123456789")
    passed = ledger_row(reason="ok", node_id="test.shop.fine.0123456789")
    rows = [ratio_row(), warned, passed]
    assert cards(rows, CONTEXT, WARN)[0] == "WARN  other on sales"
    assert [line[:12] for line in cards(rows, CONTEXT, FAIL) if line.startswith("FAIL")] == ["FAIL  volume"]


@pytest.mark.parametrize("wide", ["売上" * 90, "売上 " * 90, "📦" * 90])
def test_no_line_is_wider_than_a_terminal_where_characters_take_two_columns(wide: str) -> None:
    row = ledger_row(metric=wide, segment=wide, relation=f"shop.{wide}", current_value="2", upper_bound=1.0)
    context = Context(
        {row["node_id"]: Declared(wide, gate=True, arguments={"date_column": "day"}, scope=wide)}
    )
    lines = cards([row], context, FAIL)
    assert max(map(cell_len, lines)) <= WIDTH
    assert cards([row], context, FAIL, room=1) != lines
    assert cell_len(cards([row], context, FAIL, room=1)[0]) <= WIDTH


def test_many_tests_are_named_behind_the_worst() -> None:
    rows = [
        ledger_row(current_value=str(n), upper_bound=1.0, node_id=f"test.shop.t{n}") for n in range(2, 12)
    ]
    lines = cards(rows, CONTEXT, FAIL)
    assert [line for line in lines if line.startswith("FAIL")] == [
        *(f"FAIL  t{n} on sales" for n in (11, 10, 9, 8, 7)),
        "FAIL  5 more: t6, t5, t4 and 2 more",
    ]
    assert cards(rows, CONTEXT, FAIL, room=4) == [*lines[:3], "FAIL  9 more: t10, t9, t8 and 6 more"]
    assert cards(rows, CONTEXT, FAIL, room=1) == ["FAIL  10 more: t11, t10, t9 and 7 more"]


def test_plain_test_shows_its_rows_and_what_the_project_says_of_it() -> None:
    row = ledger_row("not_null", metric="failures", current_value="5", upper_bound=0.0, node_id=NODE)
    context = Context({NODE: Declared("id_is_known", description="Orders without a customer.")})
    assert cards([row], context, FAIL)[1:] == [
        "      5 failures, allowed at most 0. Orders without a customer.",
        "      next: RUN_DATE=2026-11-22 dbt show --select id_is_known",
    ]


def test_query_that_crashed_has_the_message_of_the_database() -> None:
    context = replace(CONTEXT, messages={NODE: 'column "n" does not exist'})
    lines = cards([ratio_row(reason="query_error", metric="failures")], context, FAIL)
    assert lines[1:] == [
        '      the query failed, so nothing was proven: column "n" does not exist',
        "      next: RUN_DATE=2026-11-22 dbt show --select volume",
    ]


def test_old_source_asks_for_rows() -> None:
    row = ledger_row(
        "source_freshness",
        metric="age",
        current_value="3",
        upper_bound=1.5,
        node_id="source.shop.raw.orders",
        relation="raw.orders",
    )
    assert cards([row], CONTEXT, FAIL) == [
        "FAIL  raw.orders on raw.orders",
        "      the newest rows are 3 days older than the run date, allowed at most 1.5 days",
        "      next: load newer rows, or decide on an earlier day than 2026-11-22",
    ]


def test_long_names_stay_within_the_width_and_commands_whole() -> None:
    name = "gates_interval_ratio_" + "of_a_metric_with_a_long_expression_" * 5
    other = name[:60] + "_of_another_test"
    declared = {
        NODE: Declared(name, gate=True, arguments=DATED, scope="department in ('" + "a', '" * 60 + "z')"),
        "test.shop.other": Declared(other, gate=True, arguments=DATED),
    }
    row = ratio_row(
        relation="shop." + "relation_" * 20,
        metric=f"sum({'column_' * 40})",
        segment="segment " * 40,
        current_value="9" * 300,
    )
    lines = cards([row, row], Context(declared, schema="shop", folder="dbt_project"), FAIL)
    assert max(map(len, lines)) <= WIDTH
    *_, (start, line) = (
        (number, line) for number, line in enumerate(lines) if "next in dbt_project:" in line
    )
    assert line.endswith(" \\"), "a command goes on after a backslash"
    words = shlex.split("\n".join(lines[start:]).partition(":")[2].replace("\\\n", ""))
    assert words == ["gates", "explain", words[2], "--run-date", "2026-11-22"]
    assert name.startswith(words[2]) and len(words[2]) < WIDTH
    assert words[2] not in other, "it must name one test only"


def test_card_names_the_folder_of_the_next_command() -> None:
    context = replace(CONTEXT, folder="dbt_project")
    assert cards([ratio_row()], context, FAIL)[-1] == (
        "      next in dbt_project: gates explain volume --run-date 2026-11-22"
    )


def test_name_that_a_shell_would_split_is_quoted() -> None:
    context = Context({NODE: Declared("volume; rm -rf *", gate=True, arguments=DATED)})
    assert cards([ratio_row()], context, FAIL)[-1] == (
        "      next: gates explain 'volume; rm -rf *' --run-date 2026-11-22"
    )


def test_control_characters_do_not_reach_the_terminal() -> None:
    row = ratio_row(segment="\x1b[2Jnorth\x07", relation="shop.\x9bsales")
    context = Context({NODE: RATIO}, messages={NODE: "\x1b]0;title\x07"})
    text = "\n".join(cards([row, row | {"segment": "\x1b[31m"}], context, FAIL))
    assert text.isprintable() or all(c.isprintable() or c == "\n" for c in text)
    assert r"\x1b[2Jnorth\x07: 273 rows" in text


def test_one_line_for_a_page() -> None:
    rows = [ratio_row(), ratio_row("sum(a)")]
    assert in_one_line(rows, {NODE: RATIO}) == (
        "volume on shop.sales: 273 rows, 652 on the same weekday before: ratio 2.4, allowed below 1.94; and 1 more"
    )


def test_gate_that_judges_no_day_is_shown_by_dbt() -> None:
    """`explain` replays days: it knows nothing of a gate on the columns of a relation."""
    context = Context({NODE: Declared("volume", gate=True)})
    assert cards([ratio_row()], context, FAIL)[-1] == (
        "      next: RUN_DATE=2026-11-22 dbt show --select volume"
    )
