"""Judge tables unlike the sample with the project's bounds and with suggested bounds; write docs/tables.md."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from rich.console import Console

from benchmarks.demo import ROOT, checkout
from benchmarks.fault_report import BLOCKED_BUDGET, WARNED_BUDGET
from benchmarks.faults import PROFILE_YAML, add_textbook
from benchmarks.shops import FIRST_DAY, LAST_DAY, SHOPS, Shop, generate
from benchmarks.suggest import markdown
from gates.commands import FAULTS
from gates.days.replay import Replay
from gates.ledger.evidence import Row
from gates.tuning import backtest
from gates.tuning.backtest import Backtest, share
from gates.tuning.faults import read_faults
from gates.tuning.injection import detect
from gates.tuning.suggest import fitted_days, judge_past, suggestions
from gates.tuning.suggested_yaml import to_yaml
from training_pipeline.config import Settings
from training_pipeline.source import loading
from training_pipeline.steps import packages
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.embedded import server as embedded

REPORT = ROOT / "docs" / "tables.md"
TEXTBOOK = "textbook_7_days"
BUDGET = 0.01
EVERY = 20  # the detection is measured on every twentieth day
# Faults that depend on features of the sample
OF_SAMPLE = (
    "a department of",
    "last 5 hours lost",
    "days split in UTC",
)


@dataclass(frozen=True)
class Judged:
    """The verdicts on a shop.

    Attributes
    ----------
    checked : tuple of date
        The healthy days that the fit did not use.
    before : Backtest
        The verdicts with the bounds of the project.
    after : Backtest
        The verdicts with the suggested bounds.
    textbook : sequence of Row
        The verdicts of the textbook check.
    faulty : Mapping of str to sequence of Row
        For each fault the verdicts with the suggested bounds.
    """

    shop: Shop
    rows: int
    checked: tuple[dt.date, ...]
    before: Backtest
    after: Backtest
    textbook: Sequence[Row]
    faulty: Mapping[str, Sequence[Row]]


def measure(report: Path | None = REPORT) -> None:
    """Generate and judge each table, fit bounds, judge the table and its faults with them; write the report.

    Raises
    ------
    RuntimeError
        The gates block or warn on more of the checked days than the budget allows; the report is written first.
    """
    folder = Path(tempfile.mkdtemp(prefix="tables-"))
    folder.chmod(0o755)
    try:
        judged = [_judge(shop, folder / shop.name) for shop in SHOPS]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = _report(judged)
    Console().print(text, soft_wrap=True, markup=False)
    if report is not None:
        report.write_text(text)
    for each in judged:
        blocked, warned = (
            100 * len(_within(each, days)) / len(each.checked)
            for days in (each.after.blocked(), each.after.warned())
        )
        if blocked > BLOCKED_BUDGET or warned > WARNED_BUDGET:
            raise RuntimeError(f"{each.shop.name}: {blocked:.1f} % blocked, {warned:.1f} % warned")


def _judge(shop: Shop, folder: Path) -> Judged:
    """Treat a generated table as a user would: load it, build, suggest, paste, judge again."""
    folder.mkdir()
    settings = replace(
        Settings.load(),
        root=checkout(folder / "checkout"),
        state_dir=folder / "state",
        target="embedded",
        database="warehouse",
        timezone="UTC",
    )
    packages.install(settings)
    interactions, file = generate(shop), folder / "interactions.parquet"
    faults = [
        fault for fault in read_faults(ROOT / "dbt_project" / FAULTS) if not fault.name.startswith(OF_SAMPLE)
    ]
    interactions.to_parquet(file)
    try:
        embedded.start(settings)
        loading.load(settings, file)
        # without tests, because a test may fail; the test below creates the ledger
        dbt.invoke(
            settings,
            ["build", "--select", "+interaction_daily", "--exclude", "test_type:data", "test_type:unit"],
            LAST_DAY,
        )
        dbt.invoke(settings, ["test", "--select", "raw_interaction_has_rows"], LAST_DAY)
        replay = Replay(dbt.project(settings))
        past = judge_past(replay, LAST_DAY)
        fitted = fitted_days(past)
        before = backtest.run(replay, None, LAST_DAY)
        _paste(
            settings.dbt_project / PROFILE_YAML,
            to_yaml(suggestions(past, {}, BUDGET, fitted), past, {}, BUDGET),
        )
        pasted = Replay(dbt.project(settings))
        after = backtest.run(pasted, None, LAST_DAY)
        faulty = detect(pasted, faults, past.days[::EVERY])
        add_textbook(settings.dbt_project / PROFILE_YAML)
        check = Replay(replace(dbt.project(settings), select=(TEXTBOOK,)))
        return Judged(
            shop,
            len(interactions),
            tuple(sorted(set(past.days) - set(fitted))),
            before,
            after,
            check.judge(check.gates, before.days),
            faulty,
        )
    finally:
        embedded.stop(settings)


def _paste(file: Path, text: str) -> None:
    """Replace the gates of a YAML file by the suggested gates of the same names."""
    suggested = {test[kind]["name"]: test for test in yaml.safe_load(text)["data_tests"] for kind in test}
    properties = yaml.safe_load(file.read_text())
    (model,) = properties["models"]
    model["data_tests"] = [
        suggested.pop(next(iter(test.values())).get("name"), test) for test in model["data_tests"]
    ]
    if suggested:
        raise RuntimeError(f"{file} has no {', '.join(suggested)}")
    file.write_text(yaml.safe_dump(properties, sort_keys=False))


def _report(judged: Sequence[Judged]) -> str:
    alarms = [
        [
            "table",
            "rows",
            "days checked",
            "textbook: blocked",
            "bounds of the sample: blocked",
            "warned",
            "suggested: blocked",
            "warned",
        ]
    ]
    for each in judged:
        blocked = {row["run_date"] for row in each.textbook if row["verdict"] != "pass"}
        counts: list[Collection[dt.date]] = [blocked]
        for past in (each.before, each.after):
            counts += [past.blocked(), past.warned()]
        shares = [share(_within(each, days), each.checked) for days in counts]
        alarms.append([each.shop.name, f"{each.rows:,}", str(len(each.checked)), *shares])
    faults = [["fault", *(each.shop.name for each in judged)]]
    for fault in judged[0].faulty:
        faults.append([fault, *(_seen(each.faulty[fault]) for each in judged)])
    sections = [
        "# Tables unlike the sample",
        "Written by `python -m benchmarks tables`; do not edit.",
        f"Four generated tables, {FIRST_DAY} to {LAST_DAY} ([shops.py](../benchmarks/shops.py)). The benchmark treats each table as a"
        " user would: load it, build the project, run `gates suggest --false-alarms 1`, paste the output. There is no"
        " calendar.",
        "\n".join(f"- {each.shop.name}: {each.shop.what}" for each in judged),
        "## False alarms",
        "Unit: percent of the healthy days in the last quarter, which the fit did not use. *Textbook* allows a ratio to 7 days back of"
        " at most COUNT 1.5, MAX 1.3, MIN 1.4 and SUM 1.3. *Bounds of the sample* is the YAML of the project without changes. A day"
        " that a gate rejects is no reference for it, so one false alarm may cause others. The budget is"
        f" {BLOCKED_BUDGET:g} % blocked and {WARNED_BUDGET:g} % warned.",
        markdown(alarms),
        "## Faults",
        "Unit: percent of the days on which a gate with the suggested bounds warns or stops the run, of every"
        f" {EVERY}th day that the fault changes. Faults that depend on the sample's departments or time zone are left out.",
        markdown(faults),
    ]
    return "\n\n".join(sections) + "\n"


def _within(each: Judged, days: Collection[dt.date]) -> list[dt.date]:
    return sorted(set(days) & set(each.checked))


def _seen(rows: Sequence[Row]) -> str:
    days = {row["run_date"] for row in rows}
    return share({row["run_date"] for row in rows if row["verdict"] != "pass"}, days) if days else ""
