"""Suggest on a warehouse: the command, and that suggestions do not depend on the present bounds."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path

import pytest

from gates.tuning import suggest
from gates.tuning.replay import replay
from training_pipeline.config import Settings

from .conftest import RUN_DATE, Command

LAST_DAY = RUN_DATE - dt.timedelta(1)
BOUND = r"cast\('[^']*' (as double precision\) as threshold)"


def test_present_bounds_do_not_matter(built_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = suggest.judge_past(built_settings, LAST_DAY)
    gates = [gate for gate in wide.gates if gate.name == "interaction_like_last_week"]
    tight = [replace(gate, statement=re.sub(BOUND, r"cast('1.001' \1", gate.statement)) for gate in gates]
    assert tight != gates, "the statement must contain the bound"
    monkeypatch.setattr(suggest, "compile_gates", lambda *_: tight)

    narrow = suggest.judge_past(built_settings, LAST_DAY)

    assert len(narrow.rows) > 200
    expected = {
        (row["run_date"], row["metric"]): row["statistic"]
        for row in wide.rows
        if row["node_id"] == gates[0].node_id
    }
    assert {(row["run_date"], row["metric"]): row["statistic"] for row in narrow.rows} == expected
    rejecting = replay(built_settings, tight, narrow.days)
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
