"""The days that a gate does not take as a reference: it remembers them when its bound, name or severity changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .harness.engines import DuckDB, Engine, Postgres, Row
from .harness.shop import Shop, gate, orders, properties_of

LONG_AGO = "2026-10-01"  # a younger table would be learning
FIRST_DAY, BAD_DAY, LATER = "2026-11-08", "2026-11-15", "2026-11-22"


@pytest.fixture(params=["postgres", "duckdb"])
def engine(
    request: pytest.FixtureRequest, make_postgres: Callable[[str], Postgres], tmp_path: Path
) -> Engine:
    if request.param == "postgres":
        return make_postgres("gates_memory")
    return DuckDB(tmp_path / "shop.duckdb")


def ratio(bound: float, **others: Any) -> dict[str, Any]:
    arguments = {"date_column": "order_date", "days_back": 7, "metrics": {"count(*)": bound}}
    return gate("interval_ratio", arguments, **others)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param([ratio(1.8)], id="bound"),
        pytest.param([ratio(1.7, name="like_last_week")], id="name"),
        pytest.param(
            [ratio(1.9, name="like_last_week", config={"severity": "warn"})], id="bound, name and severity"
        ),
        pytest.param([ratio(1.7, config={"where": "amount > 0"})], id="another gate of the relation"),
        pytest.param([ratio(1.7), ratio(3, name="roughly")], id="a second one beside it"),
    ],
)
def test_a_rejected_day_stays_rejected_whatever_becomes_of_the_gate(
    engine: Engine, tmp_path: Path, changed: list[dict[str, Any]]
) -> None:
    seed = orders({"2026-11-01": 40, FIRST_DAY: 40, BAD_DAY: 5, LATER: 40})
    shop = Shop(
        tmp_path / "shop",
        engine,
        {"seeds/orders.csv": seed, "seeds/orders.yml": properties_of("orders", [ratio(1.7)])},
    )
    assert not shop.dbt("build", run_date=BAD_DAY).success
    shop.write({"seeds/orders.yml": properties_of("orders", changed)})
    assert shop.dbt("test", run_date=LATER).success
    rows = shop.ledger(f"run_date = '{LATER}'")
    assert {float(row["reference_value"]) for row in rows} == {40.0}, f"compared with {FIRST_DAY}"
    assert len(rows) == len(changed)


def test_a_day_that_is_judged_again_and_only_warns_stays_rejected(engine: Engine, tmp_path: Path) -> None:
    seed = orders({"2026-11-01": 40, FIRST_DAY: 40, BAD_DAY: 5, LATER: 40})
    shop = Shop(
        tmp_path / "shop",
        engine,
        {"seeds/orders.csv": seed, "seeds/orders.yml": properties_of("orders", [ratio(1.7)])},
    )
    assert not shop.dbt("build", run_date=BAD_DAY).success
    lenient = [ratio(1.7, config={"severity": "warn"})]
    shop.write({"seeds/orders.yml": properties_of("orders", lenient)})
    assert shop.dbt("test", run_date=BAD_DAY).success, "it fails as before, and dbt calls that a warning"
    assert shop.dbt("test", run_date=LATER).success
    rows = shop.ledger(f"run_date = '{LATER}'")
    assert [float(row["reference_value"]) for row in rows] == [40.0], f"compared with {FIRST_DAY}"


def test_a_day_that_is_judged_again_and_passes_is_a_reference_again(engine: Engine, tmp_path: Path) -> None:
    seed = orders({FIRST_DAY: 40, BAD_DAY: 5, LATER: 5})
    shop = Shop(
        tmp_path / "shop",
        engine,
        {"seeds/orders.csv": seed, "seeds/orders.yml": properties_of("orders", [ratio(1.7)])},
    )
    assert not shop.dbt("build", run_date=BAD_DAY).success
    shop.write({"seeds/orders.yml": properties_of("orders", [ratio(9, name="loose")])})
    assert shop.dbt("test", run_date=BAD_DAY).success
    shop.write({"seeds/orders.yml": properties_of("orders", [ratio(1.7)])})
    assert shop.dbt("test", run_date=LATER).success
    assert [float(row["reference_value"]) for row in shop.ledger(f"run_date = '{LATER}'")] == [5.0]


def test_a_day_without_a_reference_is_not_rejected(engine: Engine, tmp_path: Path) -> None:
    """Otherwise a missing reference would reject the day, which would then be missing as a reference, without an end."""
    seed = orders({LONG_AGO: 5, FIRST_DAY: 5, BAD_DAY: 5})
    shop = Shop(
        tmp_path / "shop",
        engine,
        {"seeds/orders.csv": seed, "seeds/orders.yml": properties_of("orders", [ratio(1.7)])},
    )
    assert not shop.dbt("build", run_date=FIRST_DAY).success
    assert shop.dbt("test", run_date=BAD_DAY).success
    assert [row["reason"] for row in shop.ledger()] == ["no_reference", "ok"]


LOOSE = ratio(9, name="loose")


@pytest.mark.parametrize(
    ("before", "after", "acquits"),
    [
        pytest.param(
            [ratio(1.7)],
            [ratio(1.8), ratio(9, name="loose")],
            False,
            id="a sibling comes, the first still fails",
        ),
        pytest.param(
            [ratio(1.7)], [ratio(9.5), ratio(9, name="loose")], True, id="a sibling comes, both pass"
        ),
        pytest.param([ratio(1.7), LOOSE], [ratio(9.5)], True, id="a sibling goes, the one that stays passes"),
        pytest.param([ratio(1.7), LOOSE], [ratio(1.8)], False, id="a sibling goes, the one that stays fails"),
        pytest.param(
            [ratio(1.7), LOOSE],
            [ratio(9.5, name="wide"), LOOSE],
            True,
            id="one of two gets a name and passes",
        ),
        pytest.param(
            [ratio(1.7, name="first"), LOOSE],
            [ratio(9.5), LOOSE],
            True,
            id="one of two loses its name and passes",
        ),
        pytest.param(
            [ratio(1.7), LOOSE],
            [ratio(1.8), LOOSE],
            False,
            id="one of two without names gets another bound and fails",
        ),
    ],
)
def test_a_day_is_judged_again_by_the_gates_that_have_the_scope_now(
    tmp_path: Path, before: list[dict[str, Any]], after: list[dict[str, Any]], acquits: bool
) -> None:
    """Whichever id the ledger has of the gate that rejected it, as long as one with that scope is there."""
    engine = DuckDB(tmp_path / "shop.duckdb")
    seed = orders({"2026-11-01": 40, FIRST_DAY: 40, BAD_DAY: 5, LATER: 20})
    shop = Shop(
        tmp_path / "shop",
        engine,
        {"seeds/orders.csv": seed, "seeds/orders.yml": properties_of("orders", before)},
    )
    assert not shop.dbt("build", run_date=BAD_DAY).success
    shop.write({"seeds/orders.yml": properties_of("orders", after)})
    shop.dbt("test", run_date=LATER)
    compared = {float(row["reference_value"]) for row in shop.ledger(f"run_date = '{LATER}'")}
    assert compared == {40.0}, "it is not forgotten before it is judged again"
    assert shop.dbt("test", run_date=BAD_DAY).success is acquits
    shop.dbt("test", run_date=LATER)
    compared = {float(row["reference_value"]) for row in last_run(shop)}
    assert compared == {5.0 if acquits else 40.0}


def test_a_sibling_that_passes_alone_acquits_no_day(engine: Engine, tmp_path: Path) -> None:
    seed = orders({"2026-11-01": 40, FIRST_DAY: 40, BAD_DAY: 5, LATER: 20})
    shop = Shop(
        tmp_path / "shop",
        engine,
        {"seeds/orders.csv": seed, "seeds/orders.yml": properties_of("orders", [ratio(1.7)])},
    )
    assert not shop.dbt("build", run_date=BAD_DAY).success
    shop.write({"seeds/orders.yml": properties_of("orders", [ratio(1.8), LOOSE])})
    assert shop.dbt("test", "--select", "loose", run_date=BAD_DAY).success
    shop.dbt("test", run_date=LATER)
    assert {float(row["reference_value"]) for row in last_run(shop)} == {40.0}


def last_run(shop: Shop) -> list[Row]:
    """The rows of the run that wrote last."""
    rows = shop.ledger()
    return [row for row in rows if row["invocation_id"] == rows[-1]["invocation_id"]]
