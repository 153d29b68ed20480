"""The command `training-pipeline prune`."""

from __future__ import annotations

from typing import Annotated

import typer

from training_pipeline.cli_gates import LockTimeout, RunDate, console, day, load_settings

KeepDays = Annotated[
    int, typer.Option(min=1, help="How many days before the run date stay.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be removed, and remove nothing.")]


def prune(
    keep_days: KeepDays, dry_run: DryRun = False, run_date: RunDate = None, lock_timeout: LockTimeout = None
) -> None:
    """Remove old evidence, evaluations, certificates, model versions and reports, but nothing that a champion rests on."""
    from training_pipeline.steps.retention import lines
    from training_pipeline.steps.retention import prune as prune_old

    pruned = prune_old(load_settings(lock_timeout), day(run_date), keep_days, dry_run=dry_run)
    for line in lines(pruned, dry_run=dry_run):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
