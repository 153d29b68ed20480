"""With `gates.loaded_at` dbt measures the age of a source on the run date, on every engine."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from .harness.engines import SCHEMA, DuckDB
from .harness.project import write_project
from .harness.run import LEDGER, invoke

LAST_DAY = dt.date(2026, 11, 22)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> DuckDB:
    engine = DuckDB(tmp_path_factory.mktemp("freshness") / "database.duckdb")
    engine.execute(
        [
            f"create schema {SCHEMA}",
            f"create table {SCHEMA}.orders as select timestamp '{LAST_DAY} 18:30:00' as ordered_at",
        ]
    )
    return engine


@pytest.fixture(scope="module")
def project(engine: DuckDB, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = {
        "loaded_at_query": "{{ gates.loaded_at(this, 'ordered_at') }}",
        "freshness": {"error_after": {"count": 36, "period": "hour"}},
    }
    source = {"name": "shop", "schema": SCHEMA, "tables": [{"name": "orders", "config": config}]}
    return write_project(tmp_path_factory.mktemp("project"), engine.profile(), {"sources": [source]})


@pytest.mark.parametrize(
    ("days_later", "status", "verdict"), [(0, "pass", "pass"), (1, "pass", "pass"), (3, "error", "fail")]
)
def test_age_on_the_run_date(
    engine: DuckDB, project: Path, days_later: int, status: str, verdict: str
) -> None:
    run_date = LAST_DAY + dt.timedelta(days=days_later)
    done = invoke(project, "--quiet", "source", "freshness", environment={"RUN_DATE": run_date.isoformat()})
    assert done.success == (verdict == "pass")
    (found,) = json.loads((project / "target" / "sources.json").read_text())["results"]
    assert (found["status"], found["max_loaded_at_time_ago_in_s"]) == (status, days_later * 86400)
    (row,) = engine.query(f"select * from {LEDGER} where run_date = '{run_date}'")
    assert (row["gate"], row["verdict"], row["upper_bound"]) == ("source_freshness", verdict, 1.5)
    assert float(row["current_value"]) == days_later
