"""The commands as functions of a project; `gates.cli` and the aliases of other packages add the options that name it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gates.day_commands import accept, days, judge
from gates.errors import GatesError
from gates.options import RunDate, day_of, run_date_of
from gates.project.config import Project
from gates.render.terminal import advancing, console, notices

if TYPE_CHECKING:
    from gates.days.replay import Replay
    from gates.tuning.faults import Fault

FAULTS = "faults.yml"  # in the folder of the project

FaultsFile = Annotated[
    Path | None,
    typer.Option("--faults", help="YAML with faults to inject into each day, see docs/backtest.md."),
]
InjectInto = Annotated[
    str,
    typer.Option(help="The model that faults are injected into; without it the most upstream gated one."),
]


def backtest(
    project: Project,
    first_day: Annotated[
        str | None,
        typer.Option(help="First day that is judged; without it the first with 56 days of history."),
    ] = None,
    faults: FaultsFile = None,
    inject_into: InjectInto = "",
    every: Annotated[int, typer.Option(min=1, help="Inject faults into every n-th day only.")] = 1,
    run_date: RunDate = None,
) -> None:
    """Judge each past day until the run date: the false alarms of the gates and, with faults, what they find."""
    from gates.days.replay import Replay
    from gates.tuning import backtest as past
    from gates.tuning.faults import read_faults
    from gates.tuning.injection import detect

    last = run_date_of(project, run_date)
    first = day_of(first_day, "--first-day") if first_day else None
    catalog = read_faults(faults) if faults else ()
    with advancing("gates") as advance:
        replay = Replay(project)
        _notice_kept_models(replay, catalog, inject_into)
        result = past.run(replay, first, last, advance)
        detected = detect(replay, catalog, result.days[::every], inject_into, advance) if catalog else {}
    past.show(result, console)
    if detected:
        past.show_detection(detected, result.gates, console)


def suggest(
    project: Project,
    false_alarms: Annotated[
        float, typer.Option(min=0, max=50, help="Percent of healthy days that a metric may alarm on.")
    ] = 1.0,
    faults: FaultsFile = None,
    inject_into: InjectInto = "",
    every: Annotated[int, typer.Option(min=1, help="State the detection on every n-th day.")] = 5,
    fit_until: Annotated[
        str | None,
        typer.Option(help="Last day to fit on, the later ones check; without it three quarters of the days."),
    ] = None,
    run_date: RunDate = None,
) -> None:
    """Suggest bounds that keep to a budget of false alarms on these tables, as YAML with the faults that each finds."""
    from gates.days.replay import Replay
    from gates.tuning.faults import STANDARD, read_faults
    from gates.tuning.injection import detect
    from gates.tuning.suggest import fitted_days, judge_past, suggestions
    from gates.tuning.suggested_yaml import to_yaml

    last, budget = run_date_of(project, run_date), false_alarms / 100
    until = day_of(fit_until, "--fit-until") if fit_until else None
    listed = faults or project.directory / FAULTS
    if faults or listed.is_file():
        catalog = read_faults(listed)
    else:
        catalog = STANDARD
        notices.print(f"no {listed}: what is found is stated for {', '.join(each.name for each in STANDARD)}")
    with advancing("gates") as advance:
        replay = Replay(project)
        _notice_kept_models(replay, catalog, inject_into)
        past = judge_past(replay, last, advance)
        fitted = fitted_days(past, until)
        faulty = detect(replay, catalog, past.days[::every], inject_into, advance)
    found = suggestions(past, faulty, budget, fitted)
    console.print(to_yaml(found, past, faulty, budget), soft_wrap=True, markup=False)


def explain(
    project: Project,
    gate: Annotated[
        str, typer.Argument(help="Name of the test, or a part that only one has; or its node_id.")
    ],
    run_date: RunDate = None,
) -> None:
    """Show why a gate decided as it did: the numbers in its formula, the days before, and the query for the rows."""
    from gates.days.replay import Replay
    from gates.render.explain import explain as explain_gate

    # a gate is asked for by its name, so none is left out by the project's default selection
    asked = project if project.select else replace(project, select=("test_type:data",), exclude=())
    explain_gate(Replay(asked), gate, run_date_of(project, run_date), console)


def verify(project: Project, run_date: RunDate = None) -> None:
    """Whether the ledger is as the runs that wrote it have sealed it: each invocation, gate and day that is not."""
    from gates.ledger import seals
    from gates.project import dbt, warehouse

    with warehouse.connect(
        project, dbt.parse(project), {"run_date": run_date_of(project, run_date)}
    ) as opened:
        findings = seals.verify(opened)
    for finding in findings:
        console.print(seals.sentence(finding), soft_wrap=True, markup=False)
    if findings:
        raise GatesError(seals.summary(findings))
    console.print("the ledger is as it was sealed")


COMMANDS = (backtest, suggest, explain, days, accept, judge, verify)


def _notice_kept_models(replay: Replay, faults: Sequence[Fault], inject_into: str) -> None:
    from gates.tuning.injection import kept_models

    for sentence in kept_models(replay, faults, inject_into):
        notices.print(sentence, soft_wrap=True, markup=False)
