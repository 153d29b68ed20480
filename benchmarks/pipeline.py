"""Measure the whole pipeline on a temporary warehouse: wall time of each step, rows per second, memory, size."""

from __future__ import annotations

import datetime
import sys
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.fresh import fresh_settings
from training_pipeline.config import Settings
from training_pipeline.source import loading
from training_pipeline.steps import run as pipeline
from training_pipeline.steps.rows import read
from training_pipeline.warehouse.embedded import server as embedded

MEGABYTE = 2**20


def measure(run_date: datetime.date, fixture: bool) -> None:
    """Run twice and print the seconds of each step, and the rates of loading and reading."""
    console = Console(highlight=False)
    with fresh_settings() as settings:
        started = time.perf_counter()
        embedded.start(settings)
        console.print(f"embedded Postgres, first start   {time.perf_counter() - started:6.1f} s")
        fresh = pipeline.run(settings, run_date, fixture=fixture)
        repeated = pipeline.run(settings, run_date, fixture=fixture)
        _show_steps(console, fresh, repeated)
        _show_rates(console, settings, run_date, fixture)


def _show_steps(console: Console, fresh: pipeline.Outcome, repeated: pipeline.Outcome) -> None:
    table = Table("step", "fresh, s", "repeated, s")
    for step, seconds in fresh.seconds.items():
        table.add_row(step, f"{seconds:.1f}", f"{repeated.seconds.get(step, float('nan')):.1f}")
    table.add_row("total", f"{sum(fresh.seconds.values()):.1f}", f"{sum(repeated.seconds.values()):.1f}")
    console.print(table)
    for outcome in (fresh, repeated):
        console.print(str(outcome.decision or outcome.stopped))


def _show_rates(console: Console, settings: Settings, run_date: datetime.date, fixture: bool) -> None:
    started = time.perf_counter()
    rows = loading.load(settings, fixture=fixture, force=True).rows
    console.print(f"loading           {rows / (time.perf_counter() - started):12,.0f} rows/s of {rows:,}")
    started = time.perf_counter()
    rows = len(read(settings, run_date))
    console.print(f"reading training_set {rows / (time.perf_counter() - started):9,.0f} rows/s of {rows:,}")
    peak = psutil.Process().memory_info()
    console.print(
        f"memory of this process now {peak.rss / MEGABYTE:6,.0f} MiB, peak {_peak_megabytes():,.0f} MiB"
    )
    size = sum(
        path.stat().st_size
        for path in Path(sys.prefix).rglob("*")
        if path.is_file() and not path.is_symlink()
    )
    console.print(f"size of the environment    {size / MEGABYTE:6,.0f} MiB")


def _peak_megabytes() -> float:
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE
