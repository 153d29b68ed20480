"""Where results and notices go: results to stdout, so that they can be kept in a file, everything else to stderr."""

from __future__ import annotations

import os
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

LOG_WIDTH = 160  # columns where output is no terminal, of which rich supposes that it has 80

Advance = Callable[[str, int, int], None]


def _console(*, stderr: bool = False) -> Console:
    made = Console(highlight=False, stderr=stderr)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = LOG_WIDTH
    return made


console, notices = _console(), _console(stderr=True)


def progress_bar(shown_on: Console) -> Progress:
    """Return the bars that show how far each step is."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=shown_on)


@contextmanager
def advancing(what: str) -> Iterator[Advance]:
    """Show on stderr how many of some things are done; yields what to call with (what, done, total)."""
    with progress_bar(notices) as progress:
        task = progress.add_task(what, total=None)
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total)


def show_error(error: Exception) -> None:
    """Print an error on stderr."""
    notices.print(Text(str(error), style="bold red"), soft_wrap=True)
