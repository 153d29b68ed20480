"""Run dbt in this process: import it once, invoke it several times, and return its results without output."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from gates.errors import GatesError
from gates.project.config import Project, environment

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunner, dbtRunnerResult

Manifest = Any  # dbt's own; its types are of little use
CHOSEN = "gates_chosen"  # a tag, in manifests of this process only
QUIET = ("--log-level", "none", "--log-level-file", "debug")


def compile_inline(
    project: Project, template: str, run_date: dt.date, variables: Mapping[str, str] | None = None
) -> str:
    """Return the text to which Jinja and SQL compile in the project, for the run date.

    Parameters
    ----------
    variables : mapping, optional
        Further variables of the environment that the SQL depends on.

    Raises
    ------
    GatesError
        When the template does not compile.
    """
    given = {"RUN_DATE": str(run_date)} | dict(variables or {})
    outcome = run(project, ["compile", "--inline", template], given)
    return str(_results(project, "compile", outcome)[0].node.compiled_code)


def parse(project: Project) -> Manifest:
    """Return dbt's manifest of the present project, without touching the files that dbt has written for it.

    Raises
    ------
    GatesError
        When the project does not parse, or does not use the package `gates`.
    """
    known = project.output / "partial_parse.msgpack"
    partial = ["--partial-parse-file-path", str(known)] if known.is_file() else []
    with TemporaryDirectory(prefix="gates-") as folder:
        outcome = run(replace(project, target_path=Path(folder)), ["--no-write-json", "parse", *partial])
    if not outcome.success or outcome.result is None:
        raise broke(project, ["parse"], one_line(outcome.exception))
    manifest: Manifest = outcome.result
    manifest.build_flat_graph()  # the `graph` of macros that run outside of a dbt command
    if manifest.find_macro_by_name("decide", manifest.metadata.project_name, "gates") is None:
        raise GatesError(
            f"the dbt project in {project.directory} does not use the package gates of this version:"
            " add it to packages.yml and run dbt deps"
        )
    return manifest


def list_tests(project: Project, manifest: Manifest) -> list[str]:
    """Return the unique ids of the data tests that the project selects.

    Raises
    ------
    GatesError
        When dbt does not understand the selection.
    """
    only = ["--resource-type", "test", "--output", "json", "--output-keys", "unique_id"]
    with TemporaryDirectory(prefix="gates-") as folder:
        elsewhere = replace(project, target_path=Path(folder))
        outcome = run(elsewhere, ["--no-write-json", "list", *project.selection, *only], manifest=manifest)
    if not outcome.success or not isinstance(outcome.result, list):
        raise broke(project, ["list"], one_line(outcome.exception))
    return [json.loads(line)["unique_id"] for line in outcome.result]


def compile_nodes(
    project: Project,
    manifest: Manifest,
    unique_ids: Collection[str],
    variables: Mapping[str, Any],
    given: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return some nodes of a manifest with their SQL as ``compiled_code``, by their unique ids.

    Parameters
    ----------
    manifest : Manifest
        A manifest that nobody else uses, because its nodes get a tag.
    variables : mapping
        Variables such as the run date, which take precedence over the variables of the project.
    given : mapping, optional
        Variables of the environment that the SQL depends on.

    Raises
    ------
    GatesError
        When a node does not compile.
    """
    nodes = {**manifest.nodes, **manifest.sources}
    for unique_id, node in nodes.items():
        if hasattr(node, "tags"):
            node.tags = [tag for tag in node.tags if tag != CHOSEN] + [CHOSEN] * (unique_id in unique_ids)
    # `eager` would choose the tests of a chosen model as well
    command = [
        "--no-write-json",
        "compile",
        "--select",
        f"tag:{CHOSEN}",
        "--indirect-selection",
        "empty",
        "--full-refresh",
    ]
    with TemporaryDirectory(prefix="gates-") as folder:
        elsewhere = replace(project, target_path=Path(folder), variables={**project.variables, **variables})
        outcome = run(elsewhere, command, given, manifest=manifest)
    return {result.node.unique_id: result.node for result in _results(project, "compile", outcome)}


def run_operation(project: Project, macro: str, arguments: Mapping[str, Any]) -> None:
    """Run a macro for its effect on the database.

    Raises
    ------
    GatesError
        When it fails.
    """
    with TemporaryDirectory(prefix="gates-") as folder:
        elsewhere = replace(project, target_path=Path(folder))
        outcome = run(elsewhere, ["run-operation", macro, "--args", json.dumps(dict(arguments))])
    if not outcome.success:
        results = getattr(outcome.result, "results", None) or []
        why = outcome.exception or "; ".join(one_line(result.message) for result in results)
        raise broke(project, [f"run-operation {macro}"], one_line(why))


def read_manifest(path: Path, directory: Path) -> dict[str, Any]:
    """Return dbt's manifest as the last dbt command of the project in a directory wrote it.

    Raises
    ------
    GatesError
        When there is none yet.
    """
    if not path.exists():
        raise GatesError(f"{path} does not exist: run `dbt parse` or `dbt build` in {directory} first")
    manifest: dict[str, Any] = json.loads(path.read_text())
    return manifest


def one_line(message: object) -> str:
    """Return a message without line breaks and without the list of macros that dbt ends it with.

    Examples
    --------
    >>> one_line("Compilation Error in test a\\n  `max_value` must be a number\\n\\n  > in macro refuse")
    'Compilation Error in test a `max_value` must be a number'
    """
    text, _, _ = str(message or "no message, see dbt's log").partition("> in macro")
    return " ".join(text.split())


def _results(project: Project, command: str, outcome: dbtRunnerResult) -> list[Any]:
    results: list[Any] = getattr(outcome.result, "results", None) or []
    if not outcome.success:
        failed = "; ".join(describe(result) for result in results if result.status == "error")
        raise broke(project, [command], failed or one_line(outcome.exception))
    return results


def describe(result: Any) -> str:
    """Return in one line which node of dbt broke, and why."""
    keeps_evidence = result.node.resource_type == "operation" and "gates.record" in result.node.raw_code
    what = "the evidence could not be written to the ledger" if keeps_evidence else result.node.name
    return f"{what}: {one_line(result.message)}"


def broke(project: Project, arguments: Sequence[str], why: str) -> GatesError:
    """Return the error that a dbt command broke."""
    return GatesError(f"dbt {arguments[0]} broke: {why} (more in {project.log})")


def run(
    project: Project,
    arguments: Sequence[str],
    given: Mapping[str, str] | None = None,
    callbacks: Sequence[Callable[[Any], None]] = (),
    manifest: Manifest | None = None,
) -> dbtRunnerResult:
    """Run a dbt command in this process, without output; a failure is in the result, not raised."""
    variables = ["--vars", json.dumps(dict(project.variables), default=str)] if project.variables else []
    with environment({**project.environment, **(given or {})}):
        runner = _runner()
        runner.callbacks = list(callbacks)
        runner.manifest = manifest
        outcome = runner.invoke([*QUIET, *arguments, *variables, *project.location])
    if isinstance(outcome.exception, KeyboardInterrupt):
        raise outcome.exception  # dbt turns it into a result, but Ctrl-C must end the process
    return outcome


@cache
def _runner() -> dbtRunner:
    from dbt.cli.main import dbtRunner  # two thirds of a dbt start is this import

    return dbtRunner()
