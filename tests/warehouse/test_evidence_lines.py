"""What the gates print is one text, wherever it is read; and a ledger that cannot be written changes no verdict."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from training_pipeline import dbt
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped, PipelineError
from training_pipeline.evidence import failures_first, latest
from training_pipeline.pipeline import Outcome, gate
from training_pipeline.warehouse import connect

FIRST_DAY = datetime.date(2017, 4, 29)
GOOD_DAY = datetime.date(2017, 4, 30)
EMPTY_DAY = datetime.date(2017, 5, 15)
SOURCE_GATES = ("test", "--select", "source:raw")
VERDICTS = ("FAIL", "WARN", "PASS")


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


def refuse_writes(settings: Settings) -> None:
    """Make the ledger refuse rows, as a full disk or a lost permission does."""
    assert dbt.invoke(settings, SOURCE_GATES, FIRST_DAY).success, "creates the ledger"
    function = (
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'disk full'; end $$"
    )
    trigger = sql.SQL("create trigger refuse before insert on {} execute function refuse()")
    with connect(settings) as connection:
        connection.execute(sql.SQL(function))
        connection.execute(trigger.format(sql.Identifier(settings.schema, "gate_results")))


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


@pytest.mark.parametrize(("run_date", "verdict"), [(GOOD_DAY, "PASS"), (EMPTY_DAY, "FAIL")])
def test_ledger_that_cannot_be_written_is_an_error_whatever_the_verdict(
    loaded_settings: Settings, run_date: datetime.date, verdict: str
) -> None:
    """Neither a pass without proof, nor a verdict that the gate has not given: the run breaks and says why."""
    refuse_writes(loaded_settings)
    with pytest.raises(PipelineError, match=r"dbt test broke: .*disk full") as broke:
        gate(loaded_settings, Outcome(run_date), "data gates", SOURCE_GATES)
    assert not isinstance(broke.value, GateStopped)
    assert re.search(rf"{verdict}.* raw_interaction_has_rows", log(loaded_settings)), "dbt has judged"
    with connect(loaded_settings) as connection:
        rows = connection.execute("select distinct run_date from analytics.gate_results").fetchall()
    assert rows == [(FIRST_DAY,)], "of the run before"
