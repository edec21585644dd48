"""Whether a table has a newer version, asked cheaply enough to ask for every request."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class TableState:
    """A table's version, and which file it is: a table that was removed and made anew counts from 0 again.

    Attributes:
        version: As Delta counts.
        commit: What tells that version's commit from any other file; None for a bucket.
    """

    version: int
    commit: tuple[int, int] | None


@dataclass
class TableWatch:
    """The latest state of one Delta table.

    A folder is looked at for every call: its next commit is a file with a known name. A bucket is asked at most once
    in `recheck_seconds`, since each question is a listing over the network.

    Args:
        log: Folder of the table's commits; None for a bucket.
        ask: Opens the table and tells its version.
        recheck_seconds: How long a bucket's answer holds.
    """

    log: Path | None
    ask: Callable[[], int]
    recheck_seconds: float
    _state: TableState | None = None
    _asked: float = field(default=float("-inf"))

    def state(self) -> TableState:
        """The state now, or of at most `recheck_seconds` ago for a bucket.

        Raises:
            TooLittleData: There is no table (any more).
            StoreError: It cannot be read.
        """
        if self._state is None or not self._holds(self._state):
            version = self.ask()
            self._state, self._asked = TableState(version, self._commit(version)), time.monotonic()
        return self._state

    def _holds(self, state: TableState) -> bool:
        if self.log is None:
            return time.monotonic() - self._asked < self.recheck_seconds
        unchanged = state.commit is not None and self._commit(state.version) == state.commit
        return unchanged and self._commit(state.version + 1) is None

    def _commit(self, version: int) -> tuple[int, int] | None:
        if self.log is None:
            return None
        try:
            found = os.stat(self.log / f"{version:020}.json")
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns
