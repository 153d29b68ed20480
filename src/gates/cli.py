"""The command line of the package for any dbt project: `gates --help`.

Exit codes: 0 done, 1 something broke, 2 usage.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from gates.commands import COMMANDS
from gates.errors import GatesError
from gates.project import interrupts
from gates.project.config import Project, read_variables
from gates.render.terminal import console, show_error

DISTRIBUTION = "dbt-gates"

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Gates on the data of a dbt project: replay their past, suggest their bounds, explain their verdicts.",
    epilog="Run it in the folder of a dbt project. Exit codes: 0 done, 1 something broke, 2 usage.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        console.print(version(DISTRIBUTION))
        raise typer.Exit


@app.callback()
def _main(
    show_version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version and stop."),
    ] = False,
) -> None:
    pass


def project_of_options(
    project_dir: Annotated[
        Path, typer.Option(help="Folder of dbt_project.yml.", envvar="DBT_PROJECT_DIR")
    ] = Path(),
    profiles_dir: Annotated[
        Path | None, typer.Option(help="Folder of profiles.yml; without it where dbt looks.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Profile; the project's without it.")] = None,
    target: Annotated[str | None, typer.Option("--target", "-t", help="Target of the profile.")] = None,
    select: Annotated[
        list[str] | None, typer.Option("--select", "-s", help="Gates, as for dbt test; can be repeated.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Gates that are left out; can be repeated.")
    ] = None,
    variables: Annotated[str | None, typer.Option("--vars", help="Variables of dbt, as YAML.")] = None,
) -> Project:
    """Return the project that the options name."""
    return Project(
        directory=project_dir.resolve(),
        profiles=profiles_dir,
        profile=profile,
        target=target,
        select=tuple(select or ()),
        exclude=tuple(exclude or ()),
        variables=read_variables(variables),
        environment={"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
    )


def attach(to: typer.Typer, command: Callable[..., None], provide: Callable[..., Project]) -> None:
    """Add a command that takes a project; the options of `provide` say which, but for those that the command has itself."""
    own = [each for name, each in inspect.signature(command).parameters.items() if name != "project"]
    wanted = {
        name: each
        for name, each in inspect.signature(provide).parameters.items()
        if name not in {option.name for option in own}
    }
    kinds = {
        **get_type_hints(provide, include_extras=True),
        **get_type_hints(command, include_extras=True),
    }

    def run(**given: Any) -> None:
        command(provide(**{name: given.pop(name) for name in wanted}), **given)

    parameters = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=kinds[each.name])
        for each in (*own, *wanted.values())
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__doc__ = command.__doc__
    to.command(command.__name__)(run)


for each_command in COMMANDS:
    attach(app, each_command, project_of_options)


def main() -> None:
    """Run the command line; an expected error is one line and an exit code, not a traceback."""
    interrupts.remember()
    try:
        app()
    except GatesError as error:
        show_error(error)
        raise SystemExit(error.exit_code) from None
