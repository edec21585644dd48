"""Several workers on one socket: started together, started again when one dies, ended together."""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from types import FrameType

from services.forecaster.parent import PARENT

WORKER_SOCKET = "FORECASTER_SOCKET"  # number of the inherited socket; only a supervisor sets it
POLL_SECONDS = 0.1
RESTART_SECONDS = 1.0  # a worker that dies at once is not started a hundred times a second
logger = logging.getLogger("bentoml.evenkeel")


class Supervisor:
    """Keeps `workers` processes of the same command on one listening socket.

    Args:
        listening: The socket; connections wait in it while a worker is started again.
        workers: How many.
        end_seconds: How long they have to end before they are killed.
    """

    def __init__(self, listening: socket.socket, workers: int, end_seconds: float) -> None:
        self._listening = listening
        self._end_seconds = end_seconds
        self._workers: list[subprocess.Popen[bytes] | None] = [None] * workers
        self._started = [0.0] * workers
        self._ending = False

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT; the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        # prometheus_client adds up what the workers count in the files of this folder.
        with tempfile.TemporaryDirectory(prefix="forecaster-metrics-") as folder:
            told = {WORKER_SOCKET: str(self._listening.fileno()), PARENT: str(os.getpid())}
            environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder, **told}
            while not self._ending:
                self._start_missing(environment)
                time.sleep(POLL_SECONDS)
            self._wait()
        return 0

    def _start_missing(self, environment: dict[str, str]) -> None:
        for place, worker in enumerate(self._workers):
            if worker is not None and worker.poll() is None:
                continue
            if worker is not None:
                self._forget(worker, environment["PROMETHEUS_MULTIPROC_DIR"])
                self._workers[place] = None
            if time.monotonic() - self._started[place] >= RESTART_SECONDS and not self._ending:
                self._started[place] = time.monotonic()
                self._workers[place] = subprocess.Popen(
                    [sys.executable, "-m", "services.forecaster"], env=environment, pass_fds=[self._listening.fileno()]
                )

    def _forget(self, worker: "subprocess.Popen[bytes]", folder: str) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        logger.error("worker %d ended with status %s and is started again", worker.pid, worker.returncode)
        mark_process_dead(worker.pid, folder)  # type: ignore[no-untyped-call]

    def _end(self, _signal: int, _frame: FrameType | None) -> None:
        self._ending = True
        for worker in self._workers:
            if worker is not None and worker.poll() is None:
                worker.terminate()

    def _wait(self) -> None:
        deadline = time.monotonic() + self._end_seconds
        for worker in filter(None, self._workers):
            try:
                worker.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
