"""A row added to, changed in or removed from a sealed invocation is named, and so is a seal that is gone or changed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from .harness.engines import DuckDB, Engine, Postgres
from .harness.odd_rows import KEEP_ODD_ROWS
from .harness.run import LEDGER, invoke
from .harness.shop import Shop, gate, properties_of
from .harness.tampering import OF_RUN, SEALS, TAMPERED, UNSEALED

DAYS = ("2026-11-15", "2026-11-22", "2026-11-15")
ROWS = gate("row_existence", {"date_column": "order_date"}, name="has_rows")


@pytest.fixture(scope="module", params=["postgres", "duckdb"])
def shop(
    request: pytest.FixtureRequest,
    make_postgres: Callable[[str], Postgres],
    tmp_path_factory: pytest.TempPathFactory,
) -> Shop:
    """A shop after three runs."""
    directory = tmp_path_factory.mktemp("seals")
    engine: Engine = (
        make_postgres("gates_seals") if request.param == "postgres" else DuckDB(directory / "shop.duckdb")
    )
    shop = Shop(
        directory / "shop",
        engine,
        {"seeds/orders.yml": properties_of("orders", [ROWS]), "macros/odd_rows.sql": KEEP_ODD_ROWS},
    )
    assert shop.dbt("seed").success
    for day in DAYS:
        assert shop.dbt("test", run_date=day).success
    for table in (LEDGER, SEALS):
        engine.execute([f"create table {table}_kept as select * from {table}"])
    return shop


@pytest.fixture
def intact(shop: Shop) -> Shop:
    shop.engine.execute([f"create table if not exists {SEALS} as select * from {SEALS}_kept where 1 = 0"])
    for table in (LEDGER, SEALS):
        shop.engine.execute([f"delete from {table}", f"insert into {table} select * from {table}_kept"])
    return shop


@pytest.fixture(scope="module")
def question(shop: Shop) -> str:
    """What `verify_gate_results` asks."""
    compiled = invoke(shop.directory, "--quiet", "compile", "--inline", "{{ gates.broken_seals_sql() }}")
    assert compiled.success, compiled.exception
    return str(compiled.result.results[0].node.compiled_code)


Findings = set[tuple[int | str, str, str, str]]
Find = Callable[[], Findings]


@pytest.fixture
def find(intact: Shop, question: str) -> Find:
    """Return what does not hold, with the number of the run for its invocation."""

    def ask() -> Findings:
        known = intact.engine.query(f"select invocation_id, seal_number from {SEALS}_kept")
        numbers: dict[str, int | str] = {row["invocation_id"]: row["seal_number"] for row in known}
        found: Findings = set()
        for row in intact.engine.query(question):
            invocation = str(row["invocation_id"])
            found.add((numbers.get(invocation, invocation), row["gate"], row["run_date"], row["problem"]))
        return found

    return ask


def test_an_intact_ledger_is_as_it_was_sealed(intact: Shop) -> None:
    assert intact.dbt("run-operation", "verify_gate_results").success


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_tampered_with_is_named(intact: Shop, find: Find, name: str) -> None:
    statements, expected = TAMPERED[name]
    for statement in reversed(statements):
        intact.engine.execute([statement])
    assert find() == expected


def test_verify_prints_what_it_finds_and_fails(intact: Shop) -> None:
    intact.engine.execute(
        [f"insert into {LEDGER} (gate, verdict, invocation_id) values ('not_stale', 'pass', 'forged')"]
    )
    said = intact.dbt("run-operation", "verify_gate_results")
    assert not said.success
    assert f"invocation forged, gate -, day -: {UNSEALED}" in said.printed


@pytest.mark.parametrize(
    "setting", ["set timezone = 'Asia/Tokyo'", "set extra_float_digits = -15", "set datestyle = 'German'"]
)
def test_no_setting_of_a_session_changes_what_holds(intact: Shop, setting: str) -> None:
    if intact.engine.name == "duckdb":
        pytest.skip("settings of Postgres")
    name, _, value = setting.removeprefix("set ").partition(" = ")
    intact.engine.execute([f"alter database gates_seals set {name} = {value}"])
    try:
        assert intact.dbt("run-operation", "verify_gate_results").success
    finally:
        intact.engine.execute([f"alter database gates_seals reset {name}"])


def test_seals_that_are_gone_are_not_made_again(intact: Shop, find: Find) -> None:
    """The table is; the rows from before stay unsealed, and are named as long as they are there."""
    intact.engine.execute([f"drop table {SEALS}"])
    said = intact.dbt("run-operation", "verify_gate_results")
    assert not said.success
    assert any("there are no seals" in line for line in said.printed)
    assert intact.dbt("test", run_date=DAYS[0]).success
    assert find() == {
        (1, "-", "2026-11-15", UNSEALED),
        (2, "-", "2026-11-22", UNSEALED),
        (3, "-", "2026-11-15", UNSEALED),
    }


def test_rows_whose_table_is_gone_are_missed(intact: Shop) -> None:
    intact.engine.execute([f"drop table {LEDGER}"])
    said = intact.dbt("run-operation", "verify_gate_results")
    intact.engine.execute([f"create table {LEDGER} as select * from {LEDGER}_kept"])
    assert not said.success
    missed = [line for line in said.printed if line.endswith("rows that were sealed are gone or changed")]
    assert len(missed) == len(DAYS), said.printed


CHANGES = [  # a value of `keep_odd_rows`, and one that is hard to tell from it
    ("statistic", "'NaN'", "null"),
    ("statistic", "'-0.0'", "'0.0'"),
    ("statistic", "'5e-324'", "'0.0'"),
    ("statistic", "'Infinity'", "'1.7976931348623157e308'"),
    ("lower_bound", "'0.1'", "'0.10000000000000002'"),
    ("sample_size", "9223372036854775807", "9223372036854775806"),
    ("metric", "''", "null"),
    ("metric", "' '", "'  '"),
    ("metric", "'NULL'", "null"),
    ("segment", "'1:-'", "'1: -'"),
    ("run_date", "'infinity'", "'-infinity'"),
    ("try_number", "null", "0"),
]


def test_odd_values_hold_and_a_change_of_one_is_seen(intact: Shop, find: Find) -> None:
    engine = intact.engine
    assert intact.dbt("run-operation", "keep_odd_rows").success
    assert find() == set()
    types = {
        row["column_name"]: row["data_type"]
        for row in engine.query(
            "select column_name, data_type from information_schema.columns where table_name = 'gate_results'"
        )
    }
    (kept,) = engine.query(f"select max(seal_number) as last from {SEALS}")
    engine.execute([f"create table {LEDGER}_odd as select * from {LEDGER}"])
    for column, value, other in CHANGES:
        same = f"{column} is not distinct from cast({value} as {types[column]})"
        if value == "'-0.0'":
            # DuckDB leaves a zero as it is where the new one equals it, so another number stands there in between
            negative = f"{same} and cast({column} as text) like '-%'"
            engine.execute(
                [f"update {LEDGER} set {column} = 1.5 where {OF_RUN.format(kept['last'])} and {negative}"]
            )
            same = f"{column} = 1.5"
        changed = f"set {column} = cast({other} as {types[column]})"
        engine.execute([f"update {LEDGER} {changed} where {OF_RUN.format(kept['last'])} and {same}"])
        assert find() != set(), (column, value, other)
        engine.execute([f"delete from {LEDGER}", f"insert into {LEDGER} select * from {LEDGER}_odd"])
        assert find() == set()
    engine.execute([f"drop table {LEDGER}_odd"])


def test_what_was_pruned_is_told_from_what_was_removed(intact: Shop, find: Find) -> None:
    runs = {
        number: row["invocation_id"]
        for number in (1, 2, 3)
        for row in intact.engine.query(f"select invocation_id from {SEALS} where seal_number = {number}")
    }

    def prune(**arguments: object) -> list[str]:
        given = json.dumps({"keep_days": 30, "keep_invocations": [runs[2]], **arguments})
        done = intact.dbt("run-operation", "prune_gate_results", "--args", given, run_date="2027-01-01")
        assert done.success, done.printed
        return [line for line in done.printed if line.startswith("gates: ")]

    assert prune(dry_run=True) == [
        "gates: a dry run, 2 rows of 2 runs that are about days before 2026-12-02 would be removed"
    ]
    assert len(intact.ledger()) == 3
    assert prune() == ["gates: 2 rows of 2 runs that are about days before 2026-12-02 are removed"]
    assert [row["invocation_id"] for row in intact.ledger()] == [runs[2]]
    assert find() == set()
    intact.engine.execute([f"delete from {LEDGER} where invocation_id = '{runs[2]}'"])
    assert find() == {(2, "row_existence", "2026-11-22", "rows that were sealed are gone or changed")}
    intact.engine.execute(
        [f"insert into {LEDGER} (gate, verdict, invocation_id) values ('not_stale', 'pass', '{runs[1]}')"]
    )
    assert (1, "not_stale", "-", "rows were added or changed after the seal") in find(), (
        "under the name of a pruned run"
    )
