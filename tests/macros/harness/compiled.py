"""The SQL of a gate, compiled by dbt's own compiler without a run, for tests that need many thousand verdicts."""

from __future__ import annotations

import copy
import datetime as dt
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from .cases import RUN_DATE
from .engines import Engine, Row
from .project import write_project
from .run import invoke


class GateCompiler:
    """A parsed dbt project whose tests are compiled one by one.

    Compiling is what `dbt test` does with a test before it runs it: the macros are rendered with `execute` true, against the
    same graph. With `execute` false they are rendered as when dbt parses, which is when arguments are checked.
    """

    def __init__(
        self, engine: Engine, directory: Path, models: Mapping[str, Any], macros: Path | None = None
    ) -> None:
        given: dict[str, Any] = {"macros": macros} if macros else {}
        project = write_project(directory, engine.profile(), models, **given)
        parsed = invoke(project, "parse", "--quiet")
        if not parsed.success:
            raise RuntimeError(f"dbt could not parse {project}: {parsed.exception}")
        self.manifest = parsed.result
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from dbt.adapters.factory import FACTORY
            from dbt.compilation import Compiler
            from dbt.context.providers import RuntimeProvider
            from dbt_common.context import set_invocation_context

        self._set_environment = (
            set_invocation_context  # dbt reads variables of the environment as of its start
        )
        self.adapter = FACTORY.adapters[engine.profile()["type"]]
        self._compiler = Compiler(self.adapter.config)
        self._provider = RuntimeProvider
        self.tests = {
            node.name: node for node in self.manifest.nodes.values() if node.resource_type == "test"
        }

    def compile(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        run_date: dt.date = RUN_DATE,
        variables: Mapping[str, str] | None = None,
        execute: bool = True,
    ) -> str:
        """Compile a test; the given arguments replace arguments of its YAML, and variables of the environment are set."""
        node = copy.copy(self.tests[name])
        node.extra_ctes_injected = False
        if arguments is not None:
            node.test_metadata = copy.copy(node.test_metadata)
            node.test_metadata.kwargs = {"model": node.test_metadata.kwargs["model"], **arguments}
        self._set_environment({**os.environ, "RUN_DATE": run_date.isoformat(), **(variables or {})})
        rendering = mock.patch.object(self._provider, "execute", execute)
        with self.adapter.connection_named("compiled"), rendering:
            return str(self._compiler.compile_node(node, self.manifest, write=False).compiled_code)

    def relation_name(self, name: str) -> str:
        """Return the name in SQL of the table that a test looks at."""
        return str(self.manifest.sources[self.tests[name].depends_on.nodes[0]].relation_name)

    def status(self, rows: Sequence[Row], severity: str) -> str:
        """Return the status that dbt gives a test with these rows of evidence."""
        failures = self.adapter.execute_macro("failures", project="gates", kwargs={"rows": list(rows)})
        if severity == "error" and failures > 0:
            return "fail"
        return "warn" if failures != 0 else "pass"
