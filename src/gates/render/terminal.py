"""The consoles: results go to stdout, so that they can be kept in a file, and everything else goes to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

LOG_WIDTH = 160  # columns where output is no terminal; rich would take 80

Advance = Callable[[str, int, int], None]


def _console(*, stderr: bool = False) -> Console:
    made = Console(highlight=False, stderr=stderr)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = LOG_WIDTH
    return made


console, notices = _console(), _console(stderr=True)


@contextmanager
def bars(shown: bool = True) -> Iterator[Callable[[str, int, int | None, str], None]]:
    """Show a bar for each task on stderr where that is a terminal, and nothing elsewhere.

    Yields
    ------
    callable
        Takes the name of a task, how much is done, of how much (None where that is unknown), and what it works on.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    tasks = {}
    disable = not (shown and sys.stderr.isatty())
    with Progress(*columns, console=notices, disable=disable, transient=True) as progress:

        def advance(name: str, done: int, total: int | None, what: str = "") -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done, total=total, description=f"{name} {what}".rstrip())

        yield advance


@contextmanager
def advancing(name: str) -> Iterator[Advance]:
    """Show how many steps are done; yields a function of (name of the step, done, total)."""
    with bars() as advance:
        yield lambda what, done, total: advance(name, done, total, what)


def show_error(error: Exception) -> None:
    """Print an error on stderr."""
    notices.print(Text(str(error), style="bold red"), soft_wrap=True)
