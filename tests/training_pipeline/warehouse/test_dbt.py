import datetime
import os
import socket
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from gates.errors import GatesError
from training_pipeline.config import Settings
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.postgres import connect

RUN_DATE = datetime.date(2017, 4, 30)
SOURCE_GATES = ("test", "--select", "source:raw")


def names(unique_ids: Iterable[str]) -> list[str]:
    return [unique_id.split(".")[2] for unique_id in unique_ids]


def test_gates_that_pass(loaded_settings: Settings) -> None:
    done: list[tuple[int, int, str]] = []
    result = dbt.invoke(
        loaded_settings, SOURCE_GATES, RUN_DATE, lambda count, total, name: done.append((count, total, name))
    )
    assert result.success
    assert (result.failed, result.crashed) == ((), {})
    assert "raw_interaction_has_rows" in names(result.tests)
    count, total, name = done[-1]
    assert count == total == len(done)
    assert name


def test_gate_that_fails_is_an_answer(loaded_settings: Settings) -> None:
    result = dbt.invoke(loaded_settings, SOURCE_GATES, datetime.date(2017, 5, 15))
    assert not result.success
    assert names(result.failed) == ["raw_interaction_has_rows"]
    assert set(result.failed) < set(result.tests)
    assert result.crashed == {}


def test_ledger_names_its_rows_by_the_invocation(loaded_settings: Settings) -> None:
    first, second = (dbt.invoke(loaded_settings, SOURCE_GATES, RUN_DATE) for _ in range(2))
    assert first.invocation_id != second.invocation_id
    for result in (first, second):
        with connect(loaded_settings) as connection:
            rows = connection.execute(
                "select distinct node_id from analytics.gate_results where invocation_id = %s",
                [result.invocation_id],
            ).fetchall()
        assert {node_id for (node_id,) in rows} == set(result.tests)


def test_gate_that_crashes_has_failed(loaded_settings: Settings) -> None:
    with connect(loaded_settings) as connection:
        connection.execute("alter table raw.interaction drop column interaction_date")
    result = dbt.invoke(loaded_settings, SOURCE_GATES, RUN_DATE)
    assert {"raw_interaction_schema", "raw_interaction_has_rows"} <= set(names(result.failed))
    message = dict(zip(names(result.crashed), result.crashed.values(), strict=True))[
        "raw_interaction_has_rows"
    ]
    assert 'column "interaction_date" does not exist' in message


def test_model_that_crashes_is_an_error(loaded_settings: Settings) -> None:
    with connect(loaded_settings) as connection:
        connection.execute("create table analytics.stg_interaction (in_the_way integer)")
        connection.execute("create view analytics.reader as select * from analytics.stg_interaction")
        connection.execute("alter table raw.interaction drop column amount")
    with pytest.raises(GatesError, match=r"dbt run broke: stg_interaction: .*amount.*dbt\.log"):
        dbt.invoke(loaded_settings, ["run", "--select", "stg_interaction"], RUN_DATE)


def test_database_that_is_down_is_an_error(settings: Settings, environment: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        environment.setenv("PGPORT", str(probe.getsockname()[1]))
    environment.setenv("PGHOST", "127.0.0.1")
    down = replace(settings, target="postgres")
    with pytest.raises(GatesError, match=r"dbt test broke: .*onnection"):
        dbt.invoke(down, SOURCE_GATES, RUN_DATE)


def test_argument_that_dbt_does_not_know_is_an_error(settings: Settings) -> None:
    with pytest.raises(GatesError, match=r"dbt test broke: .*--no-such-option"):
        dbt.invoke(settings, ["test", "--no-such-option"], RUN_DATE)


def test_environment_is_as_before(settings: Settings) -> None:
    before = dict(os.environ)
    dbt.compile_inline(settings, "select 1", RUN_DATE)
    assert dict(os.environ) == before


def test_inline_sql_knows_the_run_date(settings: Settings) -> None:
    compiled = dbt.compile_inline(settings, "select {{ gates.date_literal(gates.run_date()) }}", RUN_DATE)
    assert compiled == "select cast('2017-04-30' as date)"
    with pytest.raises(GatesError, match=r"dbt compile broke: .*no_such_macro"):
        dbt.compile_inline(settings, "{{ no_such_macro() }}", RUN_DATE)


def test_manifest_is_that_of_the_same_state(settings: Settings, tmp_path: Path) -> None:
    dbt.compile_inline(settings, "select 1", RUN_DATE)
    assert "model.training_pipeline.interaction" in dbt.read_manifest(settings)["nodes"]
    with pytest.raises(GatesError, match=r"manifest\.json does not exist: run `dbt parse`"):
        dbt.read_manifest(replace(settings, state_dir=tmp_path))


def test_the_server_is_started_for_dbt(settings: Settings) -> None:
    embedded.stop(settings)
    assert dbt.compile_inline(settings, "select 1", RUN_DATE) == "select 1"
    assert embedded.status(settings).running
