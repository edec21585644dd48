"""The spool's folder as its keepers and movers see it: which segments wait, and what of a request is among them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from model_code.kept.frames import Frames
from model_code.kept.record import Kept, decode
from services.keeping.segment import OPEN, READY

DAMAGED, REFUSED = ".damaged", ".refused"
SEARCHED_BYTES = 64 << 20  # at most so much is searched for a request: some tens of milliseconds


@dataclass(frozen=True)
class Survey:
    """What lies in the spool.

    Attributes:
        segments: Files that wait to be moved, oldest first.
        pending_bytes: Their size together.
        oldest: Time of the last write to the oldest of them (seconds since the epoch); None when nothing waits.
        set_aside: Files that hold what could not be read or stored; somebody must look at them.
    """

    segments: tuple[Path, ...]
    pending_bytes: int
    oldest: float | None
    set_aside: int


class SpoolFolder:
    """A folder of segments, shared by the workers and services of one installation.

    Args:
        path: Where it lies; made when it is not there, readable by its owner only.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path

    def survey(self) -> Survey:
        """What lies here now."""
        waiting: list[tuple[str, float, int]] = []
        set_aside = 0
        with os.scandir(self.path) as entries:
            for entry in entries:
                if entry.name.endswith((DAMAGED, REFUSED)):
                    set_aside += 1
                elif entry.name.endswith((OPEN, READY)):
                    try:
                        found = entry.stat()
                    except FileNotFoundError:  # moved meanwhile
                        continue
                    if found.st_size:
                        waiting.append((entry.name, found.st_mtime, found.st_size))
        waiting.sort()
        return Survey(
            segments=tuple(self.path / name for name, _, _ in waiting),
            pending_bytes=sum(size for _, _, size in waiting),
            oldest=waiting[0][1] if waiting else None,
            set_aside=set_aside,
        )

    def records_of(self, usecase: str, request_id: str) -> list[Kept]:
        """What waits here of a request, searched newest segment first within `SEARCHED_BYTES`."""
        key, searched = request_id.encode(), 0
        found: list[Kept] = []
        for path in reversed(self.survey().segments):
            data = _bytes(path)
            searched += len(data)
            if key in data:
                found += [each for each in _records(data) if each.request_id == request_id and each.usecase == usecase]
            if searched >= SEARCHED_BYTES:
                break
        return found


def _bytes(path: Path) -> bytes:
    """The segment's bytes, sealed meanwhile or not; nothing when it was moved, for then it is in the store."""
    for candidate in (path, path.with_suffix(READY)):
        try:
            return candidate.read_bytes()
        except FileNotFoundError:
            continue
    return b""


def _records(data: bytes) -> Iterator[Kept]:
    for message in Frames(data):
        try:
            yield decode(message)
        except msgspec.MsgspecError:  # the mover sets it aside, loudly
            continue
