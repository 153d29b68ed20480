"""A small dbt project of a shop that uses the package, for tests of reported faults."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .engines import SCHEMA, Engine, Row
from .project import MACROS
from .run import LEDGER, invoke

ORDERS = "\n".join(
    [
        "order_id,order_date,amount",
        "1,2026-11-15,12.50",
        "2,2026-11-15,8.00",
        "3,2026-11-15,30.00",
        "4,2026-11-22,9.99",
    ]
)
PROJECT = {
    "name": "shop",
    "version": "1.0.0",
    "profile": "shop",
    "on-run-end": ["{{ gates.record(results) }}"],
    "flags": {"send_anonymous_usage_stats": False, "validate_macro_args": True},
}


@dataclass
class Outcome:
    """How a dbt command ended.

    Attributes
    ----------
    success : dbt's exit code is 0
    statuses : of each node by name
    printed : what the gates and dbt said
    """

    success: bool
    statuses: dict[str, str]
    printed: list[str]
    error: str


@dataclass
class Shop:
    """The project; its seed `orders` has three rows on 2026-11-15 and one on 2026-11-22.

    Parameters
    ----------
    directory : of the project, made when absent
    files : by path
    project : further content of `dbt_project.yml`
    """

    directory: Path
    engine: Engine
    files: Mapping[str, str | Mapping[str, Any]]
    project: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 4

    def __post_init__(self) -> None:
        profile = {**self.engine.profile(), "threads": self.threads}
        (self.directory / "dbt_packages").mkdir(parents=True, exist_ok=True)
        (self.directory / "dbt_packages" / "gates").symlink_to(MACROS, target_is_directory=True)
        self.write(
            {
                "dbt_project.yml": {**PROJECT, **self.project},
                "profiles.yml": {"shop": {"target": "test", "outputs": {"test": profile}}},
                "seeds/orders.csv": ORDERS,
                **self.files,
            }
        )

    def write(self, files: Mapping[str, str | Mapping[str, Any]]) -> None:
        """Write files; a mapping is written as YAML."""
        for name, content in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))

    def dbt(
        self, *arguments: str, run_date: str = "2026-11-22", environment: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run a dbt command in this process."""
        printed: list[str] = []
        done = invoke(
            self.directory,
            "--quiet",
            *arguments,
            environment={"RUN_DATE": run_date, **(environment or {})},
            callbacks=[lambda event: printed.append(event.info.msg)],
        )
        results = getattr(done.result, "results", None) or []
        statuses = {result.node.name: str(result.status) for result in results if hasattr(result, "node")}
        return Outcome(bool(done.success), statuses, printed, str(done.exception or ""))

    def start(self, *arguments: str, run_date: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        """Start a dbt command in a separate process, with a separate target folder."""
        where = ["--project-dir", str(self.directory), "--profiles-dir", str(self.directory)]
        folders = ["--target-path", f"target_{run_date}", "--log-path", f"logs_{run_date}"]
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "dbt"), "--no-use-colors", *arguments, *where, *folders],
            env={
                **os.environ,
                "RUN_DATE": run_date,
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
                **environment,
            },
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ledger(self, where: str = "1 = 1") -> list[Row]:
        """Return the rows of the ledger in the order of recording."""
        exists = self.engine.query(
            f"select 1 from information_schema.tables where table_schema = '{SCHEMA}' and table_name = 'gate_results'"
        )
        query = f"select * from {LEDGER} where {where} order by recorded_at, gate, node_id, metric, segment"
        return self.engine.query(query) if exists else []


def properties_of(name: str, gates: Sequence[Mapping[str, Any]], kind: str = "seeds") -> dict[str, Any]:
    """Return the property YAML of one seed or model with gates."""
    return {kind: [{"name": name, "data_tests": list(gates)}]}


def gate(kind: str, arguments: Mapping[str, Any] | None = None, /, **others: Any) -> dict[str, Any]:
    """Return one gate of the package with its arguments and other properties."""
    return {f"gates.{kind}": {**({"arguments": dict(arguments)} if arguments else {}), **others}}


def orders(sizes: dict[str, int]) -> str:
    """Return the seed with a number of orders on each day."""
    lines = ["order_id,order_date,amount"]
    for day, size in sizes.items():
        lines += [f"{day.replace('-', '')}{number:02},{day},1" for number in range(size)]
    return "\n".join(lines)
