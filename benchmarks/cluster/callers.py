"""Callers who ask without end, with ids that they know: what failed, what is lost, who answered until when."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.cluster.ground import Ground
from tests.e2e.cluster import until
from tests.e2e.load import Load

CALLERS = 2
PAUSE = 0.03
STORED_SECONDS = 120.0


@dataclass
class Callers:
    """Some loads together.

    Attributes:
        loads: One for each caller.
    """

    loads: list[Load]

    @property
    def answered(self) -> dict[str, tuple[float, str]]:
        """Request id -> when, and by which bundle."""
        return {request: told for load in self.loads for request, told in load.answered.copy().items()}

    @property
    def failed(self) -> list[str]:
        """What went wrong."""
        return [each for load in self.loads for each in load.failed]

    def last(self, bundle: str, since: float) -> float:
        """Seconds from then until the last answer by that bundle; 0 where none came any more."""
        return max((at - since for at, by in self.answered.values() if by == bundle), default=0.0)

    def heard(self, bundle: str, since: float, seconds: float = 180.0) -> None:
        """Wait for an answer by that bundle."""
        until(lambda: self.last(bundle, since) > 0, f"an answer by {bundle[:12]}", seconds=seconds)

    def quiet(self, bundle: str, since: float, calm: float = 3.0, seconds: float = 180.0) -> float:
        """Wait until no answer by that bundle has come for `calm` seconds; when the last one came, seconds from `since`."""
        until(lambda: time.monotonic() - since - self.last(bundle, since) > calm, f"silence of {bundle[:12]}", seconds=seconds)
        return self.last(bundle, since)


@contextmanager
def calling(ground: Ground, callers: int = CALLERS, pause: float = PAUSE) -> Iterator[Callers]:
    """Callers through the ingress, for as long as the block lasts."""
    with ExitStack() as stack:
        found = Callers([stack.enter_context(Load(ground.installed.ask, pause)) for _ in range(callers)])
        until(lambda: len(found.answered) > 10, "a load")
        yield found


def lost(ground: Ground, requests: set[str]) -> int:
    """How many of these acknowledged requests have no prediction in PostgreSQL, once the spools had time to empty."""
    deadline = time.monotonic() + STORED_SECONDS
    while (left := requests - ground.installed.stored(requests)) and time.monotonic() < deadline:
        time.sleep(2.0)
    return len(left)
