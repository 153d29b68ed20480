"""What people decide about days: which serve as a reference, what a run on them does, how it is undone, who sees that it was changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .harness.engines import SCHEMA, DuckDB, Engine, Postgres
from .harness.shop import Outcome, Shop, gate, orders, properties_of

BEFORE, ODD, LATER = "2026-11-08", "2026-11-15", "2026-11-22"
DECISIONS = f"{SCHEMA}.gate_decisions"
RATIO = gate("interval_ratio", {"date_column": "order_date", "days_back": 7, "metrics": {"count(*)": 1.7}})


@pytest.fixture(params=["postgres", "duckdb"])
def engine(
    request: pytest.FixtureRequest, make_postgres: Callable[[str], Postgres], tmp_path: Path
) -> Engine:
    if request.param == "postgres":
        return make_postgres("gates_decisions")
    return DuckDB(tmp_path / "shop.duckdb")


@pytest.fixture
def shop(engine: Engine, tmp_path: Path) -> Shop:
    """A shop with 40 orders a week, and five on the odd day."""
    return made(engine, tmp_path, {"2026-11-01": 40, BEFORE: 40, ODD: 5, LATER: 40})


def made(engine: Engine, folder: Path, sizes: dict[str, int]) -> Shop:
    files: dict[str, str | dict[str, Any]] = {
        "seeds/orders.csv": orders(sizes),
        "seeds/orders.yml": properties_of("orders", [RATIO]),
    }
    shop = Shop(folder / "shop", engine, files)
    assert shop.dbt("seed").success
    return shop


def decide(shop: Shop, decision: str, *days: str, **others: Any) -> Outcome:
    given = {"days": list(days), "decision": decision, "why": "a fair in town", "who": "ada"} | others
    return shop.dbt("run-operation", "gates.decide", "--args", str(given))


def reference(shop: Shop, run_date: str) -> Any:
    """The last reference of a run date; None where there was none."""
    value = shop.ledger(f"run_date = '{run_date}'")[-1]["reference_value"]
    return None if value is None else float(value)


@pytest.mark.parametrize("decision", ["known", "accepted", "excluded"])
def test_a_day_that_is_set_apart_is_no_reference_until_that_is_undone(shop: Shop, decision: str) -> None:
    assert decide(shop, decision, ODD).success
    assert shop.dbt("test", run_date=LATER).success
    assert reference(shop, LATER) == 40, f"compared with {BEFORE}"
    assert decide(shop, "undo", f"{BEFORE}..{ODD}").success
    assert not shop.dbt("test", run_date=LATER).success
    assert reference(shop, LATER) == 5, f"compared with {ODD}, which no gate has judged"


@pytest.mark.parametrize("decision", ["known", "accepted", "excluded", "new level"])
def test_a_run_on_a_day_that_was_decided_about_goes_on_and_keeps_its_evidence(
    shop: Shop, decision: str
) -> None:
    assert not shop.dbt("test", run_date=ODD).success
    assert decide(shop, decision, ODD).success
    done = shop.dbt("test", run_date=ODD)
    assert done.success
    if decision == "new level":
        return  # nothing before is a reference
    assert "warn" in done.statuses.values()
    _, again = shop.ledger(f"run_date = '{ODD}'")
    assert (again["verdict"], again["status"], again["reason"]) == ("fail", "accepted", "out_of_bounds")
    assert any(line.startswith("WARN  interval_ratio") for line in done.printed)
    assert decide(shop, "undo", ODD).success
    assert shop.dbt("test", run_date=LATER).success
    assert reference(shop, LATER) == 40, "what the gates said of the odd day counts again"
    assert not shop.dbt("test", run_date=ODD).success


def test_another_day_and_another_relation_are_not_excused(shop: Shop) -> None:
    assert decide(shop, "accepted", BEFORE).success
    assert not shop.dbt("test", run_date=ODD).success


def test_from_a_new_level_on_nothing_earlier_is_a_reference(engine: Engine, tmp_path: Path) -> None:
    weeks = {"2026-10-25": 40, "2026-11-01": 40, BEFORE: 5, ODD: 5, LATER: 5}
    shop = made(engine, tmp_path, weeks)
    assert not shop.dbt("test", run_date=BEFORE).success
    assert not shop.dbt("test", run_date=ODD).success, "compared with the level before"
    assert decide(shop, "new level", BEFORE).success
    assert shop.dbt("test", run_date=BEFORE).success
    (row,) = [each for each in shop.ledger(f"run_date = '{BEFORE}'") if each["verdict"] == "learning"]
    assert row["reason"] == "no_reference", "too young since the level is new"
    assert shop.dbt("test", run_date=ODD).success
    assert reference(shop, ODD) == 5


def test_a_month_of_rejected_days_leaves_a_reference(engine: Engine, tmp_path: Path) -> None:
    """Otherwise each day after it would be rejected for want of one, or compared with a wrong one."""
    weeks = {
        "2026-10-04": 40,
        "2026-10-11": 5,
        "2026-10-18": 5,
        "2026-10-25": 5,
        "2026-11-01": 5,
        BEFORE: 5,
        ODD: 40,
    }
    shop = made(engine, tmp_path, weeks)
    for day in list(weeks)[1:-1]:
        assert not shop.dbt("test", run_date=day).success
        assert reference(shop, day) == 40
    assert shop.dbt("test", run_date=ODD).success


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"decision": "fine"},
            'decision must be one of known, accepted, excluded, new level, undo; received "fine"',
        ),
        ({"why": " "}, 'why must be a text that is not empty; received " "'),
        ({"days": ["2026-11-31"]}, 'days must be a day as YYYY-MM-DD; received "2026-11-31"'),
        ({"days": ["0000-01-01"]}, 'days must be a day as YYYY-MM-DD; received "0000-01-01"'),
        ({"days": ["2026-11-22..2026-11-15"]}, "days must be days or ranges from an earlier to a later day"),
        ({"relations": ["shop.nothing"]}, "relations must be among those whose gates judge days"),
    ],
)
def test_what_is_no_decision_is_refused(shop: Shop, given: dict[str, Any], words: str) -> None:
    arguments = {"days": [ODD], "decision": "known", "why": "a fair", "who": "ada"} | given
    done = shop.dbt("run-operation", "gates.decide", "--args", str(arguments))
    assert not done.success
    assert words in " ".join([done.error, *done.printed])


TAMPERED = {
    "added": f"insert into {DECISIONS} select decision_id + 9, relation, day, 'accepted', why, who, content, invocation_id,"
    f" recorded_at from {DECISIONS} where decision_id = 1",
    "changed": f"update {DECISIONS} set decision = 'accepted' where decision_id = 1",
    "copied": f"insert into {DECISIONS} select * from {DECISIONS} where decision_id = 1",
    "removed": f"delete from {DECISIONS} where decision_id = 2",
    "removed with their table": f"drop table {DECISIONS}",
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_decision_that_nobody_made_is_seen(shop: Shop, name: str) -> None:
    assert decide(shop, "known", ODD).success
    assert decide(shop, "excluded", LATER).success
    assert shop.dbt("run-operation", "verify_gate_results").success
    shop.engine.execute([TAMPERED[name]])
    done = shop.dbt("run-operation", "verify_gate_results")
    assert not done.success
    day = LATER if name.startswith("removed") else ODD
    assert any(f"gate decision, day {day}: a decision about the day" in line for line in done.printed)


def test_a_later_decision_seals_no_forged_one(shop: Shop) -> None:
    assert decide(shop, "known", ODD).success
    shop.engine.execute([TAMPERED["added"]])
    assert decide(shop, "known", LATER).success
    assert not shop.dbt("run-operation", "verify_gate_results").success


def test_decisions_are_about_relations_and_days_one_row_each(shop: Shop) -> None:
    assert decide(shop, "known", f"{BEFORE}..2026-11-09", ODD).success
    rows = shop.engine.query(
        f"select relation, day, decision, why, who from {DECISIONS} order by decision_id"
    )
    assert [(row["relation"], str(row["day"])[:10]) for row in rows] == [
        (f"{SCHEMA}.orders", day) for day in (BEFORE, "2026-11-09", ODD)
    ]
    assert {(row["decision"], row["why"], row["who"]) for row in rows} == {("known", "a fair in town", "ada")}
