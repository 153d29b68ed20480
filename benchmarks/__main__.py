"""Reproducible measurements: `python -m benchmarks --help`."""

from __future__ import annotations

import datetime
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Reproducible measurements; compare ratios, machines are noisy.")


@app.callback()
def main() -> None:
    """Make typer expect the name of a command."""


@app.command()
def pipeline(
    run_date: Annotated[str, typer.Option(help="YYYY-MM-DD")] = "2017-12-31",
    fixture: Annotated[
        bool, typer.Option("--fixture", help="Only the part of the sample that the tests use.")
    ] = False,
) -> None:
    """Measure `make run`, fresh and repeated: seconds of each step, rows per second, memory, size of the environment."""
    from benchmarks.pipeline import measure

    measure(datetime.date.fromisoformat(run_date), fixture)


@app.command()
def challengers(
    run_date: Annotated[str, typer.Option(help="YYYY-MM-DD, of a finished run.")] = "2017-12-31",
    refits: Annotated[int, typer.Option(help="Models fitted on bootstraps of the customers.")] = 41,
) -> None:
    """How often the model gates reject good and bad challengers: docs/model-validation.md. About four minutes."""
    from benchmarks import challengers as benchmark

    benchmark.run(datetime.date.fromisoformat(run_date), refits)


@app.command()
def cost(
    rows: Annotated[
        list[int] | None, typer.Option(help="Number of rows of a table; repeat for more tables.")
    ] = None,
    processes: Annotated[bool, typer.Option(help="Also measure whole processes: dbt, Airflow.")] = True,
) -> None:
    """Compare the gates and the profile with a scan by hand on generated rows. 10 million rows: ten minutes."""
    from benchmarks import cost as benchmark

    benchmark.measure(sorted(rows or [10_000_000]), processes)


@app.command()
def faults(
    only: Annotated[list[str] | None, typer.Option(help="Only this fault; writes no page.")] = None,
) -> None:
    """Inject each fault into each day of the sample; write docs/faults.md. About five minutes."""
    from benchmarks import faults as benchmark

    benchmark.measure(only or [])


@app.command()
def mutation(
    only: Annotated[list[str] | None, typer.Option(help="Only this macro.")] = None,
) -> None:
    """Change the SQL of every gate in one place at a time; a case of the truth table must fail. About ten minutes."""
    from benchmarks import mutation as benchmark

    benchmark.measure(only or [])


@app.command()
def replay(
    copies: Annotated[
        list[int] | None, typer.Option(help="Copies of each row; repeat for more tables.")
    ] = None,
) -> None:
    """Compare a backtest of a year on the profile and on the rows. Two minutes; 10 copies: ten more."""
    from benchmarks import replay as benchmark

    benchmark.measure(copies or [1])


@app.command()
def suggest() -> None:
    """Check suggested bounds on unseen days and tables; write docs/suggest.md. About six minutes."""
    from benchmarks import suggest as benchmark

    benchmark.measure()


@app.command()
def tables() -> None:
    """Judge generated tables unlike the sample; write docs/tables.md. About ten minutes."""
    from benchmarks import tables as benchmark

    benchmark.measure()


@app.command()
def window(
    run_date: Annotated[str, typer.Option(help="YYYY-MM-DD")] = "2017-12-31",
    years: Annotated[
        int, typer.Option(help="How often the sample is repeated, a year earlier each time.")
    ] = 10,
) -> None:
    """Measure what the days before the run date cost on a first load and on a daily run. Ten years: about fifteen minutes."""
    from benchmarks import window as benchmark

    benchmark.measure(datetime.date.fromisoformat(run_date), years)


if __name__ == "__main__":
    app()
