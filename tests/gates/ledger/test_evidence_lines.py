"""What the gates print is one text, wherever it is read; and a ledger that cannot be written changes no verdict."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from gates.errors import GatesError
from gates.ledger.evidence import failures_first
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped
from training_pipeline.steps.run import Outcome, gate
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.ledger import latest
from training_pipeline.warehouse.postgres import connect

FIRST_DAY = datetime.date(2017, 4, 29)
GOOD_DAY = datetime.date(2017, 4, 30)
EMPTY_DAY = datetime.date(2017, 5, 15)
SOURCE_GATES = ("test", "--select", "source:raw")
VERDICTS = ("FAIL", "WARN", "PASS")
BROKE = "dbt test broke: the evidence could not be written to the ledger: "


def log(settings: Settings) -> str:
    """What the last dbt command has logged."""
    return Path(settings.dbt_output, "logs", "dbt.log").read_text().rpartition("Running with dbt=")[2]


def logged(settings: Settings) -> Iterator[str]:
    """The lines of the evidence in the log of the last dbt command, without dbt's time and thread."""
    for line in log(settings).splitlines():
        message = line.partition("]: ")[2]
        if message.startswith((*VERDICTS, "gates on", "raw.interaction: ")):
            yield message


def stop(settings: Settings, run_date: datetime.date) -> tuple[GateStopped, Outcome]:
    outcome = Outcome(run_date)
    with pytest.raises(GateStopped) as stopped:
        gate(settings, outcome, "data gates", SOURCE_GATES)
    return stopped.value, outcome


def refuse_rows(settings: Settings) -> None:
    """Make the ledger refuse rows, as a full disk or a lost permission does."""
    assert dbt.invoke(settings, SOURCE_GATES, FIRST_DAY).success, "creates the ledger"
    function = (
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'disk full'; end $$"
    )
    trigger = sql.SQL("create trigger refuse before insert on {} execute function refuse()")
    with connect(settings) as connection:
        connection.execute(sql.SQL(function))
        connection.execute(trigger.format(sql.Identifier(settings.schema, "gate_results")))


def refuse_indexes(settings: Settings) -> None:
    """Make the ledger impossible to create: nothing else that these gates do makes an index."""
    function = (
        "create function refuse() returns event_trigger language plpgsql as $$ begin raise 'no index'; end $$"
    )
    trigger = "create event trigger refuse on ddl_command_start when tag in ('CREATE INDEX') execute function refuse()"
    with connect(settings) as connection:
        connection.execute(sql.SQL(function))
        connection.execute(sql.SQL(trigger))


def recorded_days(settings: Settings) -> list[datetime.date]:
    with connect(settings) as connection:
        rows = connection.execute("select distinct run_date from analytics.gate_results").fetchall()
    return [day for (day,) in rows]


def test_log_outcome_and_exception_say_the_same(loaded_settings: Settings) -> None:
    with connect(loaded_settings) as connection:
        connection.execute("alter table raw.interaction add column channel text")
    stopped, outcome = stop(loaded_settings, EMPTY_DAY)
    lines = outcome.evidence["data gates"]
    failed = [line for line in lines if line.startswith("FAIL")]
    assert list(logged(loaded_settings)) == list(lines)
    assert str(stopped).splitlines() == [f"2 gate(s) stopped the run of {EMPTY_DAY}:", *failed]
    assert [row["gate"] for row in stopped.evidence] == ["row_existence", "schema_match"]


def test_lines_are_aligned_and_failures_first(loaded_settings: Settings) -> None:
    with connect(loaded_settings) as connection:
        connection.execute("alter table raw.interaction add column channel text")
    _, outcome = stop(loaded_settings, EMPTY_DAY)
    head, *lines = [
        line for line in outcome.evidence["data gates"] if not line.startswith("raw.interaction: ")
    ]
    verdicts = [line[:4] for line in lines]
    assert verdicts == sorted(verdicts, key=VERDICTS.index)
    assert {"FAIL", "PASS"} <= set(verdicts)
    assert len({line.index("raw.interaction") for line in lines}) == 1
    assert len({line.index("current ") for line in lines}) == 1
    columns = 8  # each is one line where it is not as declared; all that are share one
    ledger = failures_first(row for rows in latest(loaded_settings, EMPTY_DAY).values() for row in rows)
    assert len(ledger) == len(lines) + columns - 1
    assert head == f"gates on {EMPTY_DAY}: 2 failed, 0 warned, {len(ledger) - 2} passed"


def test_gate_that_passes_is_an_error_where_its_ledger_cannot_be_written(loaded_settings: Settings) -> None:
    """No pass without proof: nothing would know of it tomorrow."""
    refuse_rows(loaded_settings)
    with pytest.raises(GatesError, match=BROKE + ".*disk full") as broke:
        gate(loaded_settings, Outcome(GOOD_DAY), "data gates", SOURCE_GATES)
    assert broke.value.exit_code == GatesError.exit_code
    assert any(line.startswith("PASS  row_existence") for line in logged(loaded_settings)), "it was told"
    assert recorded_days(loaded_settings) == [FIRST_DAY]


def test_gate_that_fails_stops_the_run_where_its_ledger_cannot_be_written(loaded_settings: Settings) -> None:
    """It is as red as ever, and both facts are told."""
    refuse_rows(loaded_settings)
    stopped, outcome = stop(loaded_settings, EMPTY_DAY)
    failed = [line for line in outcome.evidence["data gates"] if line.startswith("FAIL")]
    head, *lines, besides = str(stopped).splitlines()
    assert head == f"1 gate(s) stopped the run of {EMPTY_DAY}:"
    assert [line.split()[1] for line in failed] == ["row_existence"]
    assert lines == failed
    assert re.match(f"besides, {BROKE}.*disk full", besides)
    assert stopped.exit_code == GateStopped.exit_code
    assert stopped.evidence == [], "the ledger has no row of this run"
    assert recorded_days(loaded_settings) == [FIRST_DAY]


def test_gate_that_fails_stops_the_run_where_its_ledger_cannot_be_created(loaded_settings: Settings) -> None:
    refuse_indexes(loaded_settings)
    stopped, _ = stop(loaded_settings, EMPTY_DAY)
    _, failed, besides = str(stopped).splitlines()
    assert failed.startswith("FAIL  row_existence")
    assert re.match(r"besides, dbt test broke: .*no index", besides)


def test_ledger_that_cannot_be_created_is_an_error(loaded_settings: Settings) -> None:
    refuse_indexes(loaded_settings)
    with pytest.raises(GatesError, match=r"dbt test broke: .*no index") as broke:
        gate(loaded_settings, Outcome(GOOD_DAY), "data gates", SOURCE_GATES)
    assert not isinstance(broke.value, GateStopped)
