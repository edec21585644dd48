"""One pod watched from beside: when its counter of predictions grew the last time, and whether it is gone."""

import re
import threading
import time
from types import TracebackType
from typing import Self

import httpx

PORT = 3000
POLL = 0.05
REFUSALS = 5
COUNTED = re.compile(r"^evenkeel_service_predictions_total\{[^}]*\} (\S+)$", re.MULTILINE)


class Answering:
    """A pod's answers, counted by itself, which tell one image's pods from another's where the model is the same.

    Args:
        address: IP of the pod, reached from this machine.

    Attributes:
        answered: Whether it has answered since it is watched.
        gone: Whether it can be reached no more.
        last: When its count was seen to grow the last time, seconds of a monotonic clock.
    """

    def __init__(self, address: str) -> None:
        self.answered, self.gone, self.last = False, False, 0.0
        self._client = httpx.Client(base_url=f"http://{address}:{PORT}", timeout=2)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()
        self._client.close()

    def _watch(self) -> None:
        count, refused = self._count(), 0
        while not self._end.wait(POLL) and refused < REFUSALS:
            try:
                found = self._count()
            except httpx.TransportError:
                refused += 1
                continue
            if found > count:
                count, self.last, self.answered = found, time.monotonic(), True
        self.gone = refused >= REFUSALS

    def _count(self) -> float:
        return sum(map(float, COUNTED.findall(self._client.get("/metrics").text)))
