"""The commands about the gates themselves: how they would have decided, which days are known, why they decided so."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training_pipeline.config import Settings, resolve_run_date
from training_pipeline.errors import PipelineError

LOG_WIDTH = 160  # columns where output is no terminal, of which rich supposes that it has 80

console = Console(highlight=False)
if not console.is_terminal and "COLUMNS" not in os.environ:
    console.width = LOG_WIDTH
Progress = Callable[[str, int, int], None]

RunDate = Annotated[
    str | None,
    typer.Option("--run-date", help="The day to decide on, YYYY-MM-DD; else RUN_DATE, else today (UTC)."),
]


def day(run_date: str | None, option: str = "--run-date") -> datetime.date:
    """Resolve the run date; one that was typed wrongly is an error of usage."""
    try:
        return resolve_run_date(run_date)
    except PipelineError as error:
        if run_date is None:
            raise
        raise typer.BadParameter(str(error), param_hint=option) from None


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show how many gates or faults are done."""
    from training_pipeline.steps.run import progress_bar

    with progress_bar(console) as progress:
        task = progress.add_task("gates", total=None)
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total)


def backtest(
    first_day: Annotated[
        str | None,
        typer.Option(help="First day that is judged; without it the first with 56 days of history."),
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option(help="YAML with faults to inject into each day, e.g. dbt_project/faults.yml."),
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Inject faults into every n-th day only.")] = 1,
    run_date: RunDate = None,
) -> None:
    """How the gates would have decided on each past day until the run date: false alarms and, with faults, power."""
    from gates.tuning import backtest as past
    from gates.tuning.faults import read_faults

    settings, last = Settings.load(), day(run_date)
    first = day(first_day, "--first-day") if first_day else None
    catalog = read_faults(faults) if faults else ()
    with _progress() as advance:
        result = past.run(settings, first, last, advance)
        found = past.detect(settings, catalog, result.days[::every], advance) if catalog else {}
    past.show(result, console)
    if found:
        past.show_detection(found, result.gates, console)


def accept(
    note: Annotated[str, typer.Option(help="Why the day is accepted as it is.")],
    run_date: RunDate = None,
) -> None:
    """Mark a day as an incident that is known: it serves no gate as a reference any more."""
    from gates.days.decisions import accept as accept_incident

    accepted = day(run_date)
    accept_incident(Settings.load(), accepted, note)
    console.print(f"{accepted} is marked in the ledger and serves as no gate's reference from now on")


def explain(
    gate: Annotated[
        str, typer.Argument(help="Name of the test, or a part that only one has; or its node_id.")
    ],
    run_date: RunDate = None,
) -> None:
    """Why a gate decided as it did: the numbers in its formula, the days before, and the query for the rows."""
    from gates.render.explain import explain as explain_gate

    explain_gate(Settings.load(), gate, day(run_date), console)


def suggest(
    false_alarms: Annotated[
        float, typer.Option(min=0, max=50, help="Percent of healthy days that a metric may alarm on.")
    ] = 1.0,
    faults: Annotated[
        Path | None,
        typer.Option(help="YAML with the faults whose detection is stated; the project's without it."),
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="State the detection on every n-th day.")] = 5,
    fit_until: Annotated[
        str | None,
        typer.Option(help="Last day to fit on, the later ones check; without it three quarters of the days."),
    ] = None,
    run_date: RunDate = None,
) -> None:
    """Thresholds that keep to a budget of false alarms on this table, as YAML with what each finds."""
    from gates.tuning.backtest import detect
    from gates.tuning.faults import CATALOG, read_faults
    from gates.tuning.suggest import fitted_days, judge_past, suggestions
    from gates.tuning.suggested_yaml import to_yaml

    settings, budget = Settings.load(), false_alarms / 100
    until = day(fit_until, "--fit-until") if fit_until else None
    catalog = read_faults(faults or settings.root / CATALOG)
    with _progress() as advance:
        past = judge_past(settings, day(run_date), advance)
        fitted = fitted_days(past, until)
        faulty = detect(settings, catalog, past.days[::every], advance)
    found = suggestions(past, faulty, budget, fitted)
    console.print(to_yaml(found, past, faulty, budget), soft_wrap=True, markup=False)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (backtest, suggest, explain, accept):
        app.command()(command)
