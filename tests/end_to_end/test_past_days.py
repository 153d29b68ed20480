"""Every day that training reads is proven or decided about: a first load is judged, a spoilt month stops, a decision lets it go on."""

from __future__ import annotations

import datetime as dt

import pytest

from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped
from training_pipeline.source import loading
from training_pipeline.steps import past_days
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.postgres import connect

from .conftest import HEALTHY, RUN_DATE, Command, execute

TIMES_100 = "update raw.interaction set amount = amount * 100 where {days}"
DOUBLED = "insert into raw.interaction select * from raw.interaction where {days}"


def spoil(settings: Settings, change: str, first: str, last: str) -> None:
    """Change the rows of some days of the source."""
    days = f"interaction_date between date '{first}' and date '{last}'"
    execute(settings, change.format(days=days))


def profile(settings: Settings, run_date: dt.date = RUN_DATE) -> None:
    assert dbt.invoke(settings, ["build", "--select", "+interaction_daily", *HEALTHY], run_date).success


def rejected(stopped: pytest.ExceptionInfo[GateStopped]) -> list[dt.date]:
    """The days that the evidence is about."""
    return sorted({row["run_date"] for row in stopped.value.evidence})


def test_a_first_load_is_judged_once_and_a_day_that_changes_again(loaded_settings: Settings) -> None:
    profile(loaded_settings)
    first = past_days.judge(loaded_settings, RUN_DATE)
    assert first == "120 days: 103 proven, 17 accepted; 119 judged now", "the run date was judged by the run"
    assert past_days.judge(loaded_settings, RUN_DATE).endswith("; 0 judged now")

    # whoever changes the rows that training reads
    execute(
        loaded_settings,
        "update analytics.interaction set amount = amount * 100 where interaction_date = date '2017-03-01'",
    )
    profile(loaded_settings)
    with pytest.raises(GateStopped, match="1 of the 120 days that it reads are not proven") as stopped:
        past_days.judge(loaded_settings, RUN_DATE)
    assert rejected(stopped) == [dt.date(2017, 3, 1)]
    assert {row["mode"] for row in stopped.value.evidence} == {"window"}


def test_an_accepted_day_whose_rows_change_is_accepted_no_longer(loaded_settings: Settings) -> None:
    profile(loaded_settings)
    past_days.judge(loaded_settings, RUN_DATE)
    execute(
        loaded_settings,
        "update analytics.interaction set amount = amount * 100 where interaction_date = date '2017-02-17'",
    )
    profile(loaded_settings)
    with pytest.raises(GateStopped, match=r"2017-02-17  rejected on analytics\.interaction_daily"):
        past_days.judge(loaded_settings, RUN_DATE)


@pytest.mark.parametrize(
    ("change", "first", "last"),
    [
        pytest.param(TIMES_100, "2017-03-01", "2017-03-31", id="amounts of March x 100"),
        pytest.param(TIMES_100, "2017-02-01", "2017-02-28", id="amounts of February x 100"),
        pytest.param(DOUBLED, "2017-03-01", "2017-03-31", id="March loaded twice"),
    ],
)
def test_a_spoilt_month_in_the_first_load_stops_training(
    loaded_settings: Settings, change: str, first: str, last: str
) -> None:
    spoil(loaded_settings, change, first, last)
    profile(loaded_settings)
    with pytest.raises(GateStopped) as stopped:
        past_days.judge(loaded_settings, RUN_DATE)
    assert stopped.value.exit_code == 3
    days = rejected(stopped)
    spoilt = [day for day in days if first <= str(day) <= last]
    assert len(spoilt) == (dt.date.fromisoformat(last) - dt.date.fromisoformat(first)).days + 1
    assert len(days) - len(spoilt) <= 3, f"and next to no other day: {days}"
    message = str(stopped.value)
    assert f"{first} to {last} (" in message and "rejected on analytics.interaction_daily by" in message
    for option in ("--exclude", "--accepted", "--known", "--new-level"):
        assert f"{option} --why" in message


def test_training_goes_on_without_the_rows_of_excluded_days(
    pipeline_settings: Settings, command: Command
) -> None:
    spoil(pipeline_settings, TIMES_100, "2017-04-10", "2017-04-12")
    stopped = command("run", "--fixture", "--run-date", str(RUN_DATE))
    assert stopped.exit_code == 3
    assert (
        "3 of the 120 days that it reads are not proven 2017-04-10 to 2017-04-12 (3 days) rejected"
        in stopped.printed
    )
    assert "model version" not in stopped.printed

    assert command("train", "--run-date", str(RUN_DATE)).exit_code == 3, "nor by itself"
    assert (
        command("accept", "2017-04-10..2017-04-12", "--exclude", "--why", "amounts in cents").exit_code == 0
    )
    unbuilt = command("train", "--run-date", str(RUN_DATE))
    assert unbuilt.exit_code == 3
    assert "the data have changed: excluded days was 0:" in unbuilt.printed, (
        "the features still have these rows"
    )

    done = command("run", "--fixture", "--run-date", str(RUN_DATE))
    assert done.exit_code == 0, done.printed
    assert "120 days: 100 proven, 17 accepted, 3 excluded; 0 judged now" in done.printed
    with connect(pipeline_settings) as connection:
        days = connection.execute(
            "select count(*) filter (where interaction_date between '2017-04-10' and '2017-04-12'), count(*)"
            " from analytics.customer_day"
        ).fetchone()
    assert days is not None and days[0] == 0 < days[1]


@pytest.mark.long
def test_amounts_of_august_in_the_first_load_of_the_sample(settings: Settings) -> None:
    """The attack as it was found: 122,871 rows, promoted."""
    loading.load(settings)
    spoil(settings, TIMES_100, "2017-08-01", "2017-08-31")
    run_date = dt.date(2017, 12, 31)
    profile(settings, run_date)
    with pytest.raises(GateStopped) as stopped:
        past_days.judge(settings, run_date)
    days = rejected(stopped)
    assert days == [dt.date(2017, 8, 1) + dt.timedelta(number) for number in range(31)]
