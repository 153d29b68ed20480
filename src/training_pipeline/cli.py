"""The command line: `training-pipeline --help`.

Exit codes: 0 promoted or kept with a reason, 1 something broke, 2 usage, 3 a gate stopped the run.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

from gates.errors import GatesError
from gates.project import interrupts
from gates.render.terminal import notices
from gates.text import escaped
from training_pipeline import cli_backfill, cli_db, cli_gates, cli_registry, cli_retention, cli_verify
from training_pipeline.cli_gates import LockTimeout, RunDate, console, day, load_settings
from training_pipeline.config import Settings

if TYPE_CHECKING:
    from gates.ledger.evidence import Row

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Nothing trains on data that has not been proven, nothing is promoted that has not been proven.",
    epilog="Exit codes: 0 promoted or kept with a reason, 1 something broke, 2 usage, 3 a gate stopped it.",
)
app.add_typer(cli_db.database, name="db")
app.add_typer(cli_registry.models, name="registry")
cli_gates.register(app)
for command in (
    cli_backfill.backfill,
    cli_registry.rollback,
    cli_registry.mlflow,
    cli_retention.prune,
    cli_verify.verify,
):
    app.command()(command)

STYLES = {
    "FAIL": "bold red",
    "STOPPED": "bold red",
    "WARN": "yellow",
    "PROMOTED": "bold green",
    "KEPT": "bold green",
}

File = Annotated[
    Path | None,
    typer.Argument(
        help="CSV (.csv, .csv.gz) or Parquet file with interactions; without it the sample.",
        show_default=False,
    ),
]
Fixture = Annotated[bool, typer.Option("--fixture", help="The small part of the sample that the tests use.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Print all evidence, a line for each row.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print what was decided and what stopped it, no more.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the evidence as JSON, the rows of the ledger, and nothing else.")
]


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print(f"training-pipeline {metadata.version('dbt-gates')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


@app.command()
def run(
    file: File = None,
    fixture: Fixture = False,
    run_date: RunDate = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    lock_timeout: LockTimeout = None,
) -> None:
    """Load, gate, train, evaluate, gate, promote, report."""
    from gates.render.terminal import bars
    from training_pipeline.report import summary
    from training_pipeline.steps import run as pipeline
    from training_pipeline.steps.gating import context

    _require_one(verbose, quiet, as_json)
    settings = load_settings(lock_timeout)
    with bars(shown=not quiet) as progress:
        outcome = pipeline.run(settings, day(run_date), progress, file=file, fixture=fixture)
    rows = [row for found in outcome.evidence.values() for row in found]
    if as_json:
        _print_json(rows)
        if outcome.stopped is not None:
            _print_lines(summary.verdict_lines(settings, outcome), notices)
    elif quiet:
        _print_lines(summary.verdict_lines(settings, outcome))
    else:
        if verbose and outcome.decision is not None:
            console.print(summary.metric_table(settings, outcome.run_date))
        _print_lines(summary.run_lines(settings, outcome, context(settings, rows), verbose))
    if outcome.stopped is not None:
        raise typer.Exit(outcome.stopped.exit_code)


@app.command()
def load(
    file: File = None,
    fixture: Fixture = False,
    force: Annotated[
        bool, typer.Option("--force", help="Load again, and replace whatever the table holds.")
    ] = False,
    run_date: RunDate = None,
    lock_timeout: LockTimeout = None,
) -> None:
    """Fill raw.interaction with your file, or with the sample."""
    from gates.render.terminal import bars
    from training_pipeline.report import summary
    from training_pipeline.source.loading import load as load_interactions

    settings = load_settings(lock_timeout)
    with bars() as progress:
        result = load_interactions(
            settings, file, fixture, force, lambda done, total: progress("load", done, total, "")
        )
    console.print(f"{result.note} ({result.rows:,} rows)", markup=False, soft_wrap=True)
    if run_date and (hint := summary.last_day_hint(settings, day(run_date))):
        console.print(hint)


@app.command()
def validate(
    side: Annotated[str, typer.Argument(help="data or model")] = "data",
    run_date: RunDate = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    lock_timeout: LockTimeout = None,
) -> None:
    """Build one side of the dbt project with its gates, and stop there."""
    from gates.render.terminal import bars
    from training_pipeline.report import summary
    from training_pipeline.steps import run as pipeline
    from training_pipeline.steps.gating import context, gate
    from training_pipeline.warehouse.lock import held

    _require_one(verbose, quiet, as_json)
    sides = {"data": pipeline.DATA_SIDE, "model": pipeline.MODEL_SIDE}
    if side not in sides:
        raise typer.BadParameter(f"must be data or model, received {side!r}", param_hint="side")
    settings = load_settings(lock_timeout)

    def show(rows: list[Row]) -> None:
        if as_json:
            _print_json(rows)
        elif not quiet:
            _print_lines(summary.evidence_lines(rows, context(settings, rows), verbose))

    with held(settings, "validate"), bars(shown=not quiet) as progress:
        gate(
            settings,
            day(run_date),
            sides[side],
            show,
            lambda done, total, what: progress(side, done, total, what),
        )


@app.command()
def train(run_date: RunDate = None, lock_timeout: LockTimeout = None) -> None:
    """Train the challenger; refuses to start without the certificate of the run date."""
    from training_pipeline.steps.train import train as train_challenger

    model = train_challenger(load_settings(lock_timeout), day(run_date))
    known = ", as before" if model.reused else ""
    console.print(f"model version {model.version} ({model.estimator}, {model.rows:,} rows{known})")


@app.command()
def evaluate(run_date: RunDate = None, lock_timeout: LockTimeout = None) -> None:
    """Measure the challenger on the test snapshot, beside the baselines and the champion."""
    from training_pipeline.report import summary
    from training_pipeline.steps.evaluate import evaluate as evaluate_challenger

    settings, tested = load_settings(lock_timeout), day(run_date)
    evaluate_challenger(settings, tested)
    console.print(summary.metric_table(settings, tested))


@app.command()
def promote(run_date: RunDate = None, lock_timeout: LockTimeout = None) -> None:
    """Make the challenger the champion when every model gate passed, or keep the champion with a reason."""
    from training_pipeline.steps.promote import promote as promote_challenger

    decision = promote_challenger(load_settings(lock_timeout), day(run_date))
    console.print(f"{decision.decision}: model version {decision.model_version}, {decision.reason}")


@app.command()
def report(run_date: RunDate = None) -> None:
    """Write the report of a run date from what is known of it."""
    from training_pipeline.report.page import write_report

    console.print(str(write_report(Settings.load(), day(run_date))), soft_wrap=True)


@app.command()
def packages() -> None:
    """Install the dbt packages; packages of dbt's hub are skipped when it cannot be reached."""
    from training_pipeline.steps.packages import install

    result = install(Settings.load())
    if result.missing:
        what = ", ".join(result.missing)
        console.print(
            f"{result.reason}: going on without {what}, the checks that need it are off", soft_wrap=True
        )


def _require_one(verbose: bool, quiet: bool, as_json: bool) -> None:
    if verbose + quiet + as_json > 1:
        raise typer.BadParameter("give one of --verbose, --quiet and --json", param_hint="options")


def _print_lines(lines: Iterable[str], to: Console = console) -> None:
    """Print lines as they are, coloured by their first word where that is a verdict."""
    for line in lines:
        to.print(Text(escaped(line), style=STYLES.get(line.split(" ", 1)[0], "")), soft_wrap=True)


def _print_json(rows: list[Row]) -> None:
    from gates.ledger.runs import as_json

    console.out(as_json(rows), highlight=False)


def main() -> None:
    """Run the command line; an expected error is one clear line and an exit code, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # where a character is not of the terminal's encoding
    logging.raiseExceptions = False  # where the disk is full, a log that cannot be written hides no error
    interrupts.remember()
    handler = RichHandler(console=Console(stderr=True), show_path=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    try:
        app()
    except GatesError as error:
        _print_lines(str(error).splitlines(), notices)
        raise SystemExit(error.exit_code) from None
