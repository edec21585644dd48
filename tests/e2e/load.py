"""A light load through the ingress that remembers which requests were answered, by what, and which were not."""

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx


@dataclass
class Load:
    """One caller that asks again and again until the block ends; a refusal or a lost connection is a failure.

    Args:
        ask: Sends one request with the given id.
        pause: Seconds between two requests.

    Attributes:
        answered: Request id -> (when, seconds of a monotonic clock; bundle that answered).
        failed: What went wrong.
    """

    ask: Any
    pause: float = 0.02
    answered: dict[str, tuple[float, str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()

    def bundles(self) -> set[str]:
        """Every bundle that answered."""
        return {bundle for _, bundle in self.answered.values()}

    def first(self, bundle: str) -> float:
        """When the first answer by that bundle came."""
        return min(at for at, by in self.answered.values() if by == bundle)

    def _run(self) -> None:
        while not self._end.wait(self.pause):
            request = str(uuid4())
            try:
                response = self.ask(request)
            except httpx.TransportError as error:
                self.failed.append(repr(error))
                continue
            if response.status_code == 200:
                self.answered[request] = (time.monotonic(), response.json()["bundle"])
            else:
                self.failed.append(f"{response.status_code} {response.text[:300]}")
