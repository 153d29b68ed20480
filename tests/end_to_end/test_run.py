"""The whole pipeline on the fixture, run twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from training_pipeline.config import Settings
from training_pipeline.registry import loading
from training_pipeline.registry import models as registry
from training_pipeline.roles import Role, role_name
from training_pipeline.steps.rows import read
from training_pipeline.warehouse.postgres import connect

from .conftest import RUN_DATE, Command

STATE = {
    "interactions": "select count(*), sum(amount)::numeric(20, 4) from analytics.interaction",
    "profile": "select md5(string_agg(p::text, '|' order by p::text)) from analytics.interaction_daily as p",
    "training set": "select md5(string_agg(t::text, '|' order by t::text)) from analytics.training_set as t",
    "evaluation": "select metric, segment, reference, value, lower, upper from ml.model_evaluation"
    " where reference not in ('champion', 'anchor') and metric !~ '^serving_.*(seconds|megabytes)'"
    " order by metric, segment, reference",
    # The last of each. Without comparisons with a champion, which only the second evaluation has.
    "verdicts": "select distinct on (node_id, metric, segment, run_date) node_id, metric, segment, run_date, verdict, reason,"
    " current_value, reference_value from analytics.gate_results"
    " where metric not like '%champion%' and metric not like '%anchor%' and current_value is not null"
    " and metric !~ 'serving_.*(seconds|megabytes)'"
    " and not (gate = 'row_existence' and relation like '%challenger%')"
    " order by node_id, metric, segment, run_date, recorded_at desc",
}


def state(settings: Settings) -> dict[str, list[Any]]:
    with connect(settings) as connection:
        return {name: connection.execute(query).fetchall() for name, query in STATE.items()}


@pytest.fixture
def no_superuser(server: Settings, pipeline_settings: Settings) -> Iterator[None]:
    """A server whose superuser may not log in: whatever needs it fails."""
    with connect(server, "postgres") as connection:
        connection.autocommit = True
        connection.execute("alter role postgres nologin")
        yield
        connection.execute("alter role postgres login")


@pytest.mark.usefixtures("no_superuser")
def test_no_step_of_a_run_needs_a_superuser(pipeline_settings: Settings, command: Command) -> None:
    ended = command("run", "--fixture", "--run-date", str(RUN_DATE))
    assert ended.exit_code == 0, ended.printed
    with connect(replace(pipeline_settings, role=Role.REPORT)) as connection:
        owners = connection.execute(
            "select distinct pg_get_userbyid(relowner) from pg_class where relnamespace::regnamespace::text"
            " in ('raw', 'analytics', 'ml')"
        ).fetchall()
    assert {owner for (owner,) in owners} == {
        role_name(pipeline_settings.database, role) for role in (Role.LOAD, Role.BUILD, Role.LEDGER)
    }


def test_run_promotes_a_second_run_changes_nothing_and_the_registry_is_repaired(
    pipeline_settings: Settings, command: Command
) -> None:
    first = command("run", "--fixture", "--run-date", str(RUN_DATE))
    assert first.exit_code == 0, first.printed
    assert "PROMOTED model version 1" in first.printed
    before = state(pipeline_settings)
    champion = registry.with_alias(pipeline_settings, registry.CHAMPION)
    assert champion is not None and champion.version == "1"
    features = read(pipeline_settings, RUN_DATE).frame
    predictions = loading.predict(pipeline_settings, champion, features)

    second = command("run", "--fixture", "--run-date", str(RUN_DATE))

    assert second.exit_code == 0, second.printed
    assert "KEPT model version 1" in second.printed, "a champion is not replaced by itself"
    assert state(pipeline_settings) == before
    again = registry.with_alias(pipeline_settings, registry.CHAMPION)
    assert again is not None and again.version == "1"
    assert (loading.predict(pipeline_settings, again, features) == predictions).all()

    registry.set_alias(pipeline_settings, registry.CHAMPION, None)
    touched = command("promote", "--run-date", str(RUN_DATE))
    assert (touched.exit_code, "somebody has removed MLflow's alias champion" in touched.printed) == (3, True)
    repaired = command("registry", "repair")
    assert (repaired.exit_code, repaired.printed) == (0, "the alias champion is on version 1 again")
    assert command("registry", "repair").printed == "nothing to repair: history and alias agree"
    assert command("promote", "--run-date", str(RUN_DATE)).exit_code == 0
    back = command("rollback")
    assert (back.exit_code, "there is none before version 1" in back.printed) == (1, True)
