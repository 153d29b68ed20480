"""What the gates say of tables unlike the sample, as they are and with what `suggest` fits: docs/tables.md."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from rich.console import Console

from benchmarks.demo import ROOT
from benchmarks.fault_report import BLOCKED_BUDGET, WARNED_BUDGET
from benchmarks.faults import textbook
from benchmarks.shops import FIRST_DAY, LAST_DAY, SHOPS, Shop, generate
from benchmarks.suggest import markdown
from gates.tuning import backtest
from gates.tuning.backtest import Backtest, share
from gates.tuning.faults import CATALOG, read_faults
from gates.tuning.replay import Row, replay
from gates.tuning.suggest import fitted_days, judge_past, suggestions
from gates.tuning.suggested_yaml import to_yaml
from training_pipeline.config import Settings
from training_pipeline.source import loading
from training_pipeline.steps import packages
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.embedded import server as embedded

REPORT = ROOT / "docs" / "tables.md"
PROFILE_YAML = Path("dbt_project") / "models" / "interaction" / "interaction_daily.yml"
TEXTBOOK = "textbook, 7 days"
BUDGET = 0.01
EVERY = 20  # days between those on which the detection is measured
OF_SAMPLE = (
    "a department of",
    "last 5 hours lost",
    "days cut in UTC",
)  # faults about what only the sample has
NOT_COMMITTED = ("target", "logs", "dbt_packages", "profiles.yml")


@dataclass(frozen=True)
class Judged:
    """What the gates say of a shop.

    Attributes
    ----------
    checked : tuple of date
        The healthy days that nothing was fitted on.
    before, after : Backtest
        With the thresholds of the project, and with those that were suggested.
    textbook : tuple of mapping
        What the textbook check says.
    found : mapping
        What the gates, with the suggested thresholds, say of each fault.
    """

    shop: Shop
    rows: int
    checked: tuple[dt.date, ...]
    before: Backtest
    after: Backtest
    textbook: Sequence[Row]
    found: Mapping[str, Sequence[Row]]


def measure(report: Path | None = REPORT) -> None:
    """Generate each table, judge it, fit its thresholds, judge it and its faults with them; write the report.

    Raises
    ------
    RuntimeError
        When the gates block or warn on more of the healthy days that nothing was fitted on than the budget allows; the report is
        written all the same.
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
    """Do with a generated table what a person does with one: load it, build, suggest, paste, ask again."""
    folder.mkdir()
    settings = replace(
        Settings.load(),
        root=_checkout(folder / "checkout"),
        state_dir=folder / "state",
        target="embedded",
        database="warehouse",
        timezone="UTC",
    )
    packages.install(settings)
    interactions, file = generate(shop), folder / "interactions.parquet"
    faults = [fault for fault in read_faults(ROOT / CATALOG) if not fault.name.startswith(OF_SAMPLE)]
    interactions.to_parquet(file)
    try:
        embedded.start(settings)
        loading.load(settings, file)
        # a test may fail, and there is no ledger before the first of them
        dbt.invoke(
            settings,
            ["build", "--select", "+interaction_daily", "--exclude", "test_type:data", "test_type:unit"],
            LAST_DAY,
        )
        dbt.invoke(settings, ["test", "--select", "raw_interaction_has_rows"], LAST_DAY)
        past = judge_past(settings, LAST_DAY)
        fitted = fitted_days(past)
        before = backtest.run(settings, None, LAST_DAY)
        checks = textbook(settings, before.gates, min(before.days), max(before.days))
        check = [gate for gate in checks if gate.name == TEXTBOOK]
        _paste(settings.root / PROFILE_YAML, to_yaml(suggestions(past, {}, BUDGET, fitted), past, {}, BUDGET))
        return Judged(
            shop,
            len(interactions),
            tuple(sorted(set(past.days) - set(fitted))),
            before,
            backtest.run(settings, None, LAST_DAY),
            replay(settings, check, before.days),
            backtest.detect(settings, faults, past.days[::EVERY]),
        )
    finally:
        embedded.stop(settings)


def _checkout(root: Path) -> Path:
    for part in ("dbt_project", "macros"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns(*NOT_COMMITTED))
    shutil.copy(ROOT / "profiles.yml", root)
    return root


def _paste(file: Path, text: str) -> None:
    """Put the gates of a suggestion in the place of those with the same names."""
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
            "thresholds of the sample: blocked",
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
    for fault in judged[0].found:
        faults.append([fault, *(_seen(each.found[fault]) for each in judged)])
    sections = [
        "# Tables unlike the sample",
        "Written by `python -m benchmarks tables`; do not edit.",
        f"Four generated tables, {FIRST_DAY} to {LAST_DAY} ([shops.py](../benchmarks/shops.py)), to each of which is done what a person"
        " does with a table of their own: load, build, `training-pipeline suggest --false-alarms 1`, paste what it prints. There is no"
        " calendar.",
        "\n".join(f"- {each.shop.name}: {each.shop.what}" for each in judged),
        "## False alarms",
        "Percent of the healthy days in the last quarter, on which nothing was fitted. *Textbook*: COUNT 1.5, MAX 1.3, MIN 1.4 and"
        " SUM 1.3 as the largest ratio to 7 days back. *Thresholds of the sample*: the YAML of the project as it is. A day that a gate"
        " rejects serves it as no reference, so that one false alarm may bring others. The budget is"
        f" {BLOCKED_BUDGET:g} % blocked and {WARNED_BUDGET:g} % warned.",
        markdown(alarms),
        "## Faults",
        f"Percent of every {EVERY}th day on which a gate, with the suggested thresholds, warns or stops the run, of the days that the"
        " fault changes. Those that are about the sample's departments and its time zone are left out.",
        markdown(faults),
    ]
    return "\n\n".join(sections) + "\n"


def _within(each: Judged, days: Collection[dt.date]) -> list[dt.date]:
    return sorted(set(days) & set(each.checked))


def _seen(rows: Sequence[Row]) -> str:
    days = {row["run_date"] for row in rows}
    return share({row["run_date"] for row in rows if row["verdict"] != "pass"}, days) if days else ""
