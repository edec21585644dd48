"""People asking: a steady trickle of questions to the endpoint while releases and rollbacks happen."""

import threading
import time
from types import TracebackType
from typing import Self

from model_code.errors import EvenkeelError
from services.client import ForecastClient

PAUSE_SECONDS = 0.4
MOST_QUESTIONS = 600


class Asker:
    """Asks again and again in a thread until it is left; counts what failed."""

    def __init__(self, url: str, origin: object) -> None:
        self._url, self._origin = url, origin
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.asked = 0
        self.failed = 0
        self.bundles: list[tuple[float, str]] = []

    def __enter__(self) -> Self:
        """Begin to ask."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop asking."""
        self._done.set()
        self._thread.join()

    def answered_by(self, bundle: str, since: float, seconds: float = 15.0) -> float | None:
        """Monotonic time of the first answer by `bundle` after `since`; None if there is none in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [moment for moment, hash_ in list(self.bundles) if hash_ == bundle and moment >= since]
            if found:
                return found[0]
            time.sleep(0.05)
        return None

    def _ask(self) -> None:
        with ForecastClient(self._url, attempts=1, timeout=10.0) as client:
            while not self._done.is_set() and self.asked < MOST_QUESTIONS:
                self.asked += 1
                try:
                    answer = client.forecast(origin=self._origin, asked_by="people")  # type: ignore[arg-type]
                    self.bundles.append((time.monotonic(), answer.bundle))
                except EvenkeelError:
                    self.failed += 1
                self._done.wait(PAUSE_SECONDS)
