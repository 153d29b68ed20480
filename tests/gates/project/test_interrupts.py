"""An interrupt that a library drops is raised at the next statement, and leaves what cleans up alone."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from gates.project import interrupts


@pytest.fixture
def dropped() -> Iterator[None]:
    """Ctrl-C was pressed, and somebody has swallowed the exception."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.remember()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("dropped")
def test_it_is_raised_once_and_not_while_an_exception_is_handled() -> None:
    try:
        raise ValueError
    except ValueError:
        interrupts.raise_pending()
    with pytest.raises(KeyboardInterrupt):
        interrupts.raise_pending()
    interrupts.raise_pending()


def test_a_process_that_ignores_interrupts_still_does() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupts.remember()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
