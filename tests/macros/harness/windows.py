"""Judge a case of the truth table as one day of a backtest; it must leave the same evidence for that day."""

from __future__ import annotations

import datetime as dt

from .cases import Case
from .compiled import GateCompiler

AROUND = dt.timedelta(3)
SHIFT = 100_000  # days


def in_window(compiler: GateCompiler, case: Case) -> str:
    """Return the evidence of the case's day from a statement on DuckDB that also judges the days around it."""
    window = {"JUDGED_FROM": (case.run_date - AROUND).isoformat()}
    last_day = case.run_date + AROUND if case.arguments.get("date_column") else case.run_date
    statement = compiler.compile(f"case_{case.name}", run_date=last_day, variables=window)
    return f"select * from ({statement}) as judged where run_date = date '{case.run_date}'"


def beside_healthy(compiler: GateCompiler, case: Case) -> str | None:
    """Return the evidence where the rows of that day stand long before all others, as injected faults do; None without a date column."""
    column = case.arguments.get("date_column")
    if column is None or column not in case.columns:
        return None
    variables = {"JUDGED_FROM": case.run_date.isoformat(), "JUDGED_SHIFT": str(SHIFT)}
    statement = compiler.compile(f"case_{case.name}", run_date=case.run_date, variables=variables)
    relation = compiler.relation_name(f"case_{case.name}")
    day = f'"{column}"'
    back = str(SHIFT) if case.columns[column] == "date" else f"interval {SHIFT} days"
    is_today = f"coalesce(cast({day} as date) = date '{case.run_date}', false)"
    both = (
        f"(select * from {relation} where not {is_today} union all"
        f" select * replace ({day} - {back} as {day}) from {relation} where {is_today}) as healthy_and_broken"
    )
    return statement.replace(relation, both)
