"""Past days are judged in one statement for each gate, recorded and sealed; what people decide and what changes is taken into account."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from gates.days import calendar, window
from gates.days.calendar import Calendar
from gates.days.decisions import Decision, decide
from gates.days.ranges import folded, parsed_range
from gates.days.replay import Replay
from gates.project.config import Project
from gates.render.days import against_lines, calendar_lines
from tests.macros.harness.engines import SCHEMA, DuckDB, Engine, Postgres
from tests.macros.harness.shop import Shop, gate, orders, properties_of

FIRST, DAYS = dt.date(2026, 8, 3), 90
LAST = FIRST + dt.timedelta(DAYS - 1)
SEPTEMBER = {dt.date(2026, 9, 1) + dt.timedelta(number) for number in range(30)}
RELATION = f"{SCHEMA}.orders"
RATIO = {"date_column": "order_date", "days_back": 7, "metrics": {"count(*)": 1.7, "sum(amount)": 1.7}}
GATES = [
    gate("interval_ratio", RATIO, name="like_last_week"),
    gate("row_existence", {"date_column": "order_date"}, name="has_rows"),
    gate(
        "value_range",
        {"date_column": "order_date", "expression": "max(amount)", "max_value": 5},
        name="usual",
        config={"severity": "warn"},
    ),
]


@pytest.fixture(params=["postgres", "duckdb"])
def shop(request: pytest.FixtureRequest, make_postgres: Callable[[str], Postgres], tmp_path: Path) -> Shop:
    """90 days of ten orders, none of them judged."""
    engine: Engine = (
        make_postgres("gates_window") if request.param == "postgres" else DuckDB(tmp_path / "shop.duckdb")
    )
    sizes = {str(FIRST + dt.timedelta(number)): 10 for number in range(DAYS)}
    shop = Shop(
        tmp_path / "shop",
        engine,
        {"seeds/orders.csv": orders(sizes), "seeds/orders.yml": properties_of("orders", GATES)},
    )
    assert shop.dbt("seed").success
    return shop


def project(shop: Shop) -> Project:
    return Project(shop.directory, profiles=shop.directory)


def judge(shop: Shop, days: Collection[dt.date] = ()) -> None:
    replay = Replay(project(shop))
    window.judge(replay, replay.gates, days or [FIRST + dt.timedelta(number) for number in range(DAYS)])


def found(shop: Shop, first: dt.date = FIRST) -> Calendar:
    return calendar.calendar(project(shop), Replay(project(shop)).manifest, first, LAST)


def statuses(shop: Shop) -> dict[str, list[str]]:
    """The days of each status, in ranges."""
    by_status: dict[str, list[dt.date]] = {}
    for each in found(shop).days:
        by_status.setdefault(each.status, []).append(each.day)
    return {status: [str(each) for each in folded(days)] for status, days in by_status.items()}


def decided(shop: Shop, kind: str, *days: str) -> None:
    decide(project(shop), Decision(tuple(map(parsed_range, days)), kind, "a fair in town", "ada"))


def spoil(shop: Shop, days: Collection[dt.date], change: str = "amount = amount * 100") -> None:
    listed = ", ".join(f"date '{day}'" for day in days)
    shop.engine.execute([f"update {SCHEMA}.orders set {change} where order_date in ({listed})"])


def test_a_first_load_is_judged_recorded_and_sealed(shop: Shop) -> None:
    judge(shop)
    assert statuses(shop) == {"proven": [f"{FIRST}..{LAST}"]}
    rows = shop.ledger()
    assert {row["mode"] for row in rows} == {"window"}
    assert len({row["invocation_id"] for row in rows}) == 1
    assert len(rows) == DAYS * 4, "two metrics, and two gates more"
    young = [row for row in rows if row["verdict"] == "learning"]
    assert {str(row["run_date"])[:10] for row in young} == {str(FIRST + dt.timedelta(n)) for n in range(7)}
    assert {row["reason"] for row in young} == {"no_reference"}
    assert shop.dbt("run-operation", "verify_gate_results").success
    assert any("still learning: like_last_week" in line for line in calendar_lines(found(shop)))


@pytest.mark.parametrize("change", ["amount = amount * 100", "amount = amount / 3"])
def test_a_spoilt_month_is_rejected_and_nothing_else_is(shop: Shop, change: str) -> None:
    spoil(shop, SEPTEMBER, change)
    judge(shop)
    assert statuses(shop) == {
        "proven": [f"{FIRST}..2026-08-31", f"2026-10-01..{LAST}"],
        "rejected": ["2026-09-01..2026-09-30"],
    }
    said = "\n".join(against_lines(found(shop)))
    assert f"2026-09-01 to 2026-09-30 (30 days)  rejected on {RELATION} by like_last_week on 30 days" in said
    assert "gates accept DAY… --exclude" in said and "days: 2026-09-01..2026-09-30" in said


def test_a_verdict_is_the_same_in_a_window_and_in_single_runs(shop: Shop) -> None:
    spoil(shop, SEPTEMBER)
    columns = (
        "gate",
        "metric",
        "run_date",
        "current_value",
        "reference_value",
        "verdict",
        "reason",
        "severity",
        "status",
    )

    def rows(mode: str) -> list[tuple[str, ...]]:
        days = "run_date between date '2026-09-28' and date '2026-10-05'"
        return sorted(
            tuple(str(row[name]) for name in columns) for row in shop.ledger(f"mode = '{mode}' and {days}")
        )

    judge(shop)
    judged = rows("window")
    for number in range(8):
        shop.dbt("test", run_date=str(dt.date(2026, 9, 28) + dt.timedelta(number)))
    assert rows("run") == judged


def test_days_that_are_judged_already_are_references_as_they_were_judged(shop: Shop) -> None:
    spoil(shop, SEPTEMBER)
    judge(shop)
    spoil(shop, SEPTEMBER, "amount = amount / 100")
    judge(shop, [dt.date(2026, 10, 1)])
    row = shop.ledger("run_date = date '2026-10-01' and metric = 'sum(amount)'")[-1]
    assert float(row["reference_value"]) == 10
    judge(shop, SEPTEMBER)
    assert statuses(shop) == {"proven": [f"{FIRST}..{LAST}"]}, "judged again, they pass"


def test_a_gate_that_changes_has_to_judge_again(shop: Shop) -> None:
    judge(shop)
    changed = [
        gate("interval_ratio", RATIO | {"metrics": {"count(*)": 1.7}}, name="like_last_week"),
        *GATES[1:],
    ]
    shop.write({"seeds/orders.yml": properties_of("orders", changed)})
    assert list(statuses(shop)) == ["unjudged"]
    assert (
        found(shop).days[0].why == "like_last_week has not judged it"
        or "has changed" in found(shop).days[0].why
    )
    judge(shop)
    assert list(statuses(shop)) == ["proven"]


def test_a_closed_day_is_known_and_a_silent_gate_fails(shop: Shop) -> None:
    shop.engine.execute([f"delete from {SCHEMA}.orders where order_date = date '2026-09-10'"])
    judge(shop)
    assert statuses(shop)["rejected"] == ["2026-09-10"]
    decided(shop, "known", "2026-09-10")
    assert statuses(shop) == {
        "known": ["2026-09-10"],
        "proven": [f"{FIRST}..2026-09-09", f"2026-09-11..{LAST}"],
    }
    (line,) = [line for line in calendar_lines(found(shop)) if "known" in line and "2026-09-10" in line]
    assert "a fair in town (ada)" in line
    decided(shop, "undo", "2026-09-10")
    assert statuses(shop)["rejected"] == ["2026-09-10"]


def test_from_a_new_level_on_days_are_compared_with_each_other(shop: Shop) -> None:
    later = [day for number in range(DAYS) if (day := FIRST + dt.timedelta(number)) >= dt.date(2026, 9, 1)]
    spoil(shop, later, "amount = amount * 3")
    judge(shop)
    assert statuses(shop)["rejected"] == [f"2026-09-01..{LAST}"]
    decided(shop, "new level", "2026-09-01")
    assert statuses(shop)["unjudged"] == [f"2026-09-02..{LAST}"], "they were compared with the level before"
    judge(shop)
    assert statuses(shop) == {
        "proven": [f"{FIRST}..2026-08-31", f"2026-09-02..{LAST}"],
        "new level": ["2026-09-01"],
    }
