"""Judge past days with the gates: false alarms on healthy days, detection of injected faults."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from gates.days.gate import Gate
from gates.days.replay import Replay
from gates.ledger.evidence import Row
from gates.ledger.wording import sentence
from gates.tuning.past import PastDays, past_days

SHOWN_DAYS = 6

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Backtest:
    """All evidence of all gates on past days.

    Attributes
    ----------
    days : tuple of date
        The judged days that are healthy: they have rows, and neither the calendar nor a person has marked them.
    marked : tuple of date
        The other judged days: closed days, holidays, accepted incidents.
    rows : tuple of mapping
        The evidence, with ``node_id``, ``severity`` and ``blocks``.
    gates : tuple of Gate
        The gates that were asked.
    """

    days: tuple[dt.date, ...]
    marked: tuple[dt.date, ...]
    rows: tuple[Row, ...]
    gates: tuple[Gate, ...] = ()

    def blocked(self) -> list[dt.date]:
        """Return the healthy days on which at least one gate stops the run."""
        return self._days_with(lambda row: bool(row["blocks"]))

    def warned(self) -> list[dt.date]:
        """Return the healthy days on which no gate stops the run and at least one warns."""
        alarmed = self._days_with(lambda row: row["verdict"] != "pass")
        return sorted(set(alarmed) - set(self.blocked()))

    def _days_with(self, condition: Callable[[Row], bool]) -> list[dt.date]:
        healthy = set(self.days)
        return sorted({row["run_date"] for row in self.rows if row["run_date"] in healthy and condition(row)})


def run(
    replay: Replay,
    first_day: dt.date | None,
    last_day: dt.date,
    on_progress: Progress = lambda *_: None,
) -> Backtest:
    """Judge the past days of the gated relations, each as on that day, without any later data.

    Parameters
    ----------
    first_day : date or None
        The first day that is judged; None for the first day with 56 days of history.

    Raises
    ------
    GatesError
        When nothing has been built yet, or no relation has rows on these days.
    """
    return judged(replay, replay.gates, past_days(replay, first_day, last_day), on_progress)


def judged(
    replay: Replay, gates: Sequence[Gate], past: PastDays, on_progress: Progress = lambda *_: None
) -> Backtest:
    """Return the evidence of some gates on past days: on days with rows of their relation, and on marked days."""
    done = iter(range(1, len(gates) + 1))
    by_id = {gate.node_id: gate for gate in gates}
    rows = replay.judge(gates, past.judged, lambda: on_progress("gates", next(done), len(gates)))
    kept = [row for row in rows if past.concerns(by_id[row["node_id"]], row)]
    return Backtest(past.healthy, past.marked, tuple(kept), replay.gates)


def show(result: Backtest, console: Console) -> None:
    """Print the false alarms by gate and metric with their days, and the sentences of the rows that block."""
    gates = {gate.node_id: gate for gate in result.gates}
    healthy = set(result.days)
    alarms: dict[tuple[str, str], dict[str, set[dt.date]]] = defaultdict(lambda: defaultdict(set))
    blocking = []
    for row in result.rows:
        effect = alarms[gates[row["node_id"]].part(row["segment"]), row["metric"]]
        if row["run_date"] in healthy and row["verdict"] != "pass":
            effect["blocked" if row["blocks"] else "warned"].add(row["run_date"])
            blocking += [row] if row["blocks"] else []
    table = _table("gate", "metric", "blocked", "warned", "days")
    for (gate, metric), effect in sorted(alarms.items()):
        if days := sorted(effect["blocked"] | effect["warned"]):
            counts = (str(len(effect[name])) for name in ("blocked", "warned"))
            table.add_row(gate, metric, *counts, _listed(days))
    console.print(table)
    loud = {gate for (gate, _), effect in alarms.items() if any(effect.values())}
    silent = {gate for gate, _ in alarms} - loud
    console.print(f"no alarm on a healthy day: {', '.join(sorted(silent)) or 'none'}")
    for row in sorted(
        blocking,
        key=lambda row: (row["run_date"], gates[row["node_id"]].name, row["metric"], row["segment"]),
    ):
        asked = gates[row["node_id"]]
        console.print(f"{row['run_date']}  {asked.name}: {sentence(row, asked.declared)}")
    blocked, warned = result.blocked(), result.warned()
    console.print(
        f"{len(result.days)} healthy days: {len(blocked)} blocked ({share(blocked, result.days)}),"
        f" {len(warned)} more warned ({share(warned, result.days)}). Budget: 2 % and 6 %."
    )
    if result.marked:
        console.print(f"left out, closed or marked ({len(result.marked)}): {_listed(sorted(result.marked))}")


def show_detection(found: dict[str, list[Row]], gates: Sequence[Gate], console: Console) -> None:
    """Print for each fault the number of days that it changes, the shares blocked and warned, and the gates that see it best."""
    by_id = {gate.node_id: gate for gate in gates}
    table = _table("fault", "days", "blocked", "at least warned", "by")
    for fault, rows in found.items():
        days = {row["run_date"] for row in rows}
        if not days:
            table.add_row(fault, "0", "", "", "it changes no row of these days")
            continue
        blocked = {row["run_date"] for row in rows if row["blocks"]}
        alarmed = {row["run_date"] for row in rows if row["verdict"] != "pass"}
        by: dict[str, set[dt.date]] = defaultdict(set)
        for row in rows:
            if row["verdict"] != "pass":
                by[by_id[row["node_id"]].part(row["segment"])].add(row["run_date"])
        best = sorted(by.items(), key=lambda item: -len(item[1]))[:3]
        listed = ", ".join(f"{gate} {share(seen, days)}" for gate, seen in best)
        table.add_row(fault, str(len(days)), share(blocked, days), share(alarmed, days), listed)
    console.print(table)


def _table(*columns: str) -> Table:
    """Return a table that folds text that does not fit, so that no name is cut off."""
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _listed(days: Sequence[dt.date]) -> str:
    more = f" and {len(days) - SHOWN_DAYS} more" if len(days) > SHOWN_DAYS else ""
    return ", ".join(map(str, days[:SHOWN_DAYS])) + more


def share(part: Iterable[object], whole: Iterable[object]) -> str:
    """Return a share in percent.

    Examples
    --------
    >>> share([1], [1, 2, 3])
    '33.3 %'
    """
    return f"{100 * len(list(part)) / len(list(whole)):.1f} %"
