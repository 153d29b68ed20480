"""The command `training-pipeline backfill`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gates.text import clipped, escaped
from training_pipeline.cli_gates import LockTimeout, console, day, load_settings
from training_pipeline.errors import GateStopped

if TYPE_CHECKING:
    from training_pipeline.steps.run import Outcome


def backfill(
    first: Annotated[str, typer.Option("--from", help="The first day, YYYY-MM-DD.", show_default=False)],
    last: Annotated[str, typer.Option("--to", help="The last day, YYYY-MM-DD.", show_default=False)],
    file: Annotated[
        Path | None, typer.Argument(help="File to load first, as for `run`.", show_default=False)
    ] = None,
    fixture: Annotated[
        bool, typer.Option("--fixture", help="The small part of the sample that the tests use.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Days too that were decided on before.")] = False,
    lock_timeout: LockTimeout = None,
) -> None:
    """Run each day of a range, earliest first; days that were decided on before are left as they are.

    A day that a gate stops does not stop the days after it; the exit code is 3 then.
    """
    from gates.render.terminal import bars
    from training_pipeline.steps import backfill as days

    outcomes: list[Outcome] = []
    with bars() as progress:

        def show(outcome: Outcome) -> None:
            outcomes.append(outcome)
            console.print(_line(outcome), markup=False, highlight=False, soft_wrap=True)

        left = days.backfill(
            load_settings(lock_timeout), day(first, "--from"), day(last, "--to"), show, progress,
            file=file, fixture=fixture, again=again,
        )  # fmt: skip
    console.print(days.in_words(outcomes, left), highlight=False)
    if stopped := [str(outcome.run_date) for outcome in outcomes if outcome.stopped is not None]:
        raise GateStopped(f"stopped by gates: {', '.join(stopped)}; the report of each day says why")


def _line(outcome: Outcome) -> str:
    if outcome.decision is None:
        head = str(outcome.stopped).splitlines()[0]
        return clipped(escaped(f"{outcome.run_date}  STOPPED  {head}"))
    decision = outcome.decision
    said = f"{decision.decision.upper()}  model version {decision.model_version}: {decision.reason}"
    return clipped(escaped(f"{outcome.run_date}  {said}"))
