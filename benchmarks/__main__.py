"""Reproducible measurements: `python -m benchmarks --help`."""

from __future__ import annotations

import datetime
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Reproducible measurements; compare ratios, machines are noisy.")


@app.callback()
def main() -> None:
    """Keep `pipeline` a command of its own, also while it is the only one."""


@app.command()
def pipeline(
    run_date: Annotated[str, typer.Option(help="YYYY-MM-DD")] = "2017-12-31",
    fixture: Annotated[
        bool, typer.Option("--fixture", help="Only the part of the sample that the tests use.")
    ] = False,
) -> None:
    """Seconds of each step of `make run`, fresh and repeated; rows a second; memory; size of the environment."""
    from benchmarks.pipeline import measure

    measure(datetime.date.fromisoformat(run_date), fixture)


@app.command()
def cost(
    rows: Annotated[
        list[int] | None, typer.Option(help="Rows of a table; may be given more than once.")
    ] = None,
    processes: Annotated[bool, typer.Option(help="Also whole processes: dbt, Airflow.")] = True,
) -> None:
    """What the gates and the profile cost on generated rows, against a scan by hand. 10 million rows: ten minutes."""
    from benchmarks import cost as benchmark

    benchmark.measure(sorted(rows or [10_000_000]), processes)


@app.command()
def faults(
    only: Annotated[list[str] | None, typer.Option(help="Only this fault; nothing is written.")] = None,
) -> None:
    """What the gates find of each fault on each day of the sample: docs/faults.md. About five minutes."""
    from benchmarks import faults as benchmark

    benchmark.measure(only or [])


@app.command()
def mutation(
    only: Annotated[list[str] | None, typer.Option(help="Only this macro.")] = None,
) -> None:
    """Changes every gate's SQL in one place at a time; a case of the truth table must notice. About ten minutes."""
    from benchmarks import mutation as benchmark

    benchmark.measure(only or [])


@app.command()
def replay(
    copies: Annotated[
        list[int] | None, typer.Option(help="Copies of each row; may be given more than once.")
    ] = None,
) -> None:
    """What a backtest of a year costs on the profile and on the rows. Two minutes; 10 copies: ten more."""
    from benchmarks import replay as benchmark

    benchmark.measure(copies or [1])


@app.command()
def suggest() -> None:
    """Whether suggested thresholds keep to their budget on days and tables not seen: docs/suggest.md. About six minutes."""
    from benchmarks import suggest as benchmark

    benchmark.measure()


@app.command()
def tables() -> None:
    """What the gates say of generated tables unlike the sample: docs/tables.md. About ten minutes."""
    from benchmarks import tables as benchmark

    benchmark.measure()


if __name__ == "__main__":
    app()
