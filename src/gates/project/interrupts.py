"""Ctrl-C ends a command also where a library in C drops the exception, as psycopg2 does while it decodes a notice."""

from __future__ import annotations

import signal
import sys
from types import FrameType


class _Interrupts:
    pending = False


def remember() -> None:
    """From now on keep in mind that Ctrl-C was pressed. To be called in the main thread."""
    # Otherwise somebody ignores interrupts, or has a handler.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)


def raise_pending() -> None:
    """Raise KeyboardInterrupt where one was dropped; not while an exception is handled, so that what cleans up can end."""
    if _Interrupts.pending and sys.exc_info()[0] is None:
        _Interrupts.pending = False
        raise KeyboardInterrupt


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    _Interrupts.pending = True
    raise KeyboardInterrupt
