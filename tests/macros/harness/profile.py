"""The daily profile of a few rows on one engine.

As a program (`python -m tests.macros.harness.profile <directory> <result.json>`) it runs on Spark, whose JVM wants a process.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .engines import SCHEMA, Engine, Spark, select_rows
from .project import write_project
from .run import invoke

TABLE = "profiled"
DAYS = "modules.datetime.date(2017, 3, 10), modules.datetime.date(2017, 3, 12)"
COLUMNS = {
    "id": "text",
    "customer": "bigint",
    "at": "timestamp",
    "day": "date",
    "category": "text",
    "amount": "double",
}
ROWS: Sequence[Sequence[Any]] = [
    # a key twice, and keys that differ in case, in a blank, or in being empty
    ("k", 1, "2017-03-10 05:00:00", "2017-03-10", "a", 0),
    ("k", 1, "2017-03-10 05:59:59.999", "2017-03-10", "a", 0.5),
    ("K", 2, "2017-03-10 23:59:59", "2017-03-10", "b", 1),
    ("k ", -2, "2017-03-11 00:00:00", "2017-03-10", "b", 1.25),
    ("", 9007199254740993, "2017-03-11 04:30:00", "2017-03-10", None, 12),
    (None, 9007199254740992, "2017-03-09 15:00:00", "2017-03-10", "(null)", None),
    (None, None, None, "2017-03-10", "a", None),
    # the first and last hours that are still named, on both sides, and times far beyond them
    ("k", 1, "2017-03-09 23:59:59", "2017-03-10", "a", 1),
    ("l", 1, "2017-03-09 00:00:00", "2017-03-10", "a", 1),
    ("m", 1, "2017-03-08 23:59:59", "2017-03-10", "a", 1),
    ("n", 1, "2016-03-10 12:00:00", "2017-03-10", "a", 1),
    ("o", 1, "2017-03-11 23:59:59", "2017-03-10", "a", 1),
    ("p", 1, "2017-03-12 00:00:00", "2017-03-10", "a", 1),
    ("q", 1, "2018-01-01 00:00:00", "2017-03-10", "a", 1),
    # no row on 2017-03-11, the same key as two days before, and a day outside the profile
    ("k", 1, "2017-03-12 12:00:00", "2017-03-12", "a", 3),
    ("r", 1, "2017-03-13 12:00:00", "2017-03-13", "a", 3),
]
EVERYTHING = (
    "measures={'amount': [0.5, 1, 12]}, categories=['category'], hour_of='at', distinct=['customer'],"
    " distinct_texts=['id'], nulls=['id']"
)


def create_profiled(engine: Engine) -> None:
    """Create the relation that is profiled."""
    rows = select_rows(engine.name, COLUMNS, ROWS)
    engine.execute(
        [f"create schema if not exists {SCHEMA}", f"create or replace view {SCHEMA}.{TABLE} as {rows}"]
    )


def profile_sql(engine: Engine, directory: Path, arguments: str = EVERYTHING, table: str = TABLE) -> str:
    """Return the statement that dbt compiles from `daily_profile` with these arguments."""
    source = {"name": "profiles", "schema": SCHEMA, "tables": [{"name": table}]}
    project = write_project(directory, engine.profile(), {"sources": [source]})
    call = f"gates.daily_profile(source('profiles', '{table}'), 'day', {DAYS}, {arguments})"
    compiled = invoke(project, "compile", "--quiet", "--inline", f"{{{{ {call} }}}}")
    if not compiled.success:
        raise RuntimeError(f"dbt could not compile the profile: {compiled.exception}")
    return str(compiled.result.results[0].node.compiled_code)


def main() -> None:
    """Write the rows on Spark as JSON."""
    directory, result = (Path(argument) for argument in sys.argv[1:])
    os.chdir(directory)
    engine = Spark(directory)
    try:
        create_profiled(engine)
        rows = engine.query(profile_sql(engine, directory / "project"))
    finally:
        engine.session.stop()
    result.write_text(json.dumps(rows, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()
