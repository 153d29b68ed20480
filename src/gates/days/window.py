"""Judge days of the past, each gate all of them in one statement, and record it in the ledger with the mode `window`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence

from gates.days.gate import Gate
from gates.days.replay import Replay
from gates.days.settling import Rejected, settle
from gates.project.warehouse import Warehouse

DAYS = "judged_days"  # the scratch relation of the days that are judged


def judge(
    replay: Replay,
    gates: Sequence[Gate],
    days: Collection[dt.date],
    on_progress: Callable[[], None] = lambda: None,
) -> list[str]:
    """Judge each of the days as it would have been judged on that day, under the present bounds, and record and seal it.

    Days that are not among them serve as references as the ledger has them. Nothing leaves the database but which days are rejected.

    Returns
    -------
    list of str
        The invocations under which the ledger has the evidence.
    """
    invocations: list[str] = []
    rejected: Rejected = {}
    for part in replay.parts(days):
        with replay.asking(gates, part) as (opened, statements):
            window = _Window(opened, gates, statements, part)
            rejected = settle(opened, gates, window.ask, rejected, on_progress, window.days)
            invocations.append(opened.macro("record_window", evidence=window.tables, days=window.days))
    return invocations


class _Window:
    """Scratch tables with what each gate says of some days."""

    def __init__(
        self,
        opened: Warehouse,
        gates: Sequence[Gate],
        statements: Mapping[str, str],
        days: Collection[dt.date],
    ) -> None:
        self.days = opened.macro("scratch_relation", name=DAYS)
        self.tables = {
            gate.node_id: opened.macro("scratch_relation", name=f"evidence_{number}")
            for number, gate in enumerate(gates)
        }
        self._opened = opened
        self._judged = set(days)
        self._creating = {
            gate.node_id: [
                f"drop table if exists {self.tables[gate.node_id]}",
                *opened.macro(
                    "create_scratch_table",
                    relation=self.tables[gate.node_id],
                    select=statements[gate.node_id],
                ),
            ]
            for gate in gates
        }
        self._rejecting = {
            name: opened.macro("days_rejected_by", evidence=table) for name, table in self.tables.items()
        }
        listed = opened.macro("list_of_days", days=[str(day) for day in sorted(days)])
        opened.execute(opened.macro("create_scratch_table", relation=self.days, select=listed))

    def ask(self, gate: Gate) -> list[dt.date]:
        """Keep what a gate says of the days, and return those that it rejects."""
        self._opened.execute(self._creating[gate.node_id])
        if gate.severity != "error":
            return []
        rows = self._opened.query(self._rejecting[gate.node_id])
        return [row["run_date"] for row in rows if row["run_date"] in self._judged]
