"""Run the commands of `gates` on another project, and keep what each prints.

A program, because Spark's JVM and dbt's adapters want a process: `python -m tests.gates.shop_run <folder>`, with the dbt
connection in `profile.json` of the folder. It writes `result.json` there.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from .shop import DOUBLED, LAST_DAY, write_shop

ASKED = {
    "backtest": ("backtest", "--faults", "faults.yml", "--every", "40"),
    "accept": ("accept", str(DOUBLED), "--known", "--why", "it's Whit Monday"),
    "backtest of one gate": ("backtest", "--select", "parcels_like_last_week", "--first-day", "2025-06-01"),
    "suggest": ("suggest", "--false-alarms", "5", "--every", "40", "--faults", "one_fault.yml"),
    "judge": ("judge", "--from", str(LAST_DAY - dt.timedelta(9))),
    "days": ("days", "--from", str(DOUBLED), "--relation", "freight.parcel_by_day"),
    "explain": ("explain", "parcels_like"),
    "verify": ("verify",),
    "verify a row too many": ("verify",),
}
AFTER_A_RUN = ("explain", "verify", "verify a row too many")


def dbt(*arguments: str) -> Any:
    from dbt.cli.main import dbtRunner

    ended = dbtRunner().invoke(["--quiet", *arguments, "--profiles-dir", "."])
    assert ended.exception is None, ended.exception
    return ended


def printed(*arguments: str) -> dict[str, Any]:
    """Run a command as a shell does."""
    from gates.cli import main

    given = arguments if arguments[0] == "accept" else (*arguments, "--run-date", str(LAST_DAY))
    sys.argv = ["gates", *given, "--profiles-dir", "."]
    code: Any = 0
    with redirect_stdout(io.StringIO()) as out:
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    return {"code": code or 0, "printed": out.getvalue()}


@contextmanager
def warehouse() -> Iterator[Any]:
    from gates.project import dbt as project_dbt
    from gates.project.config import Project
    from gates.project.warehouse import connect

    project = Project(Path.cwd(), profiles=Path.cwd())
    with connect(project, project_dbt.parse(project)) as opened:
        yield opened


def schemas(kind: str) -> list[str]:
    statement = "show schemas" if kind == "spark" else "select schema_name from information_schema.schemata"
    with warehouse() as opened:
        return [str(next(iter(row.values()))) for row in opened.query(statement)]


def add_row_of_a_run() -> None:
    """Write behind the back of the gates, as every engine lets one."""
    with warehouse() as opened:
        ledger, seals = opened.macro("ledger"), opened.macro("seals")
        opened.execute(
            [
                f"insert into {ledger} (gate, run_date, verdict, invocation_id)"
                f" select 'not_stale', cast('{LAST_DAY}' as date), 'pass', invocation_id"
                f" from {seals} where seal_number = 2"
            ]
        )


def main() -> None:
    folder = Path(sys.argv[1])
    profile = json.loads((folder / "profile.json").read_text())
    os.environ |= {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "COLUMNS": "200"}
    os.chdir(write_shop(folder / "project", profile))
    if profile["type"] == "spark":
        from tests.macros.harness.engines import Spark

        Spark(folder)
    assert dbt("run").success
    target = {file: file.read_bytes() for file in sorted(Path("target").rglob("*.json"))}
    found = {name: printed(*arguments) for name, arguments in ASKED.items() if name not in AFTER_A_RUN}
    unchanged = target == {file: file.read_bytes() for file in sorted(Path("target").rglob("*.json"))}
    os.environ["RUN_DATE"] = str(LAST_DAY)
    dbt("test")
    assert dbt("run-operation", "keep_odd_rows").success
    for name in AFTER_A_RUN:
        if name == "verify a row too many":
            add_row_of_a_run()
        found[name] = printed(*ASKED[name])
    result = {"found": found, "unchanged": unchanged, "schemas": schemas(profile["type"])}
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
