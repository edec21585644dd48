"""Moves segments of the spool into the store: one at a time, and a file goes only after its rows are committed."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from model_code.kept.frames import Frames, frame
from services.keeping.sink import RowRefused, Sink
from services.keeping.sorting import Sorting
from services.keeping.spool_folder import DAMAGED, REFUSED, SpoolFolder


@dataclass
class Moved:
    """What was moved since the start.

    Attributes:
        segments: Files done with.
        rows: Predictions that were new to the store.
        damaged: Files set aside because some bytes could not be read.
        refused: Records set aside because the store takes them never.
    """

    segments: int = 0
    rows: int = 0
    damaged: int = 0
    refused: int = 0


class Moving:
    """Empties a spool into a sink.

    Args:
        folder: The spool.
        sink: Where the rows go.
    """

    def __init__(self, folder: SpoolFolder, sink: Sink) -> None:
        self._folder = folder
        self._sink = sink
        self.moved = Moved()

    def move_all(self) -> int:
        """Move every sealed segment, and every open one whose owner is dead.

        Returns:
            How many files were done with.

        Raises:
            StoreError: The store takes no rows now; what is not moved stays as it is.
        """
        before = self.moved.segments
        for path in self._folder.survey().segments:
            with _claimed(path) as file:
                if file is not None:
                    self._move(path, file)
        return self.moved.segments - before

    def _move(self, path: Path, file: int) -> None:
        data = _read(file)
        frames = Frames(data)
        try:
            self._add(frames)
            refused: list[bytes] = []
        except (RowRefused, ValueError, msgspec.MsgspecError):
            refused = self._move_each(frames)
        if refused:
            self.moved.refused += len(refused)
            _set_aside(path, b"".join(map(frame, refused)))
        if frames.damaged:
            self.moved.damaged += 1
            _tell(f"{path.name}: {frames.damaged} bytes cannot be read; the rest is moved, the file is kept as {DAMAGED}")
            os.rename(path, path.with_suffix(DAMAGED))
        else:
            os.unlink(path)
        self.moved.segments += 1

    def _add(self, messages: Iterable[memoryview]) -> None:
        sorting = Sorting(messages)
        self.moved.rows += self._sink.add(sorting.rows(), sorting.blocks())

    def _move_each(self, frames: Frames) -> list[bytes]:
        """Move record by record; the messages of those that the store takes never."""
        refused = []
        for message in frames:
            try:
                self._add([message])
            except (RowRefused, ValueError, msgspec.MsgspecError) as error:
                _tell(f"a record was refused by the store and is kept as {REFUSED}: {error}")
                refused.append(bytes(message))
        return refused


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[int | None]:
    """The file, locked; None where its owner lives, or another mover has it or is done with it."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Gone, or under another name by now: its owner sealed it, or another mover deleted it.
        mine = os.path.samestat(os.stat(path), os.fstat(file))
    except (BlockingIOError, FileNotFoundError):
        mine = False
    try:
        yield file if mine else None
    finally:
        os.close(file)


def _read(file: int) -> bytes:
    with open(file, "rb", closefd=False) as stream:
        return stream.read()


def _set_aside(path: Path, data: bytes) -> None:
    target = path.with_suffix(REFUSED)
    made = target.with_suffix(REFUSED + "-new")
    made.write_bytes(data)
    os.rename(made, target)


def _tell(text: str) -> None:
    print(f"evenkeel spool: {text}", file=sys.stderr, flush=True)
