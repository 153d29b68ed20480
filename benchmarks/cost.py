"""Measure the cost of the gates on generated data, as ratios within one run; docs/performance.md quotes the tables."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from rich.console import Console
from scipy.stats import quantile_test

from benchmarks import cost_processes, cost_statements
from benchmarks.cost_data import ROWS_A_DAY, Warehouse, build
from benchmarks.cost_statements import (
    BY_HAND,
    PROFILE,
    PROFILE_OF_RUN,
    PROFILE_SMALL_MEMORY,
    WITH_DISTINCT,
    Cost,
)
from benchmarks.demo import Gate
from training_pipeline.config import Settings
from training_pipeline.warehouse.embedded import server as embedded

# Target ratios: gates and profile to the scan by hand; largest to smallest table; all gates to one trivial test.
MOST_OF_SCAN, MOST_OF_SMALLEST, MOST_OF_ONE_TEST = 3.0, 1.2, 1.2
Costs = Mapping[tuple[int, str], Cost]


def measure(sizes: Sequence[int], with_processes: bool = True) -> None:
    """Generate a table of each size and print the cost of the gates on it.

    Parameters
    ----------
    sizes : sequence of int
        Rows of each table, ascending.
    with_processes : bool
        Also measure whole processes, on the smallest table.
    """
    console = Console(highlight=False, width=160)
    folder = Path(tempfile.mkdtemp(prefix="cost-"))
    folder.chmod(0o755)
    settings = replace(Settings.load(), state_dir=folder / "state", target="embedded")
    try:
        warehouses = {}
        for rows in sizes:
            console.print(f"generating {rows:,} rows, {ROWS_A_DAY:,} a day", style="dim")
            warehouses[rows] = build(settings, rows, folder)
        costs = cost_statements.measure(warehouses)
        for rows in sizes:
            console.print(_statement_table(warehouses[rows], costs), soft_wrap=True)
        console.print(_verdicts(sizes, warehouses[sizes[0]].gates, costs), soft_wrap=True)
        if with_processes:
            console.print(_process_table(warehouses[sizes[0]]), soft_wrap=True)
    finally:
        embedded.stop(settings)
        shutil.rmtree(folder, ignore_errors=True)


def _statement_table(warehouse: Warehouse, costs: Costs) -> str:
    rows, gates = warehouse.rows, warehouse.gates
    base = costs[rows, BY_HAND].processor
    table = [["statement", "wall, ms", "processor, ms", "x by hand"]]
    for name in [BY_HAND, WITH_DISTINCT, PROFILE, *(gate.name for gate in gates)]:
        table.append(_row(name, costs[rows, name], base))
    for name, cost in _sums(rows, gates, costs).items():
        table.append(_row(f"**{name}**", cost, base))
    for name in [PROFILE_OF_RUN, PROFILE_SMALL_MEMORY]:
        table.append(_row(name, costs[rows, name], base))
    first = (
        f"First build of the profile, {warehouse.days} days: {warehouse.first_build:.1f} s (wall, parallel)."
    )
    return f"\n## {rows:,} rows\n\n" + _markdown(table) + f"\n\n{first}"


def _sums(rows: int, gates: Sequence[Gate], costs: Costs) -> dict[str, Cost]:
    def total(names: Sequence[str]) -> Cost:
        cost = Cost(0, 0)
        for name in names:
            cost += costs[rows, name]
        return cost

    on_rows = [gate.name for gate in gates if gate.table != "interaction_daily"]
    on_profile = [gate.name for gate in gates if gate.table == "interaction_daily"]
    return {
        "gates on rows, and the profile": total([*on_rows, PROFILE]),
        "gates on the profile": total(on_profile),
        "all": total([*on_rows, *on_profile, PROFILE]),
    }


def _verdicts(sizes: Sequence[int], gates: Sequence[Gate], costs: Costs) -> str:
    smallest, largest = sizes[0], sizes[-1]
    sums = {rows: _sums(rows, gates, costs) for rows in sizes}
    name = "gates on rows, and the profile"
    lines = []
    for rows in sizes:
        cost = sums[rows][name].processor
        lines.append(
            _verdict(
                f"{rows:,} rows: {name} / {BY_HAND}", cost / costs[rows, BY_HAND].processor, MOST_OF_SCAN
            )
        )
    if largest != smallest:
        for part in sums[smallest]:
            ratio = sums[largest][part].processor / sums[smallest][part].processor
            lines.append(_verdict(f"{part}: {largest:,} / {smallest:,} rows", ratio, MOST_OF_SMALLEST))
    return "\n" + "\n".join(lines)


def _process_table(warehouse: Warehouse) -> str:
    counted = cost_processes.statements_by_gate(warehouse)
    samples = cost_processes.measure(warehouse)
    one_test = samples[cost_processes.ONE_TEST]
    table = [["process", "minimum, s", "x trivial test", "median ratio of the turns", "95 % from", "to"]]
    ratios = {}
    for name, seconds in samples.items():
        ratios[name] = _ratio_of_turns(seconds, one_test)
        minimum = min(seconds), min(seconds) / min(one_test)
        cells = ["" if math.isnan(value) else f"{value:.2f}" for value in (*minimum, *ratios[name])]
        table.append([name, *cells])
    ratio, _, highest = ratios[cost_processes.ALL_GATES]
    what = f"{cost_processes.ALL_GATES} / {cost_processes.ONE_TEST}"
    statements = [["gate", "statements that dbt test sends"]] + [
        [name, str(n)] for name, n in counted.items()
    ]
    return "\n".join(
        [
            f"\n## Whole processes, {warehouse.rows:,} rows\n",
            _markdown(table),
            "",
            _verdict(f"{what}, median of the turns", ratio, MOST_OF_ONE_TEST),
            _verdict(f"{what}, upper end of its 95 % interval", highest, MOST_OF_ONE_TEST),
            "",
            _markdown(statements),
        ]
    )


def _ratio_of_turns(seconds: Sequence[float], base: Sequence[float]) -> tuple[float, float, float]:
    """Return the median ratio of two processes that ran in the same turn, and its exact 95 % interval.

    A slow phase of the machine slows both processes of a turn. One lucky run does not decide the median, but it would decide a
    ratio of minima. The interval makes no assumption about the distribution (quantile test, Conover 1999, Practical
    Nonparametric Statistics, 3.2); it is not finite for fewer than six turns.
    """
    turns = zip(seconds, base, strict=False)  # a slow process has fewer turns
    ratios = [duration / base_duration for duration, base_duration in turns]
    interval = quantile_test(ratios, p=0.5).confidence_interval(0.95)
    return median(ratios), float(interval.low), float(interval.high)


def _verdict(what: str, ratio: float, most: float | None = None) -> str:
    target = "" if most is None else f" (target at most {most:g}: {'met' if ratio <= most else 'MISSED'})"
    return f"- {what}: {ratio:.2f}{target}"


def _row(name: str, cost: Cost, base: float) -> list[str]:
    return [name, f"{cost.wall:.1f}", f"{cost.processor:.1f}", f"{cost.processor / base:.2f}"]


def _markdown(table: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([lines[0], "|---|" + "---:|" * (len(table[0]) - 1), *lines[1:]])
