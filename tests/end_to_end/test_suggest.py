"""Suggest on a warehouse: the command, and that suggestions do not depend on the present bounds."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gates.days.replay import Replay
from gates.tuning import suggest
from training_pipeline.config import Settings
from training_pipeline.warehouse import dbt

from .conftest import RUN_DATE, Command

LAST_DAY = RUN_DATE - dt.timedelta(1)
BOUND = r"cast\('[^']*' (as double precision\) as bound)"


def test_present_bounds_do_not_matter(built_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    replay = Replay(replace(dbt.project(built_settings), select=("interaction_like_last_week",)))
    wide = suggest.judge_past(replay, LAST_DAY)
    expected = {(row["run_date"], row["metric"]): row["statistic"] for row in wide.rows}
    compiled = replay.compile

    def tight(*arguments: Any) -> dict[str, str]:
        statements = compiled(*arguments)
        changed = {name: re.sub(BOUND, r"cast('1.001' \1", sql) for name, sql in statements.items()}
        assert changed != statements, "the statement must contain the bound"
        return changed

    monkeypatch.setattr(replay, "compile", tight)
    narrow = suggest.judge_past(replay, LAST_DAY)

    assert len(narrow.rows) > 200
    assert {(row["run_date"], row["metric"]): row["statistic"] for row in narrow.rows} == expected
    rejecting = replay.judge(replay.gates, narrow.days)
    assert any(expected[row["run_date"], row["metric"]] != row["statistic"] for row in rejecting), (
        "a replay with these bounds rejects references, so it has other statistics or none"
    )


def test_command_prints_gates_to_paste(built_settings: Settings, command: Command, tmp_path: Path) -> None:
    faults = tmp_path / "faults.yml"
    faults.write_text("all amounts x 100: {set: {amount: amount * 100}}\n")
    options = ("--faults", str(faults), "--every", "20", "--false-alarms", "5", "--run-date", str(LAST_DAY))
    ended = command("suggest", *options, "--fit-until", "2017-04-14")

    assert ended.exit_code == 0, ended.printed
    assert "# sum(amount_sum) / nullif(sum(amount_count), 0): 1." in ended.printed
    assert "finds all amounts x 100 100 %" in ended.printed
    assert "with the days that the calendar marks: " in ended.printed
    assert " of 48 days fitted" in ended.printed and " of 13 days checked" in ended.printed
    assert " of 15 days checked" in ended.printed, "with the two days of Easter"

    refused = command("suggest", *options, "--fit-until", "2016-01-01")
    assert refused.exit_code == 1
    assert "--fit-until must leave healthy days before and after it" in refused.printed
    no_date = command("suggest", *options, "--fit-until", "September")
    assert no_date.exit_code == 2
