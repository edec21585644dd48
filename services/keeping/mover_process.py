"""Sees to it that a mover empties the spool: starts one where none is, and again when it died."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from services.keeping.mover import LOCK
from services.keeping.sink import program_environment

SLOWEST_SECONDS = 10.0  # between two starts of a mover that dies at once
FIRST_SECONDS = 0.5


class MoverProcess:
    """The mover that this process started, if it is the one that started it.

    Args:
        folder: The spool.
        url: The store's SQL URL.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self._process: subprocess.Popen[bytes] | None = None
        self._pause = FIRST_SECONDS
        self._started = -SLOWEST_SECONDS

    @property
    def pid(self) -> int | None:
        """Process id of this process's own mover; None where it has none."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    def ensure(self, now: float) -> None:
        """Start a mover unless one is at work.

        Args:
            now: Monotonic seconds.

        Raises:
            OSError: It cannot be started.
        """
        if self.pid is not None or now < self._started + self._pause or _is_locked(self._folder / LOCK):
            return
        # One that lived for a while may be replaced at once.
        self._pause = FIRST_SECONDS if now > self._started + SLOWEST_SECONDS * 2 else min(self._pause * 2, SLOWEST_SECONDS)
        self._started = now
        self._forget()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.keeping.mover", "--spool", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=program_environment(self._url),
            start_new_session=True,  # what ends the service's group must not end the mover before it moved all
        )

    def release(self, seconds: float) -> None:
        """Let it end: it moves what is there, unless the store is down; waited for at most so many seconds."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            return  # it goes on by itself
        self._process = None

    def _forget(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()


def _is_locked(path: Path) -> bool:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
