"""Who runs this, and with which command: a person at a terminal, or a task of Airflow."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

UNKNOWN = "unknown"
_PROGRAM = "training-pipeline"


def user() -> str:
    """Return the name of the user; the number where a container's user has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def decided_by() -> str:
    """Return the user, and the Airflow run if there is one."""
    run = os.environ.get("AIRFLOW_CTX_DAG_RUN_ID")
    return f"{user()} (Airflow {os.environ.get('AIRFLOW_CTX_DAG_ID', UNKNOWN)} {run})" if run else user()


def command(name: str) -> str:
    """Return the command line of this process, or its Airflow task.

    Parameters
    ----------
    name : str
        What to call it where it is neither.
    """
    if task := os.environ.get("AIRFLOW_CTX_TASK_ID"):
        return f"Airflow task {task}"
    if Path(sys.argv[0]).name == _PROGRAM:
        return " ".join([_PROGRAM, *sys.argv[1:]])
    return f"{_PROGRAM} {name}"
