"""A ledger of two million rows: on Postgres nobody who asks it reads more than the days or the run that the question is about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql as compose

from gates.ledger import evidence, runs, seals

from .harness.engines import SCHEMA, Postgres
from .harness.project import write_project
from .harness.run import LEDGER, invoke

RUN_DATE = dt.date(2026, 11, 22)
DAYS, ROWS_A_DAY = 4000, 500
RELATION = f"{SCHEMA}.orders"
AN_ID = "invocation-3990"
GATES: Mapping[str, dict[str, Any]] = {
    "interval_ratio": {"metrics": {"count(*)": 1.7}},
    "share_limit": {"condition": "amount is null", "max_increase": 0.001},
    "duplicate_limit": {"key": "amount", "max_increase": 0},
    "category_match": {"column_name": "amount"},
    "metric_anomaly": {"metrics": ["count(*)"]},
    "distribution_drift": {"column_name": "amount"},
}
LOOK_BACK = 371  # days: 53 weeks, the default of interval_ratio


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ledger_plans")


@pytest.fixture(scope="module")
def postgres(make_postgres: Callable[[str], Postgres], directory: Path) -> Postgres:
    """The ledger as the package makes it, filled; a seal for each run."""
    engine = make_postgres("gates_ledger_plans")
    engine.execute([f"create schema {SCHEMA}", f"create table {RELATION} (order_date date, amount integer)"])
    tests = [
        {f"gates.{gate}": {"name": gate, "arguments": {"date_column": "order_date", **arguments}}}
        for gate, arguments in GATES.items()
    ]
    tables = [{"name": "orders", "data_tests": tests}]
    write_project(
        directory, engine.profile(), {"sources": [{"name": "shop", "schema": SCHEMA, "tables": tables}]}
    )
    made = invoke(directory, "run-operation", "--quiet", "gates.ensure_ledger")
    assert made.success, made.exception
    engine.execute(
        [
            f"""
            insert into {LEDGER} (
                gate, metric, segment, run_date, current_value, statistic, upper_bound, sample_size, verdict, reason,
                recorded_at, invocation_id, node_id, gate_id, relation, severity, status, mode
            )
            select
                'interval_ratio', 'metric ' || number % 10, 'all', date '{RUN_DATE}' - ({DAYS} - 1) + number / {ROWS_A_DAY},
                number::text, 1.5, 1.7, 1000, case when number % 997 = 0 then 'fail' else 'pass' end, 'ok',
                timestamptz '2026-11-22' - interval '1 day' * ({DAYS} - number / {ROWS_A_DAY}),
                'invocation-' || number / {ROWS_A_DAY}, 'test.shop.gate_' || number % 50,
                '{RELATION} gate_' || number % 50, case when number % 2 = 0 then '{RELATION}' else 'shop.other' end,
                'error', case when number % 997 = 0 then 'fail' else 'pass' end, 'run'
            from generate_series(0, {DAYS * ROWS_A_DAY - 1}) as series (number)
            """,
            f"""
            insert into {SCHEMA}.gate_seals
            select number + 1, 'invocation-' || number, 'run', {ROWS_A_DAY}, 'hash', 'line', 'before', 'seal', now()
            from generate_series(0, {DAYS - 1}) as series (number)
            """,
            f"analyze {LEDGER}",
            f"analyze {SCHEMA}.gate_seals",
        ]
    )
    return engine


@pytest.fixture(scope="module")
def statements(postgres: Postgres, directory: Path) -> dict[str, str]:
    """What is asked, by who asks."""
    found: dict[str, str] = {}
    compiled = invoke(directory, "compile", "--quiet", environment={"RUN_DATE": RUN_DATE.isoformat()})
    assert compiled.success, compiled.exception
    found |= {result.node.name: result.node.compiled_code for result in compiled.result.results}
    for name, asked in {
        "verify of one run": seals.question([AN_ID]),
        "seal of one run": "gates.seal_invocation_sql()",
    }.items():
        inline = invoke(directory, "compile", "--quiet", "--inline", f"{{{{ {asked} }}}}")
        assert inline.success, inline.exception
        found[name] = inline.result.results[0].node.compiled_code

    def ask(name: str) -> Callable[[str], list[dict[str, Any]]]:
        def keep(statement: str) -> list[dict[str, Any]]:
            found[name] = statement
            return []

        return keep

    row = {
        "relation": RELATION,
        "gate": "interval_ratio",
        "metric": "m",
        "segment": "all",
        "run_date": RUN_DATE,
    }
    evidence.latest(ask("the last verdicts on a day"), LEDGER, RUN_DATE, ["test.shop.gate_1"])
    runs.of_invocation(ask("the rows of a run"), LEDGER, AN_ID)
    runs.past(ask("the past of a card"), LEDGER, [row])
    return found


ASKED = [
    *GATES,
    "verify of one run",
    "seal of one run",
    "the last verdicts on a day",
    "the rows of a run",
    "the past of a card",
]


@pytest.mark.parametrize("name", ASKED)
def test_no_question_reads_the_whole_ledger(
    name: str, postgres: Postgres, statements: dict[str, str]
) -> None:
    scans = scans_of_the_ledger(postgres, statements[name])
    assert scans, "it asks the ledger"
    for scan in scans:
        assert scan["Node Type"] != "Seq Scan", scan
        condition = str(scan.get("Index Cond") or scan.get("Recheck Cond"))
        assert "run_date" in condition or "invocation_id" in condition, scan
        assert scan["Plan Rows"] <= (LOOK_BACK + 1) * ROWS_A_DAY, scan


def test_retention_knows_how_far_the_gates_of_a_project_look_back(
    statements: dict[str, str], directory: Path
) -> None:
    days = [part[:10] for name in GATES for part in statements[name].split("run_date >= cast('")[1:]]
    asked = invoke(directory, "compile", "--quiet", "--inline", "{{ gates.look_back_days() }}")
    assert asked.success, asked.exception
    known = int(asked.result.results[0].node.compiled_code)
    assert min(days) == str(RUN_DATE - dt.timedelta(known)), "less would forget what they ask for"
    assert known == LOOK_BACK


def test_retention_never_forgets_what_gates_look_back_on(
    postgres: Postgres, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = f"{{keep_days: {LOOK_BACK - 1}}}"
    assert not invoke(
        directory, "run-operation", "--quiet", "prune_gate_results", "--args", arguments
    ).success
    said = " ".join(capsys.readouterr().out.split())
    assert (
        f"`keep_days` must be a whole number of at least {LOOK_BACK}; received {LOOK_BACK - 1}. The gates of this"
        in said
    )
    assert postgres.query(f"select count(*) as rows from {LEDGER}") == [{"rows": DAYS * ROWS_A_DAY}]


def test_a_sequential_scan_would_be_seen(postgres: Postgres) -> None:
    (scan,) = scans_of_the_ledger(postgres, f"select max(statistic) from {LEDGER}")
    assert scan["Node Type"] == "Seq Scan"


def scans_of_the_ledger(postgres: Postgres, statement: str) -> list[Mapping[str, Any]]:
    """The nodes of a statement's plan that read it; where a bitmap names the rows, the index is asked in a node below."""
    with psycopg.connect(**postgres.connection) as connection:
        # workers would split a scan into nodes of another name
        connection.execute("set max_parallel_workers_per_gather = 0")
        row = connection.execute(
            compose.SQL("explain (format json) {}").format(compose.SQL(statement))
        ).fetchone()
    assert row is not None
    return [node for node in nodes(row[0][0]["Plan"]) if node.get("Relation Name") == "gate_results"]


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A node of a plan and all below it."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)
