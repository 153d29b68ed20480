"""Start the command `training-pipeline`, or say in one line which part of the package it needs."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; where only the gates are installed, exit with 1 and the line that installs the rest."""
    try:
        from training_pipeline.cli import main as command
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("gates", "training_pipeline"):
            raise
        sys.exit(
            f"training-pipeline: the package {error.name!r} is not installed. The pipeline is an extra of"
            " the package: pip install 'dbt-gates[pipeline]'"
        )
    command()
