"""Accepted incidents: days that a person has marked, with a reason, so that no gate takes them for a reference."""

from __future__ import annotations

import datetime as dt
import getpass

from gates.errors import GatesError
from gates.project import dbt
from gates.project.config import Project


def accept(project: Project, day: dt.date, note: str) -> None:
    """Mark a day: from now on it is no gate's reference. Its own verdicts stay what they were.

    Raises
    ------
    GatesError
        When the note is empty, the day lies in the future, or the ledger cannot be written.
    """
    if not note.strip():
        raise GatesError("--note must say why the day is accepted as it is, received nothing")
    if day > dt.datetime.now(dt.UTC).date():
        raise GatesError(
            f"{day} has not happened yet: a day that is known beforehand belongs into the calendar"
            " (the variable gates_calendar)"
        )
    dbt.parse(project)  # says it where the project does not use the package
    dbt.run_operation(project, "gates.accept_day", {"day": str(day), "note": note, "who": getpass.getuser()})
