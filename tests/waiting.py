"""Waiting in a test for what another thread or process does."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")
PATIENCE = 60.0  # seconds; a busy machine is slow


def until(ask: Callable[[], Answer], poll: float = 0.02, *, seconds: float = PATIENCE) -> Answer:
    """What `ask` answers as soon as it is true, asked every `poll` seconds.

    Raises:
        AssertionError: It is not within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"waited for {seconds:g} s in vain"
        time.sleep(poll)
    return answer
