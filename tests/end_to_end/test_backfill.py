"""A backfill leaves what single runs in order leave, goes on where it was interrupted, and a day that is stopped does not end it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from training_pipeline.config import Settings
from training_pipeline.warehouse.postgres import connect

from .conftest import RUN_DATE, Command, execute

LEFT = {
    "verdicts": "select distinct on (node_id, metric, segment, run_date) node_id, metric, segment, run_date, verdict, reason,"
    " current_value, reference_value, lower_bound, upper_bound from analytics.gate_results"
    " where metric !~ 'serving_.*(seconds|megabytes)'"
    " order by node_id, metric, segment, run_date, recorded_at desc",
    "decisions": "select run_date, model_version, previous_version, decision, reason, data_fingerprint"
    " from ml.promotion_history where step = 'done' order by number",
    "evaluations": "select run_date, model_version, metric, segment, reference, value, lower, upper from ml.model_evaluation"
    " where metric !~ '^serving_.*(seconds|megabytes)'"
    " order by run_date, model_version, metric, segment, reference",
}


def left(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    with connect(settings) as connection:
        return {
            name: [tuple(map(_rounded, row)) for row in connection.execute(query)]
            for name, query in LEFT.items()
        }


def _rounded(value: Any) -> Any:
    """Nine digits of a number, because the order in which a database adds doubles is not always the same."""
    try:
        return value if isinstance(value, bool | dt.date | None) else f"{float(value):.9g}"
    except ValueError:
        return value


@pytest.fixture
def start_anew(
    server: Settings,
    copy_database: Callable[[str, str], None],
    _loaded_template: str,
    _registry_template: str,
) -> Callable[[], None]:
    """Bring warehouse and registry back to where a test begins."""

    def copy() -> None:
        copy_database(_loaded_template, server.database)
        copy_database(_registry_template, server.mlflow_database)

    return copy


@pytest.mark.parametrize("number", [2, pytest.param(30, marks=pytest.mark.long)])
def test_backfill_goes_on_and_equals_single_runs(
    number: int, pipeline_settings: Settings, command: Command, start_anew: Callable[[], None]
) -> None:
    days = [str(RUN_DATE - dt.timedelta(back)) for back in reversed(range(number))]
    codes = [command("run", "--fixture", "--run-date", day).exit_code for day in days]
    assert set(codes) <= {0, 3} and 0 in codes
    expected = left(pipeline_settings)
    start_anew()

    interrupted = command("backfill", "--fixture", "--from", days[0], "--to", days[0])
    assert interrupted.exit_code == codes[0], interrupted.printed
    whole = command("backfill", "--fixture", "--from", days[0], "--to", days[-1])

    assert whole.exit_code == max(codes), whole.printed
    if codes[0] == 0:
        assert f"{number} days: " in whole.printed and "1 decided before" in whole.printed
        assert f"{days[0]} PROMOTED" not in whole.printed, "a day that was decided on is left as it is"
    found = left(pipeline_settings)
    for name, rows in expected.items():
        assert set(found[name]) ^ set(rows) == set(), name
    assert {row[3] for row in expected["verdicts"]} >= {dt.date.fromisoformat(day) for day in days}


def test_a_day_that_a_gate_stops_is_named_and_judged_again_next_time(
    pipeline_settings: Settings, command: Command
) -> None:
    spoilt, last = str(RUN_DATE), str(RUN_DATE + dt.timedelta(1))
    execute(pipeline_settings, f"delete from raw.interaction where interaction_date = date '{spoilt}'")
    ended = command("backfill", "--fixture", "--from", spoilt, "--to", last)
    assert ended.exit_code == 3
    assert f"{spoilt} STOPPED" in ended.printed and f"{last} STOPPED" in ended.printed, ended.printed
    assert f"stopped by gates: {spoilt}, {last}; the report of each day says why" in ended.printed
    again = command("backfill", "--fixture", "--from", spoilt, "--to", spoilt)
    assert (again.exit_code, f"{spoilt} STOPPED" in again.printed) == (3, True)
    assert left(pipeline_settings)["decisions"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--from", "2017-04-30", "--to", "2017-04-29"],
            "--from must not be after --to, received 2017-04-30 and 2017-04-29",
        ),
        (["--from", "yesterday", "--to", "2017-04-29"], "--from"),
        (["--from", "2017-04-29"], "--to"),
    ],
)
def test_a_range_that_is_none_is_refused(
    arguments: list[str], words: str, pipeline_settings: Settings, command: Command
) -> None:
    ended = command("backfill", "--fixture", *arguments)
    assert ended.exit_code in (1, 2)
    assert words in ended.printed
    assert left_nothing(pipeline_settings)


def left_nothing(settings: Settings) -> bool:
    """Say whether no gate has judged anything."""
    with connect(settings) as connection:
        row = connection.execute("select to_regclass('analytics.gate_results') is null").fetchone()
    return row == (True,)
