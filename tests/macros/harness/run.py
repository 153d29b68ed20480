"""Run the truth table with dbt on one engine, and read the ledger.

As a program (`python -m tests.macros.harness.run <engine> <directory> <names.json> <result.json>`) it runs the named cases on
Spark, whose JVM needs a separate process, or on DuckDB, with whichever dbt the interpreter has.
"""

import json
import os
import subprocess
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from .cases import Case, load_cases
from .engines import SCHEMA, DuckDB, Engine, Row, Spark, create_statements, literal
from .project import case_sources, write_project

ROOT = Path(__file__).parents[3]
LEDGER = f"{SCHEMA}.gate_results"
# Days that only the cases about the calendar use.
CALENDAR = " union all ".join(
    f"{create}select cast('2009-06-{day}' as date) as calendar_date"
    for create, day in ((f"create table {SCHEMA}.calendar as ", "07"), ("", "14"))
)
TIMES = ("run_date", "recorded_at")
ENVIRONMENT = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


def invoke(
    directory: Path,
    *arguments: str,
    manifest: Any = None,
    environment: Mapping[str, str] | None = None,
    callbacks: Sequence[Callable[[Any], None]] = (),
) -> Any:
    """Run a dbt command in this process, as `dbt <arguments>` in the project's directory.

    The callbacks are told each of dbt's events.

    Returns
    -------
    dbtRunnerResult
    """
    with warnings.catch_warnings(), mock.patch.dict(os.environ, {**ENVIRONMENT, **(environment or {})}):
        warnings.simplefilter("ignore")  # warnings of dbt and of libraries that it loads late
        from dbt.cli.main import dbtRunner

        where = ["--project-dir", str(directory), "--profiles-dir", str(directory)]
        return dbtRunner(manifest=manifest, callbacks=[*callbacks]).invoke(
            [*arguments, *where, "--log-path", str(directory / "logs")]
        )


def prepare(engine: Engine, chosen: Sequence[Case], directory: Path) -> Any:
    """Create the tables of the cases, a project with their gates, and the ledger of earlier runs.

    Returns
    -------
    dbt's manifest of the project
    """
    write_project(directory, engine.profile(), case_sources(engine.name, chosen))
    engine.execute([*create_statements(engine.name, chosen), CALENDAR])
    parsed = invoke(directory, "parse", "--quiet")
    if not parsed.success:
        raise RuntimeError(f"dbt could not parse the truth table: {parsed.exception}")
    _seed_ledger(
        engine,
        chosen,
        directory,
        parsed.result,
        {name: node_id for node_id, name in _case_names(parsed.result).items()},
    )
    return parsed.result


def _case_names(manifest: Any) -> dict[str, str]:
    return {
        node.unique_id: node.name.removeprefix("case_")
        for node in manifest.nodes.values()
        if node.resource_type == "test"
    }


def run_truth_table(engine: Engine, cases: Sequence[Case], directory: Path) -> dict[str, list[Row]]:
    """Run every case of the engine, one dbt invocation for each run date.

    Returns
    -------
    dict from the case's name to its rows of the ledger
    """
    chosen = [case for case in cases if engine.name in case.engines]
    manifest = prepare(engine, chosen, directory)
    names = _case_names(manifest)
    for run_date in sorted({case.run_date for case in chosen}):
        selected = ["--select", f"tag:on_{run_date:%Y_%m_%d}"]
        environment = {"RUN_DATE": run_date.isoformat()}
        invoke(directory, "test", "--quiet", *selected, manifest=manifest, environment=environment)
    found = defaultdict(list)
    for row in engine.query(f"select * from {LEDGER} where invocation_id <> 'seeded'"):
        found[names[row["node_id"]]].append(
            {key: str(value) if key in TIMES else value for key, value in row.items()}
        )
    return dict(found)


def run_in_process(
    python: Path, engine: str, cases: Sequence[Case], directory: Path, timeout: float
) -> dict[str, list[Row]]:
    """Run cases in another process, with the dbt of the given interpreter.

    Returns
    -------
    dict from the case's name to its rows of the ledger; times as text
    """
    names, result, log = (directory / name for name in ("names.json", "result.json", "output.txt"))
    names.write_text(json.dumps([case.name for case in cases]), encoding="utf-8")
    command = [
        str(part) for part in (python, "-m", "tests.macros.harness.run", engine, directory, names, result)
    ]
    with log.open("wb") as output:
        code = subprocess.run(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=timeout,
            check=False,
        ).returncode
    if code:
        raise RuntimeError(
            f"the truth table did not run on {engine}:\n{log.read_text(errors='replace')[-4000:]}"
        )
    rows: dict[str, list[Row]] = json.loads(result.read_text(encoding="utf-8"))
    return rows


def _seed_ledger(
    engine: Engine, cases: Sequence[Case], directory: Path, manifest: Any, node_ids: Mapping[str, str]
) -> None:
    """Write the ledger of earlier runs, for cases that have one."""
    rows = [
        f"select {literal(engine.name, row['status'])}, 'error', '{SCHEMA}.{case.name}', '{case.name}', "
        f"cast({literal(engine.name, row['run_date'])} as date), "
        f"cast({literal(engine.name, row['recorded_at'])} as timestamp), "
        f"{literal(engine.name, node_ids[case.name])}, 'seeded'"
        for case in cases
        for row in case.ledger
    ]
    if rows:
        created = invoke(directory, "run-operation", "--quiet", "gates.ensure_ledger", manifest=manifest)
        if not created.success:
            raise RuntimeError(f"dbt could not create the ledger: {created.exception}")
        columns = "status, severity, relation, gate_id, run_date, recorded_at, node_id, invocation_id"
        engine.execute([f"insert into {LEDGER} ({columns}) {' union all '.join(rows)}"])


def main() -> None:
    """Run cases of the truth table and write the evidence as JSON."""
    name, directory, names, result = sys.argv[1], *map(Path, sys.argv[2:])
    chosen = set(json.loads(names.read_text(encoding="utf-8")))
    cases = [case for case in load_cases() if case.name in chosen]
    os.chdir(directory)
    engine = Spark(directory) if name == "spark" else DuckDB(directory / "database.duckdb")
    try:
        rows = run_truth_table(engine, cases, directory / "project")
    finally:
        if isinstance(engine, Spark):
            engine.session.stop()
    result.write_text(json.dumps(rows, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()
