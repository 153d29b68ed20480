"""Test the truth table: every single change of a gate's SQL must make a case fail.

dbt's compiler compiles each case with the changed macro, in this process and in memory; DuckDB runs it.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import yaml
from rich.console import Console
from tests.macros.harness.cases import Case, differences, load_cases
from tests.macros.harness.compiled import GateCompiler
from tests.macros.harness.engines import SCHEMA, DuckDB
from tests.macros.harness.project import case_sources
from tests.macros.harness.run import prepare
from tests.macros.harness.windows import beside_healthy, in_window

from benchmarks.mutants import Mutant, mutants

# Macros of the ledger decide no verdict. Argument checks run when dbt parses; tests/macros/test_arguments.py tests them.
LEFT_OUT = (
    "ledger.sql",
    "print.sql",
    "backtest.sql",
    "retention.sql",
    "arguments.sql",
    "nodes.sql",
    "freshness.sql",
)
CHECK = "check_"
EXPLAINED = Path(__file__).with_name("equivalent_mutants.yml")
PACKAGE = "macro.gates."


class TruthTable:
    """The cases of the truth table, judged by macros that can be changed.

    Parameters
    ----------
    folder : Path
        The folder for the database and dbt's output.
    """

    def __init__(self, folder: Path) -> None:
        self._cases = {case.name: case for case in load_cases() if "duckdb" in case.engines}
        engine = DuckDB(folder / "database.duckdb")
        with redirect_stdout(StringIO()):
            prepare(engine, list(self._cases.values()), folder / "as_tested")
        sources = case_sources("duckdb", list(self._cases.values()))
        self._compiler = GateCompiler(engine, folder / "compiled", sources)
        self._connection = duckdb.connect(str(engine.path))
        self._connection.execute("set enable_progress_bar = false")
        self._kills: Counter[str] = Counter()
        wrong = [name for name in self._cases if not self._is_as_expected(name)]
        if wrong:
            raise RuntimeError(f"these cases fail without any change: {wrong}")

    @property
    def macros(self) -> Mapping[str, str]:
        """The macros that lead to verdicts: name to text."""
        found = {}
        for unique_id, macro in self._compiler.manifest.macros.items():
            file = Path(macro.original_file_path)
            of_gates = unique_id.startswith(PACKAGE) and file.parts[-2:-1] in [
                (room,) for room in ("gates", "days", "values", "statistics", "verdict")
            ]
            if of_gates and file.name not in LEFT_OUT and not macro.name.startswith(CHECK):
                found[macro.name] = macro.macro_sql
        return found

    def killer(self, mutant: Mutant) -> str | None:
        """Return the first case that fails with a mutant, None if no case fails."""
        macro = self._compiler.manifest.macros[PACKAGE + mutant.macro]
        text, macro.macro_sql = macro.macro_sql, mutant.text
        try:
            names = sorted(self._concerned(mutant.macro), key=lambda name: -self._kills[name])
            found = next((name for name in names if not self._is_as_expected(name)), None)
            found = found or self._killer_on_first_run(names)
            found = found or next((name for name in names if not self._is_as_in_backtest(name)), None)
        finally:
            macro.macro_sql = text
        if found is not None:
            self._kills[found] += 1
        return found

    def _killer_on_first_run(self, names: Iterable[str]) -> str | None:
        """Return the first case that fails without a ledger, as in the first run of dbt."""
        without = [name for name in names if not self._cases[name].ledger]
        self._rename_ledger("gate_results", "hidden_gate_results")
        try:
            return next((name for name in without if not self._is_as_expected(name)), None)
        finally:
            self._rename_ledger("hidden_gate_results", "gate_results")

    def _rename_ledger(self, name: str, new_name: str) -> None:
        self._connection.execute(f"alter table {SCHEMA}.{name} rename to {new_name}")
        self._compiler.adapter.cache.clear()
        self._compiler.manifest.flat_graph.pop("gates_evidence", None)

    def _concerned(self, macro: str) -> list[str]:
        """Return the cases of the gates that call a macro, directly or indirectly."""
        all_macros = self._compiler.manifest.macros
        callers, added = {PACKAGE + macro}, True
        while added:
            more = {key for key, value in all_macros.items() if callers & set(value.depends_on.macros)}
            added = not more <= callers
            callers |= more
        return [
            name
            for name in self._cases
            if callers & set(self._compiler.tests[f"case_{name}"].depends_on.macros)
        ]

    def _is_as_expected(self, name: str) -> bool:
        case = self._cases[name]
        try:
            rows, status = self._decide(case)
        except Exception:  # whatever dbt and DuckDB raise: the test is broken
            return case.status == "error"
        return (
            status == case.status
            and not differences(case.evidence, rows)
            and {row["run_date"] for row in rows} == {case.run_date}
            and {row["gate"] for row in rows} == {case.gate}
        )

    def _is_as_in_backtest(self, name: str) -> bool:
        """Return whether a case has the same evidence as one day of several; see tests/macros/test_windows.py."""
        case = self._cases[name]
        if case.status == "error":
            return True
        try:
            statements = [in_window(self._compiler, case), beside_healthy(self._compiler, case)]
            return not any(
                differences(case.evidence, self._rows(statement)) for statement in statements if statement
            )
        except Exception:  # likewise
            return False

    def _rows(self, statement: str) -> list[dict[str, Any]]:
        cursor = self._connection.execute(statement)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _decide(self, case: Case) -> tuple[list[dict[str, Any]], str]:
        sql = self._compiler.compile(f"case_{case.name}", run_date=case.run_date)
        rows = self._rows(sql)
        return rows, self._compiler.status(rows, case.config.get("severity", "error"))


def measure(only: Sequence[str] = ()) -> None:
    """Make every change of every gate's SQL, and report the changes that no case of the truth table notices.

    Parameters
    ----------
    only : sequence of str
        Names of macros; all if empty.

    Raises
    ------
    RuntimeError
        A mutant survives without an explanation, or an explanation is out of date.
    """
    console = Console(highlight=False, width=200)
    folder = Path(tempfile.mkdtemp(prefix="mutation-"))
    explained = {
        (entry["macro"], entry["change"]): entry["why"]
        for entry in yaml.safe_load(EXPLAINED.read_text(encoding="utf-8"))
        if not only or entry["macro"] in only
    }
    try:
        table = TruthTable(folder)
        survivors = _survivors(table, only, console)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    unexplained = [key for key in survivors if key not in explained]
    unused = [key for key in explained if key not in survivors]
    for heading, keys in (("survived", unexplained), ("explained, but killed or gone", unused)):
        for macro, change in keys:
            console.print(f"{heading}: {macro}: {change}", markup=False, soft_wrap=True)
    if unexplained or unused:
        raise RuntimeError(
            f"{len(unexplained)} survivors without a case or a reason, {len(unused)} stale reasons"
        )


def _survivors(table: TruthTable, only: Sequence[str], console: Console) -> list[tuple[str, str]]:
    """Try all mutants, print a line for each macro and a total; return (macro, change) of the survivors."""
    survivors: list[tuple[str, str]] = []
    tried, begun = 0, time.perf_counter()
    for macro, text in table.macros.items():
        if only and macro not in only:
            continue
        started = time.perf_counter()
        of_macro = list(mutants(macro, text))
        alive = [(macro, mutant.change) for mutant in of_macro if table.killer(mutant) is None]
        survivors += alive
        tried += len(of_macro)
        if of_macro:
            seconds = time.perf_counter() - started
            killed = len(of_macro) - len(alive)
            console.print(f"{macro:28} {len(of_macro):4} mutants, {killed:4} killed, {seconds:6.1f} s")
    minutes = (time.perf_counter() - begun) / 60
    console.print(
        f"{tried} mutants, {tried - len(survivors)} killed, {len(survivors)} alive, {minutes:.1f} min"
    )
    return survivors
