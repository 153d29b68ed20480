"""The two ways in which the pipeline ends early; the command line maps them to exit codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gates.errors import GatesError
from gates.text import escaped


class PipelineError(GatesError):
    """Something is wrong that is not a verdict: bad input, a server down, a crashed step (exit code 1).

    Control characters in the message are escaped, line breaks kept.
    """

    def __init__(self, message: str) -> None:
        super().__init__("\n".join(escaped(line) for line in message.split("\n")))


class GateStopped(PipelineError):
    """A gate, or the absence of its proof, stopped the run (exit code 3).

    Parameters
    ----------
    message : str
        What stopped, in one sentence.
    evidence : sequence of mapping
        The ledger rows behind the decision; empty when the proof itself is what is missing.
    """

    exit_code = 3

    def __init__(self, message: str, evidence: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.evidence: list[dict[str, Any]] = [dict(row) for row in evidence]
