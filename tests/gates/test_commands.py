"""The commands on another dbt project print the same words on each engine, and leave nothing behind."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from gates.cli import app
from gates.errors import GatesError

from .conftest import ENGINES
from .shop import CLOSED, DOUBLED, LAST_DAY, write_shop
from .shop_run import ASKED

Shops = dict[str, Any]


@pytest.mark.parametrize("name", ASKED)
def test_each_engine_says_the_same(shops: Shops, name: str) -> None:
    found = {engine: shops[engine]["found"][name] for engine in ENGINES}
    expected = 1 if name == "verify a row too many" else 0
    assert {each["code"] for each in found.values()} == {expected}, found
    words = {engine: _without_relations(each["printed"]) for engine, each in found.items()}
    assert words["postgres"] == words["duckdb"]
    assert words["spark"] == words["duckdb"]


def test_backtest_finds_the_doubled_day_and_leaves_the_closed_one_out(shops: Shops) -> None:
    printed = shops["duckdb"]["found"]["backtest"]["printed"]
    assert f"{DOUBLED}  parcels_like_last_week: " in printed and "sum(parcels)" in printed and "56" in printed
    assert f"left out, closed or marked (1): {CLOSED}" in printed


def test_faults_are_seen_in_the_model_and_in_those_after_it(shops: Shops) -> None:
    lines = shops["duckdb"]["found"]["backtest"]["printed"].splitlines()
    table = {
        cells[0]: cells[1:]
        for line in lines
        if len(cells := [c.strip() for c in line.strip("│").split("│")]) == 5
    }
    assert table["all rows lost"][1] == "100.0 %"
    assert table["doubled"][2] == "100.0 %" and "parcels_as_usual" in table["doubled"][3]
    assert "mean_weight 100.0 %" in table["in grams"][3], "two models after the faulty one"
    assert table["no such carrier"][0] == "0", "it changes no row"
    assert table["means off"][1] == "100.0 %" and "parcel_weights" not in table["means off"][3]


def test_accepted_day_is_no_alarm_any_more(shops: Shops) -> None:
    printed = shops["duckdb"]["found"]["backtest of one gate"]["printed"]
    assert "0 blocked (0.0 %)" in printed and f"marked (1): {DOUBLED}" in printed


def test_days_are_judged_again_and_the_calendar_shows_what_was_decided(shops: Shops) -> None:
    judged = shops["duckdb"]["found"]["judge"]["printed"]
    first = LAST_DAY - dt.timedelta(9)
    for relation in ("parcel", "parcel_by_day", "parcel_mean"):
        assert f"{relation}: 10 days proven\n  {first} to {LAST_DAY} (10 days) proven" in _without_relations(
            judged
        )
    shown = _without_relations(shops["duckdb"]["found"]["days"]["printed"])
    assert f"  {DOUBLED} known: it's Whit Monday (" in shown
    last = first - dt.timedelta(1)
    assert (
        f"  {DOUBLED + dt.timedelta(1)} to {last} (39 days) unjudged: parcels_like_last_week has not judged it"
        in shown
    )


def test_redirected_suggestions_are_yaml(shops: Shops) -> None:
    for engine in ENGINES:
        suggested = yaml.safe_load(shops[engine]["found"]["suggest"]["printed"])
        assert {next(iter(test.values()))["name"] for test in suggested["data_tests"]} >= {
            "parcels_like_last_week"
        }


def test_nothing_is_left_behind(shops: Shops) -> None:
    for engine in ENGINES:
        assert not [name for name in shops[engine]["schemas"] if name.startswith("gates_")]
        assert shops[engine]["unchanged"], "dbt's own artifacts of the project stay as they are"


def test_every_engine_seals_what_it_keeps_and_sees_what_was_added(shops: Shops) -> None:
    """A run, a decision about a day, and rows with odd values in every column."""
    for engine in ENGINES:
        found = shops[engine]["found"]
        assert found["verify"]["printed"] == "the ledger is as it was sealed\n"
        (line,) = found["verify a row too many"]["printed"].splitlines()
        assert line.endswith(f"gate not_stale, day {LAST_DAY}: rows were added or changed after the seal")


def _without_relations(text: str) -> str:
    text = re.sub(r"invocation [0-9a-f-]{36}", "invocation", text)
    for quoted in ('"warehouse"."freight".', '"freight"."freight".', "freight."):
        text = text.replace(quoted, "")
    return text.replace('"', "").replace("`", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--project-dir", "/nowhere"), "holds no dbt_project.yml"),
        (("--vars", "3"), "--vars must be a YAML mapping"),
        (("--select", "nothing"), "none of the 0 data tests that are selected is a gate"),
        (("--target", "other"), "does not have a target named 'other'"),
        (("--vars", "run_date: soon"), "--vars run_date must be a day as YYYY-MM-DD"),
        (("--run-date", "2025-07-01"), "does not exist, so .* has nothing to judge: run dbt build first"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = {"type": "duckdb", "path": str(tmp_path / "empty.duckdb"), "schema": "freight", "threads": 1}
    monkeypatch.chdir(write_shop(tmp_path / "project", profile))
    monkeypatch.delenv("RUN_DATE", raising=False)
    result = CliRunner().invoke(app, ["backtest", "--profiles-dir", ".", *arguments])
    assert isinstance(result.exception, GatesError)
    assert "\n" not in str(result.exception)
    with pytest.raises(GatesError, match=message):
        raise result.exception


def test_a_day_that_is_none_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = {"type": "duckdb", "path": str(tmp_path / "empty.duckdb"), "schema": "freight", "threads": 1}
    monkeypatch.chdir(write_shop(tmp_path / "project", profile))
    result = CliRunner().invoke(app, ["accept", "soon", "--known", "--why", "fair", "--profiles-dir", "."])
    assert result.exit_code == 2
    assert "received 'soon'" in " ".join(result.stderr.replace("│", "").split())


def test_importing_the_tool_loads_no_pipeline() -> None:
    script = (
        "import pkgutil, sys, gates\n"
        "for each in pkgutil.walk_packages(gates.__path__, 'gates.'):\n"
        "    if not each.name.endswith('__main__'): __import__(each.name)\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}"
        " & {'training_pipeline', 'airflow', 'mlflow', 'sklearn', 'psycopg', 'pandas', 'dbt'}))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == [], "and dbt only when a command needs it"
