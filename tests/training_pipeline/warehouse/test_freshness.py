"""`dbt source freshness` measures the age of the source on the run date, not at the wall clock."""

from __future__ import annotations

import datetime
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from gates.errors import GatesError
from training_pipeline.config import Settings
from training_pipeline.warehouse import dbt, ledger
from training_pipeline.warehouse.postgres import connect

LAST_DAY = datetime.date(2017, 4, 30)
SOURCE = "source.training_pipeline.raw.interaction"
VERDICTS = {"pass": "pass", "warn": "warn", "error": "fail"}


def freshness(settings: Settings, run_date: datetime.date, status: str) -> dict[str, Any]:
    """What dbt writes about the one source."""
    written = Path(settings.dbt_output, "target", "sources.json")
    written.unlink(missing_ok=True)
    with pytest.raises(GatesError) if status == "error" else nullcontext():
        dbt.invoke(settings, ["source", "freshness"], run_date)
    (found,) = json.loads(written.read_text())["results"]
    result: dict[str, Any] = found
    assert result["status"] == status
    return result


@pytest.mark.parametrize(
    ("days_later", "status"), [(0, "pass"), (1, "warn"), (2, "error"), (3, "error"), (-40, "pass")]
)
def test_age_is_counted_to_the_run_date(loaded_settings: Settings, days_later: int, status: str) -> None:
    run_date = LAST_DAY + datetime.timedelta(days=days_later)
    age = max(days_later, 0)
    assert freshness(loaded_settings, run_date, status)["max_loaded_at_time_ago_in_s"] == age * 86400

    (row,) = ledger.latest(loaded_settings, run_date)[SOURCE]
    assert (row["gate"], row["metric"], row["relation"]) == ("source_freshness", "age", "raw.interaction")
    assert (float(row["current_value"]), row["verdict"]) == (age, VERDICTS[status])
    assert row["upper_bound"] == (1.5 if status == "error" else 0.5)
    assert row["reason"] == ("ok" if status == "pass" else "out_of_bounds")
    assert row["status"] == VERDICTS[status]


def test_empty_source_is_infinitely_old(loaded_settings: Settings) -> None:
    with connect(loaded_settings) as connection:
        connection.execute("truncate raw.interaction")
    freshness(loaded_settings, LAST_DAY, "error")


def test_source_that_cannot_be_asked_is_an_error(loaded_settings: Settings) -> None:
    with connect(loaded_settings) as connection:
        connection.execute("alter table raw.interaction drop column interaction_date")
    with pytest.raises(GatesError, match='column "interaction_date" does not exist'):
        dbt.invoke(loaded_settings, ["source", "freshness"], LAST_DAY)
    (row,) = ledger.latest(loaded_settings, LAST_DAY)[SOURCE]
    assert (row["verdict"], row["reason"], row["status"]) == ("fail", "query_error", "error")
