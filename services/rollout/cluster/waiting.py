"""Waiting until nothing is pending any more in a cluster."""

import time
from collections.abc import Callable
from typing import TypeVar

POLL_SECONDS = 0.5
Pending = TypeVar("Pending")


def pending_after(ask: Callable[[], Pending], seconds: float) -> Pending:
    """What is pending still when the time is over; something empty as soon as nothing is.

    Args:
        ask: What is pending now.
        seconds: How long to go on asking.
    """
    deadline = time.monotonic() + seconds
    while (pending := ask()) and time.monotonic() <= deadline:
        time.sleep(POLL_SECONDS)
    return pending
