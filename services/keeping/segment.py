"""A writer's open file of the spool: appended to by one process, sealed when it is old or large, then the mover's."""

import errno
import fcntl
import itertools
import os
import time
from pathlib import Path

OPEN, READY, NEW = ".open", ".ready", ".new"
_numbers = itertools.count()


class Segment:
    """An open segment; its owner holds a lock on it, which the system frees when the owner dies.

    Args:
        folder: The spool.

    Attributes:
        path: Where it lies now.
        size: Bytes of whole frames in it.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(_numbers)}"
        made = folder / (name + NEW)
        self.owner = os.getpid()
        self.size = 0
        self._first: float | None = None
        self._file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        # Locked before it has the name that movers look for: an open segment without a lock has a dead owner.
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.path = folder / (name + OPEN)
        os.rename(made, self.path)

    def age(self, now: float) -> float:
        """Seconds from its first record until `now` (monotonic); 0 while it is empty."""
        return 0.0 if self._first is None else now - self._first

    def write(self, *parts: bytes) -> None:
        """Append a frame, whole or not at all; it may be given in parts.

        Raises:
            OSError: The disk is full, or the file cannot be written.
        """
        try:
            written = os.writev(self._file, parts)
            if written != sum(map(len, parts)):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        self.size += written
        if self._first is None:
            self._first = time.monotonic()

    def close(self) -> None:
        """Seal it for the mover, or remove it where it is empty."""
        try:
            if self.size:
                os.rename(self.path, self.path.with_suffix(READY))
            else:
                os.unlink(self.path)
        finally:
            os.close(self._file)  # only now: before the rename, a mover would take us for dead
