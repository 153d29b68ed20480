"""What gates said is read from the ledger, by the name of the invocation; where it is not there, that is said and nothing passes."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from gates.errors import GatesError
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.steps.gating import gate, stopped_task
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.postgres import connect

FIRST_DAY = datetime.date(2017, 4, 29)
GOOD_DAY = datetime.date(2017, 4, 30)
EMPTY_DAY = datetime.date(2017, 5, 15)
SOURCE_GATES = ("test", "--select", "source:raw")
HAS_ROWS = f"""\
FAIL  raw_interaction_has_rows on raw.interaction
      no rows on {EMPTY_DAY}, allowed at least 1
      next in dbt_project: gates explain raw_interaction_has_rows --run-date {EMPTY_DAY}"""
SCHEMA = f"""\
FAIL  raw_interaction_schema on raw.interaction
      column channel (text) is there and is not declared
      next in dbt_project: RUN_DATE={EMPTY_DAY} dbt show --select raw_interaction_schema"""
BROKE = "dbt test broke: the evidence could not be written to the ledger: "
WAY_OUT = f'if the day is right as it is: gates accept {EMPTY_DAY} --accepted --why "…" (docs/days.md)'


def judge(settings: Settings, run_date: datetime.date) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    gate(settings, run_date, SOURCE_GATES, kept.extend)
    return kept


def stop(settings: Settings, run_date: datetime.date) -> GateStopped:
    with pytest.raises(GateStopped) as stopped:
        judge(settings, run_date)
    return stopped.value


def execute(settings: Settings, *statements: str) -> None:
    with connect(settings) as connection:
        for statement in statements:
            connection.execute(sql.SQL(statement))


def refuse_rows(settings: Settings) -> None:
    """Make the ledger refuse rows, as a full disk or a lost permission does."""
    assert dbt.invoke(settings, SOURCE_GATES, FIRST_DAY).success, "creates the ledger"
    execute(
        settings,
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'disk full'; end $$",
        "create trigger refuse before insert on analytics.gate_results execute function refuse()",
    )


def refuse_indexes(settings: Settings) -> None:
    """Make the ledger impossible to create: nothing else that these gates do makes an index."""
    execute(
        settings,
        "create function refuse() returns event_trigger language plpgsql as $$ begin raise 'no index'; end $$",
        "create event trigger refuse on ddl_command_start when tag in ('CREATE INDEX') execute function refuse()",
    )


def recorded_days(settings: Settings) -> list[datetime.date]:
    with connect(settings) as connection:
        rows = connection.execute("select distinct run_date from analytics.gate_results").fetchall()
    return [day for (day,) in rows]


def test_rows_are_those_of_the_invocation(loaded_settings: Settings) -> None:
    first, second = judge(loaded_settings, GOOD_DAY), judge(loaded_settings, GOOD_DAY)
    assert [row["metric"] for row in first] == [row["metric"] for row in second]
    assert {row["verdict"] for row in second} == {"pass"}
    (name,) = {row["invocation_id"] for row in first}
    assert name not in {row["invocation_id"] for row in second}


def test_message_has_a_card_of_each_gate_that_failed(loaded_settings: Settings) -> None:
    execute(loaded_settings, "alter table raw.interaction add column channel text")
    stopped = stop(loaded_settings, EMPTY_DAY)
    assert str(stopped) == f"2 gates stopped the run of {EMPTY_DAY}\n{HAS_ROWS}\n{SCHEMA}\n{WAY_OUT}"
    assert {row["gate"] for row in stopped.evidence} == {"row_existence", "schema_match"}


def test_query_that_crashed_says_what_the_database_said(loaded_settings: Settings) -> None:
    execute(loaded_settings, "alter table raw.interaction drop column interaction_date")
    message = " ".join(str(stop(loaded_settings, GOOD_DAY)).split())
    assert "raw_interaction_has_rows on raw.interaction the query failed, so nothing was proven: " in message
    assert 'column "interaction_date" does not exist' in message
    assert "next in dbt_project: RUN_DATE=2017-04-30 dbt show --select raw_interaction_has_rows" in message


def test_gate_that_passes_is_an_error_where_its_ledger_cannot_be_written(loaded_settings: Settings) -> None:
    """No pass without proof: nothing would know of it tomorrow."""
    refuse_rows(loaded_settings)
    with pytest.raises(GatesError, match=BROKE + ".*disk full") as broke:
        judge(loaded_settings, GOOD_DAY)
    assert broke.value.exit_code == GatesError.exit_code
    assert recorded_days(loaded_settings) == [FIRST_DAY]


def test_gate_that_fails_stops_the_run_where_its_ledger_cannot_be_written(loaded_settings: Settings) -> None:
    """It is as red as ever, and both facts are told."""
    refuse_rows(loaded_settings)
    stopped = stop(loaded_settings, EMPTY_DAY)
    head, said, way_out = str(stopped).splitlines()
    assert way_out == WAY_OUT
    assert head == f"1 gate stopped the run of {EMPTY_DAY}"
    assert said.startswith(f"FAIL  raw_interaction_has_rows: no evidence in the ledger: {BROKE}")
    assert "disk full" in said
    assert stopped.exit_code == GateStopped.exit_code
    assert stopped.evidence == [], "the ledger has no row of this run"
    assert recorded_days(loaded_settings) == [FIRST_DAY]


def test_gate_that_fails_stops_the_run_where_its_ledger_cannot_be_created(loaded_settings: Settings) -> None:
    refuse_indexes(loaded_settings)
    _, said, _ = str(stop(loaded_settings, EMPTY_DAY)).splitlines()
    assert said.startswith("FAIL  raw_interaction_has_rows: no evidence in the ledger: dbt test broke: ")
    assert "no index" in said


def test_ledger_that_cannot_be_created_is_an_error(loaded_settings: Settings) -> None:
    refuse_indexes(loaded_settings)
    with pytest.raises(GatesError, match=r"dbt test broke: .*no index") as broke:
        judge(loaded_settings, GOOD_DAY)
    assert not isinstance(broke.value, GateStopped)


@pytest.mark.parametrize(
    ("run_date", "error", "reason"),
    [
        (GOOD_DAY, PipelineError, r"no evidence of 3 tests \(.*raw_interaction_has_rows.*on-run-end"),
        (EMPTY_DAY, GateStopped, r"raw_interaction_has_rows: no evidence in the ledger: .*on-run-end"),
    ],
)
def test_tests_that_leave_no_evidence_prove_nothing(
    loaded_settings: Settings, run_date: datetime.date, error: type[Exception], reason: str
) -> None:
    """As in a project without the hook: dbt is green, and the ledger knows nothing of it."""
    judge(loaded_settings, FIRST_DAY)
    execute(
        loaded_settings,
        "create function forget() returns trigger language plpgsql as $$ begin return null; end $$",
        "create trigger forget before insert on analytics.gate_results for each row execute function forget()",
    )
    with pytest.raises(error, match=reason) as raised:
        judge(loaded_settings, run_date)
    assert type(raised.value) is error


def write_results(folder: Path, name: str, invocation_id: str, **statuses: str) -> Path:
    target = folder / "target"
    target.mkdir(exist_ok=True)
    results = [
        {"unique_id": unique_id, "status": status, "message": f"{unique_id} is\n {status}"}
        for unique_id, status in statuses.items()
    ]
    (target / name).write_text(json.dumps({"metadata": {"invocation_id": invocation_id}, "results": results}))
    return folder


def test_task_of_another_process_is_told_by_the_files_that_it_leaves(
    loaded_settings: Settings, tmp_path: Path
) -> None:
    result = dbt.invoke(loaded_settings, SOURCE_GATES, EMPTY_DAY)
    (failed,) = result.failed
    write_results(tmp_path, "run_results.json", result.invocation_id, **{failed: "fail"})
    stopped = stopped_task(loaded_settings, EMPTY_DAY, tmp_path)
    assert stopped is not None
    assert str(stopped) == f"1 gate stopped the run of {EMPTY_DAY}\n{HAS_ROWS}\n{WAY_OUT}"


def test_task_whose_queries_only_crashed_has_no_verdict(loaded_settings: Settings, tmp_path: Path) -> None:
    assert stopped_task(loaded_settings, EMPTY_DAY, tmp_path) is None, "dbt has written nothing"
    write_results(tmp_path, "run_results.json", "1", **{"test.shop.a.0": "error", "model.shop.b": "error"})
    write_results(tmp_path, "sources.json", "2", **{"source.shop.raw.c": "runtime error"})
    assert stopped_task(loaded_settings, EMPTY_DAY, tmp_path) is None


def test_task_says_where_the_ledger_has_nothing_of_it(loaded_settings: Settings, tmp_path: Path) -> None:
    dbt.invoke(loaded_settings, SOURCE_GATES, GOOD_DAY)
    write_results(
        tmp_path, "run_results.json", "unknown", **{"test.shop.a.0123456789": "fail", "test.shop.b": "error"}
    )
    stopped = stopped_task(loaded_settings, EMPTY_DAY, tmp_path)
    assert str(stopped).splitlines() == [
        f"2 gates stopped the run of {EMPTY_DAY}",
        "FAIL  a, b: no evidence in the ledger: the ledger has no row of this run, the log says why",
    ]
