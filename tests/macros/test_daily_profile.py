"""The daily profile counts the same on each engine; test_plans.py tests its cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from .harness.engines import SCHEMA, DuckDB, Engine, Postgres, Row
from .harness.profile import TABLE, create_profiled, profile_sql

ENGINES = ("postgres", "duckdb", "spark")
ROOT = Path(__file__).parents[2]
SPARK_TIMEOUT = 300  # seconds

TOTALS = (
    *("row_count", "amount_count", "amount_nulls", "amount_zeros", "amount_sum", "amount_min", "amount_max"),
    *("customer_distinct", "id_distinct", "id_nulls"),
)
# NULL is not counted as a distinct value; two customers would be equal as doubles; keys differ in case and in blanks.
ALL = {
    "2017-03-10": (14, 12, 2, 1, 21.75, 0, 12, 5, 10, 2),
    "2017-03-11": (0, 0, 0, 0, None, None, None, 0, 0, 0),
    "2017-03-12": (1, 1, 0, 0, 3, 3, 3, 1, 1, 0),
}
SLICES = {
    ("2017-03-10", "amount_bin"): {"00": 1, "01": 1, "02": 9, "03": 1, "(null)": 2},
    ("2017-03-10", "category"): {"a": 10, "b": 2, "(null)": 2},  # NULL, and a text that looks like it
    # hours since midnight of 2017-03-10 (UTC): a winter day of New York ends in hour 28, a day of Tokyo begins in hour -09
    ("2017-03-10", "hour"): {
        **{"05": 2, "23": 1, "24": 1, "28": 1, "47": 1, "-01": 1, "-09": 1, "-24": 1},
        **{"(before)": 2, "(after)": 2, "(null)": 1},
    },
    ("2017-03-12", "amount_bin"): {"02": 1},
    ("2017-03-12", "category"): {"a": 1},
    ("2017-03-12", "hour"): {"12": 1},
}


@pytest.fixture(scope="module")
def postgres(make_postgres: Callable[[str], Postgres]) -> Postgres:
    engine = make_postgres("gates_profile")
    create_profiled(engine)
    return engine


@pytest.fixture(scope="module")
def rows(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Row]]:
    """Return the profile of the rows on an engine."""
    found: dict[str, list[Row]] = {}

    def of(name: str) -> list[Row]:
        if name not in found:
            directory = tmp_path_factory.mktemp(name)
            if name == "spark":
                found[name] = _rows_on_spark(directory)
            else:
                engine: Engine = postgres
                if name == "duckdb":
                    engine = DuckDB(directory / "database.duckdb")
                    create_profiled(engine)
                found[name] = engine.query(profile_sql(engine, directory / "project"))
        return found[name]

    return of


def _rows_on_spark(directory: Path) -> list[Row]:
    result = directory / "result.json"
    ended = subprocess.run(
        [sys.executable, "-m", "tests.macros.harness.profile", str(directory), str(result)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=SPARK_TIMEOUT,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    found: list[Row] = json.loads(result.read_text(encoding="utf-8"))
    return found


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _by_slice(rows: list[Row]) -> dict[tuple[str, str], dict[str, int]]:
    """Return the rows of each value by day and slice; fail where a value occurs twice."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        values = found.setdefault((str(row["profile_date"]), row["slice"]), {})
        assert row["value"] not in values, row
        values[row["value"]] = row["row_count"]
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_each_day_has_its_totals_also_without_rows(engine: str, rows: Callable[[str], list[Row]]) -> None:
    found = {str(row["profile_date"]): row for row in rows(engine) if row["slice"] == "all"}
    assert {day: tuple(_number(row[name]) for name in TOTALS) for day, row in found.items()} == ALL


@pytest.mark.parametrize("engine", ENGINES)
def test_slices_count_the_rows_of_each_value(engine: str, rows: Callable[[str], list[Row]]) -> None:
    found = _by_slice([row for row in rows(engine) if row["slice"] != "all"])
    assert found == SLICES


@pytest.mark.parametrize("engine", ENGINES)
def test_only_the_slice_all_has_measures(engine: str, rows: Callable[[str], list[Row]]) -> None:
    measures = [[row[name] for name in TOTALS[1:]] for row in rows(engine) if row["slice"] != "all"]
    assert measures
    assert {value for row in measures for value in row} == {None}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_hours_of_an_instant_are_those_of_utc_whatever_the_session(
    zone: str, postgres: Postgres, tmp_path: Path
) -> None:
    """The column is a timestamp with a time zone; one zone is half an hour off."""
    instants = "profiled_instants"
    postgres.execute(
        [
            f"create or replace view {SCHEMA}.{instants} as"
            f" select day, at at time zone 'UTC' as at from {SCHEMA}.{TABLE}"
        ]
    )
    statement = profile_sql(postgres, tmp_path, "hour_of='at'", instants)
    in_zone = replace(postgres, connection={**postgres.connection, "options": f"-c timezone={zone}"})
    found = _by_slice([row for row in in_zone.query(statement) if row["slice"] == "hour"])
    assert found == {key: values for key, values in SLICES.items() if key[1] == "hour"}


def test_without_slices_there_are_totals_only(postgres: Postgres, tmp_path: Path) -> None:
    found = postgres.query(profile_sql(postgres, tmp_path, "measures={'amount': []}"))
    assert {str(row["profile_date"]): (row["slice"], row["row_count"]) for row in found} == {
        day: ("all", totals[0]) for day, totals in ALL.items()
    }
    assert len(found) == len(ALL)
