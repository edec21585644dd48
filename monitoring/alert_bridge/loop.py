"""A thread that works through what is due, again and again, whatever goes wrong in a round."""

import logging
import threading
from collections.abc import Callable

LOG = logging.getLogger("evenkeel.bridge")


class Loop:
    """One part of the bridge at work.

    Args:
        name: Of its thread.
        work: One round; how many things were done, where 0 is followed by a pause.
        pause_seconds: Longest wait between two rounds; `wake` ends it.
    """

    def __init__(self, name: str, work: Callable[[], int], pause_seconds: float) -> None:
        self.name = name
        self._work = work
        self._pause_seconds = pause_seconds
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def wake(self) -> None:
        """Something new is due."""
        self._wake.set()

    def stop(self) -> None:
        """End after what is under way; what is left falls due again when the next one starts."""
        self._stopped.set()
        self._wake.set()
        self._thread.join()

    @property
    def works(self) -> bool:
        """Whether its thread is alive."""
        return self._thread.is_alive()

    @property
    def ends(self) -> bool:
        """Whether it is to end: a long round asks."""
        return self._stopped.is_set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                worked = self._work()
            except Exception:  # a thread that ended would do nothing more, and say nothing of it
                LOG.exception("the %s could not work as it should; trying again", self.name)
                worked = 0
            if not worked:
                self._wake.wait(self._pause_seconds)
                self._wake.clear()
