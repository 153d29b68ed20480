"""What `training-pipeline run` and `validate` print: short by default, all of it or the rows themselves on request."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from training_pipeline.config import Settings
from training_pipeline.warehouse.postgres import dbt_environment

from .conftest import RUN_DATE, execute

COMMAND = Path(sys.executable).with_name("training-pipeline")
RUN = ("run", "--fixture", "--run-date", str(RUN_DATE))
STEPS = ["load", "data gates", "past days", "train", "evaluate", "model gates", "promote", "report"]


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a separate process: what a pipe or a file would get."""
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False)


def run_next(settings: Settings, printed: str, gate: str) -> str:
    """Run the command of a gate's card word by word, in the folder that the card names; return what it prints."""
    (folder, words) = re.findall(rf"^ +next in (\S+): (gates explain {gate} .*)$", printed, re.MULTILINE)[0]
    program, *arguments = shlex.split(words)
    ended = subprocess.run(
        [COMMAND.with_name(program), *arguments],
        cwd=settings.root / folder,
        env=os.environ | dbt_environment(settings),  # the server of the tests is not the one of the checkout
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_run_that_succeeds_is_read_at_a_glance(pipeline_settings: Settings) -> None:
    ended = started(*RUN)
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert len(lines) <= 25, ended.stdout
    assert max(map(len, lines)) <= 100, ended.stdout
    steps = [re.match(r"(\S.{10}) +\d+\.\d s", line) for line in lines]
    assert [step[1].rstrip() for step in steps if step] == STEPS
    assert any(line.startswith("    challenger_evaluation: ") for line in lines)
    assert any(line.startswith("PROMOTED  model version 1: ") for line in lines)
    assert f"report    {pipeline_settings.state_dir}/reports/{RUN_DATE}.html" in lines
    assert (
        f"next      training-pipeline mlflow; in dbt_project: gates explain TEST --run-date {RUN_DATE}"
        in lines
    )

    judged = started("validate", "model", "--run-date", str(RUN_DATE))
    said = run_next(pipeline_settings, judged.stdout, "challenger_beats_recency")
    assert "challenger_beats_recency: value_range on " in said
    assert re.search(r"^WARN  min\(difference_lower\) is -0\.000\d+, allowed at least 0$", said, re.M), said

    ended = started(*RUN, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = json.loads(ended.stdout)
    assert len({row["invocation_id"] for row in rows}) == 2, "the data gates and the model gates"
    assert {row["run_date"] for row in rows} == {str(RUN_DATE)}
    assert {"gate", "metric", "verdict", "reason", "node_id", "recorded_at"} <= set(rows[0])

    ended = started(*RUN, "--quiet")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("KEPT      model version 1: it is the champion already")


def test_run_that_a_gate_stops_ends_with_the_card(built_settings: Settings) -> None:
    execute(
        built_settings,
        f"delete from raw.interaction where interaction_date = '{RUN_DATE}' and hashtext(interaction_id) % 2 = 0",
    )
    ended = started(*RUN)
    assert (ended.returncode, ended.stderr) == (3, "")
    assert max(map(len, ended.stdout.splitlines())) <= 100, ended.stdout
    stopped = ended.stdout.partition("STOPPED   ")[2]
    assert stopped.startswith(
        f"2 gates stopped the run of {RUN_DATE}\n"
        "FAIL  interaction_like_last_week on interaction_daily where slice = 'all'\n"
        "      sum(amount_sum) is 771.5, 2063 on the same weekday before: ratio 2.7, allowed below 2.01\n"
        "      and 2 more: sum(row_count), sum(row_count) * 1.0 / nullif(sum(customer_id_distinct), 0)\n"
        f"      next in dbt_project: gates explain interaction_like_last_week --run-date {RUN_DATE}\n"
        "FAIL  interaction_daily_departments on interaction_daily where slice = 'department'\n"
    ), ended.stdout
    assert stopped.endswith(
        f"      next in dbt_project: gates explain interaction_daily_departments --run-date {RUN_DATE}\n"
        f'if the day is right as it is: gates accept {RUN_DATE} --accepted --why "…" (docs/days.md)\n'
    )

    said = run_next(built_settings, stopped, "interaction_like_last_week")
    assert (
        "FAIL  sum(amount_sum) is 771.5, 2063 on the same weekday before: ratio 2.7, allowed below 2.01"
        in said
    )
    assert "the rows behind it:" in said

    ended = started("validate", "--run-date", str(RUN_DATE), "--json")
    assert ended.returncode == 3
    assert "fail" in {row["verdict"] for row in json.loads(ended.stdout)}
    assert ended.stderr == stopped, "the exception has the same text"

    ended = started("validate", "--run-date", str(RUN_DATE), "--verbose")
    assert ended.returncode == 3
    assert "interaction_like_last_week on analytics.interaction_daily where slice = 'all'\n" in ended.stdout
    assert (
        "\n    FAIL      273 rows, 652 on the same weekday before: ratio 2.4, allowed below 1.94\n"
        in ended.stdout
    )
    assert "\n    PASS      " in ended.stdout


def test_version_and_usage(pipeline_settings: Settings) -> None:
    assert started("--version").stdout.startswith("training-pipeline 0.")
    refused = started("run", "--json", "--verbose")
    assert refused.returncode == 2
    assert "give one of --verbose, --quiet and --json" in refused.stderr
