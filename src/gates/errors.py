"""What ends a command early, for a reason that is not a verdict."""

from __future__ import annotations


class GatesError(Exception):
    """Something is wrong that is not a verdict: bad input, a server down, SQL that does not run (exit code 1).

    The message is written for the person who reads it: the thing, the rule, the value received, what to do.
    """

    exit_code = 1
