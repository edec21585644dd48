"""Keeps a record by one write to a file of the spool; a mover of its own process brings it to the store."""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from model_code.errors import InvalidRequest, StoreError
from model_code.kept.frames import header
from model_code.kept.record import Kept, encode
from services.keeping.keeper import KeeperStanding, SpoolFull
from services.keeping.mover_process import MoverProcess
from services.keeping.mover_report import StoreState, read_report
from services.keeping.segment import Segment
from services.keeping.spool_folder import SpoolFolder

if TYPE_CHECKING:
    from model_code.prediction import Prediction

SEGMENT_BYTES = 4 << 20  # sealed when it is so large …
SEGMENT_SECONDS = 0.5  # … or so old: that late a prediction comes into the store
MANY_SEGMENTS = 64  # while so many wait, the store is down: fewer and larger files serve better
SLOW_SEGMENT_SECONDS = 30.0
LOOK_SECONDS = 0.25
CLOSE_SECONDS = 10.0
FREE_SHARE = 0.1  # so much of the bound must be free before records are taken again
PROBE_BYTES = 1 << 20  # so much must fit on the disk before records are taken again
HINT = "is the store up, and does the mover run? What waits is safe; see docs/keeping.md"


class SpoolKeeper:
    """Keeps records in a spool on a local disk or volume, at most `bound` bytes of them.

    Args:
        path: Folder of the spool; workers and services of one installation may share it.
        url: The store's SQL URL, for the mover.
        bound: Most bytes that may wait.

    Raises:
        StoreError: The folder cannot be made or written.
    """

    def __init__(self, path: Path, url: str, *, bound: int) -> None:
        try:
            self._folder = SpoolFolder(path.resolve())
            self._segment: Segment | None = Segment(self._folder.path)
            self._survey = self._folder.survey()
        except OSError as error:
            raise StoreError(f"spool {path}: {error}", hint="EVENKEEL_SPOOL_FOLDER must be writable") from error
        self._bound = bound
        self._lock = threading.Lock()
        self._refusing = ""
        self._disk_failed = False
        self._room = bound - self._survey.pending_bytes
        self._written = 0
        self._store = StoreState()
        self._mover = MoverProcess(self._folder.path, url)
        self._closing = threading.Event()
        self._watch = threading.Thread(target=self._watched, name="spool", daemon=True)
        self._watch.start()
        _forbid_in_children(self)

    def keep(self, record: Kept) -> None:
        """Write the record to this process's segment, see `Keeper`; on return it outlives this process."""
        message = encode(record)
        head = header(message)
        size = len(head) + len(message)
        if size > self._bound:
            raise InvalidRequest(f"a record of {size} bytes does not fit the spool", hint="keep a batch in smaller chunks")
        with self._lock:
            if self._refusing or size > self._room:
                raise self._refusal(self._refusing or f"{self._bound} bytes wait in the spool, which is its bound")
            try:
                self._writable().write(head, message)
            except OSError as error:
                self._disk_failed = True
                self._seal()
                raise self._refusal(f"the spool cannot be written: {error}") from error
            self._room -= size
            self._written += size

    def find(self, usecase: str, request_id: str) -> list[Prediction]:
        """What waits here of a request, of any worker alive or dead; see `Keeper`."""
        from model_code.kept.predictions_of import predictions_of

        return predictions_of(self._folder.records_of(usecase, request_id))

    @property
    def standing(self) -> KeeperStanding:
        """How the keeping goes, as of the last look."""
        survey, store = self._survey, self._store
        return KeeperStanding(
            pending_bytes=self._bound - self._room,
            oldest_seconds=0.0 if survey.oldest is None else max(0.0, time.time() - survey.oldest),
            refusing=self._refusing,
            store_down_since=None if store.down_since is None else datetime.fromtimestamp(store.down_since, UTC),
            error=store.error,
            set_aside=survey.set_aside,
        )

    def close(self) -> None:
        """Take no more, and wait some seconds until the store has what was kept; see `Keeper`."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._watch.join()
        with self._lock:
            self._refusing = "the service ends"
            self._seal()
        until = time.monotonic() + CLOSE_SECONDS
        self._mover.ensure(time.monotonic())  # where it died just now
        self._mover.release(CLOSE_SECONDS)
        # The mover at work may be another worker's.
        while self._has_own_segments() and read_report(self._folder.path).down_since is None and time.monotonic() < until:
            time.sleep(0.05)

    def _refusal(self, reason: str) -> SpoolFull:
        if not self._refusing:
            self._refusing = reason
            print(f"evenkeel spool: no records are taken: {reason}", file=sys.stderr, flush=True)
        return SpoolFull(reason, hint=HINT)

    def _writable(self) -> Segment:
        """The segment to write to: a new one where the old one is large enough. Under the lock."""
        segment = self._segment
        if segment is None or segment.size >= SEGMENT_BYTES:
            self._segment = Segment(self._folder.path)
            if segment is not None:
                segment.close()
        assert self._segment is not None
        return self._segment

    def _seal(self) -> None:
        """Leave the present segment to the mover. Under the lock."""
        segment, self._segment = self._segment, None
        if segment is not None:
            try:
                segment.close()
            except OSError as error:
                print(f"evenkeel spool: {segment.path}: {error}", file=sys.stderr, flush=True)

    def _watched(self) -> None:
        while True:
            try:
                self._look()
            except OSError as error:
                with self._lock:
                    self._disk_failed = True
                    self._seal()
                    self._refusal(f"the spool cannot be used: {error}")
            if self._closing.wait(LOOK_SECONDS):
                return

    def _look(self) -> None:
        """Seal what is old, measure, take records again where there is room again, see that there is a mover."""
        if self._disk_failed:
            self._folder = SpoolFolder(self._folder.path)  # somebody may have removed it
            _probe(self._folder.path)
        written = self._written
        self._survey = survey = self._folder.survey()
        self._seal_old(SEGMENT_SECONDS if len(survey.segments) < MANY_SEGMENTS else SLOW_SEGMENT_SECONDS)
        self._store = read_report(self._folder.path)
        with self._lock:
            self._disk_failed = False
            # What was written since the survey began may not be in it.
            self._room = self._bound - survey.pending_bytes - (self._written - written)
            if self._refusing and self._room >= self._bound * FREE_SHARE:
                self._refusing = ""
                print("evenkeel spool: records are taken again", file=sys.stderr, flush=True)
        try:
            self._mover.ensure(time.monotonic())
        except OSError as error:  # no reason to refuse records: they wait, up to the bound
            print(f"evenkeel spool: no mover can be started: {error}", file=sys.stderr, flush=True)

    def _seal_old(self, seconds: float) -> None:
        segment = self._segment
        if segment is None or segment.age(time.monotonic()) < seconds:
            return
        following = Segment(self._folder.path)  # made before the lock is taken, for answers wait for it
        with self._lock:
            if self._segment is segment:
                self._segment, following = following, segment
        following.close()

    def _has_own_segments(self) -> bool:
        return any(f"-{os.getpid()}-" in path.name for path in self._folder.survey().segments)


def _probe(folder: Path) -> None:
    """Raises OSError unless the disk has room for a little."""
    path = folder / f"probe-{os.getpid()}"
    try:
        path.write_bytes(bytes(PROBE_BYTES))
    finally:
        path.unlink(missing_ok=True)


def _forbid_in_children(keeper: SpoolKeeper) -> None:
    """A forked child must not write to its parent's segment, which the parent may seal at any moment."""
    weak = weakref.ref(keeper)

    def forbid() -> None:
        inherited = weak()
        if inherited is not None:
            inherited._lock = threading.Lock()
            inherited._refusing = "this process was forked from the one that opened the spool"
            inherited._segment = None

    os.register_at_fork(after_in_child=forbid)
