"""Keeps records by committing them to the store: what gathers while one commit runs is the next one."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from model_code.errors import EvenkeelError, StoreError
from model_code.kept.record import Kept, encode
from services.keeping.keeper import KeeperStanding, SpoolFull
from services.keeping.open_sink import open_sink
from services.keeping.sink import RowRefused, Sink
from services.keeping.sorting import Sorting

if TYPE_CHECKING:
    from model_code.prediction import Prediction

QUEUE_BYTES = 32 << 20  # of records that wait for a commit; more would be answered too late anyway
COMMIT_BYTES = 4 << 20  # in one commit
PROBE_SECONDS = 1.0  # while the store is down and nobody asks
SILENT_SECONDS = 10.0  # a commit takes milliseconds: a store that has not answered by then gets no more
CLOSE_SECONDS = 10.0
logger = logging.getLogger("bentoml.evenkeel")  # below the logger that the server writes to its log


class StoreKeeper:
    """Keeps records in the store itself, by group commits of one thread; nothing is kept locally.

    Args:
        url: The store's SQL URL.
        opened: Gives the sink of a URL.
        silent_seconds: So long a commit may take; then no more is taken until it ends, and readiness says so.
    """

    def __init__(self, url: str, opened: Callable[[str], Sink] = open_sink, *, silent_seconds: float = SILENT_SECONDS) -> None:
        self._sink = opened(url)
        self._silent_seconds = silent_seconds
        self._committing: float | None = None
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._taken: list[_Waiting] = []
        self._changed = threading.Condition()
        self._closed = ""
        self._down_since: datetime | None = None
        self._error = ""
        self._committer = threading.Thread(target=self._commit_all, name="committer", daemon=True)
        self._committer.start()

    def keep(self, record: Kept) -> Future[None]:
        """Queue the record; the future resolves once it is committed, see `Keeper`."""
        item = _Waiting(encode(record))
        with self._changed:
            if self._closed:
                raise SpoolFull(self._closed, hint="ask another one")
            if silent := self._silent():
                raise SpoolFull(f"the store has not answered for {silent:.0f} s", hint="is the database overloaded, or frozen?")
            if self._bytes + len(item.message) > QUEUE_BYTES:
                raise SpoolFull("too much waits for the store", hint="is the store overloaded?", retry_after=1.0)
            self._waiting.append(item)
            self._bytes += len(item.message)
            self._changed.notify()
        return item.future

    def find(self, usecase: str, request_id: str) -> list[Prediction]:
        """Nothing: what is acknowledged is in the store."""
        return []

    @property
    def standing(self) -> KeeperStanding:
        """How the keeping goes."""
        with self._changed:
            oldest = self._waiting[0].since if self._waiting else None
            down_since, error = self._down_since, self._error
            if silent := self._silent():
                down_since, error = datetime.now(UTC) - timedelta(seconds=silent), f"no answer for {silent:.0f} s"
            return KeeperStanding(
                pending_bytes=self._bytes,
                oldest_seconds=0.0 if oldest is None else time.monotonic() - oldest,
                refusing=f"the store takes no records: {error}" if down_since else "",
                store_down_since=down_since,
                error=error,
            )

    def close(self) -> None:
        """Take no more, and commit what waits; see `Keeper`."""
        with self._changed:
            self._closed = self._closed or "the service ends"
            self._changed.notify()
        self._committer.join(CLOSE_SECONDS)

    def _commit_all(self) -> None:
        try:
            while self._take():
                self._committing = time.monotonic()
                self._commit(self._taken)
                self._committing = None
        except BaseException as error:
            self._give_up(error)
            raise
        finally:
            self._sink.close()

    def _take(self) -> bool:
        """Wait for the next batch, which is empty where it is time to ask whether the store is back; False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting or self._closed), PROBE_SECONDS if self._down_since else None)
            self._taken = self._batch()
            return bool(self._taken) or not self._closed

    def _batch(self) -> list[_Waiting]:
        """What goes into the next commit. Under the lock."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].message) <= COMMIT_BYTES):
            batch.append(self._waiting.popleft())
            size += len(batch[-1].message)
        self._bytes -= size
        return batch

    def _commit(self, batch: list[_Waiting]) -> None:
        """Commit the batch, or find out whether the store is back when it is empty; tell who waits."""
        try:
            sorting = Sorting(each.message for each in batch)
            self._sink.add(sorting.rows(), sorting.blocks())
        except (RowRefused, ValueError) as error:
            if len(batch) > 1:  # the one that the store takes never must not fail the others
                for each in batch:
                    self._commit([each])
                return
            _tell(batch, StoreError(f"the store refuses the record: {error}", hint="this is a defect of the service"))
        except StoreError as error:
            self._is_down(error.message)
            _tell(batch, error)
        except Exception as error:  # whatever a driver does, requests wait for this thread
            logger.exception("predictions could not be committed")
            self._is_down(f"unexpected: {error!r}")
            _tell(batch, StoreError(self._error, hint="the service's log tells where"))
            self._disconnect()
        else:
            self._down_since, self._error = None, ""
            _tell(batch, None)

    def _silent(self) -> float:
        """Seconds that the commit under way has taken, where that is too long; else 0."""
        began = self._committing
        taken = 0.0 if began is None else time.monotonic() - began
        return taken if taken > self._silent_seconds else 0.0

    def _is_down(self, error: str) -> None:
        self._down_since, self._error = self._down_since or datetime.now(UTC), error

    def _disconnect(self) -> None:
        """Nobody knows in what state the connection is: the next commit makes a new one."""
        try:
            self._sink.close()
        except Exception:
            logger.exception("the store's connection could not be closed")

    def _give_up(self, error: BaseException) -> None:
        """Nothing will be committed any more: refuse what comes, and what waits."""
        with self._changed:
            self._closed = f"predictions are committed no more: {error!r}"
            self._is_down(self._closed)
            left = [each for each in (*self._taken, *self._waiting) if not each.future.done()]
            self._waiting.clear()
            self._bytes = 0
        logger.critical("%s", self._closed)
        _tell(left, StoreError(self._closed, hint="start the service again"))


class _Waiting:
    """A record and whoever waits for it."""

    __slots__ = ("future", "message", "since")

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.future: Future[None] = Future()
        self.since = time.monotonic()


def _tell(batch: list[_Waiting], error: EvenkeelError | None) -> None:
    for each in batch:
        if not each.future.set_running_or_notify_cancel():
            continue  # its caller left
        if error is None:
            each.future.set_result(None)
        else:
            each.future.set_exception(error)
