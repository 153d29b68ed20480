"""The command `training-pipeline verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from training_pipeline.cli_gates import console, day
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped

WORDS = {True: "holds", False: "broken", None: "unknown"}


def verify(
    run_date: Annotated[
        str | None, typer.Argument(help="YYYY-MM-DD.", show_default="RUN_DATE, else today")
    ] = None,
) -> None:
    """Recompute the chain of proof from the rows: raw, interaction, profile, features, training set, model files, ledger, history.

    Prints for each link whether it holds, and exits with 3 when one does not. The tables are those of the last run; of an
    earlier run date the ledger, the model files and the history can still be judged.
    """
    from training_pipeline.steps.verify import verify as verify_chain

    of_day = day(run_date)
    findings = verify_chain(Settings.load(), of_day)
    for finding in findings:
        console.print(
            f"{WORDS[finding.holds]:<8} {finding.link:<18} {finding.detail}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if broken := [finding.link for finding in findings if finding.holds is False]:
        raise GateStopped(f"the proof of {of_day} does not hold: {', '.join(broken)}")
