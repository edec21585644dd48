"""Asking again: how often, after which pauses, and for how long at most."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx

from model_code.errors import NotReady
from services.client.errors import LATER, Refused, Unavailable

T = TypeVar("T")
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True)
class Patience:
    """How a question is asked again.

    Attributes:
        attempts: How often it is asked at most.
        seconds: Pauses take no longer than this, all together.
    """

    attempts: int
    seconds: float

    def ask(self, once: Callable[[], T], address: str) -> T:
        """The first answer.

        Args:
            once: Asks once. Whatever it asks must be safe to ask twice.
            address: Whom, for the error's words.

        Raises:
            Refused: The question is wrong; it is not asked again, unless there were too many of them.
            Unavailable: The service cannot answer, and patience is at its end.
            NotReady: There is no connection, and patience is at its end.
        """
        left = self.seconds
        for attempt in range(1, max(1, self.attempts) + 1):
            try:
                return once()
            except httpx.TransportError as error:
                failure: httpx.TransportError | Refused | Unavailable = error
            except (Refused, Unavailable) as error:
                if error.problem.status not in LATER:
                    raise
                failure = error
            pause = max(_pause(attempt), getattr(failure, "retry_after", None) or 0.0)
            if attempt >= self.attempts or pause > left:
                break
            left -= pause
            time.sleep(pause)
        if isinstance(failure, httpx.TransportError):
            raise NotReady(
                f"no answer from {address} in {attempt} attempts: {failure!r}",
                hint="is the service running? `make status` tells",
            ) from failure
        raise failure


def _pause(attempt: int) -> float:
    """Twice as long each time; a part is left to chance, so that callers that failed together do not come back together."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
