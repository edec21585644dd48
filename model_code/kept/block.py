"""Blocks: many records as one row of the store, for answers that nobody will ever judge row by row."""

import hashlib
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from model_code.kept.frames import Frames, frame
from model_code.kept.record import Kept, decode
from model_code.prediction_id import FORECAST

BLOCK_BYTES = 4 << 20  # of records, so that reading one back is a matter of milliseconds; a record may be larger


@dataclass(frozen=True)
class Block:
    """Some records of one use case.

    Attributes:
        usecase: Name of the use case.
        block_id: Hash of the records: the same ones brought twice are kept once.
        made_first: When the first of them was answered, in microseconds since the epoch, UTC.
        made_last: When the last one was.
        rows: Predictions in them.
        requests: CRC-32 of the request id of each record, as uint32: tells quickly whether a request may be here.
        records: The records, framed.
    """

    usecase: str
    block_id: str
    made_first: int
    made_last: int
    rows: int
    requests: bytes
    records: bytes


@dataclass
class _Open:
    """A block that still grows."""

    frames: list[bytes] = field(default_factory=list)
    requests: "array[int]" = field(default_factory=lambda: array("I"))
    size: int = 0
    rows: int = 0
    first: int = 0
    last: int = 0


class Blocks:
    """Gathers records into blocks; the same records in the same order make the same blocks."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}
        self._full: list[Block] = []

    def add(self, record: Kept, message: bytes | memoryview) -> None:
        """Put a record into its use case's block.

        Args:
            record: What the message holds, of consistent lengths.
            message: As `encode` gave it.
        """
        into = self._open.setdefault(record.usecase, _Open())
        framed = frame(bytes(message))
        into.frames.append(framed)
        into.requests.append(request_check(record.request_id))
        into.first = min(into.first or record.made_at, record.made_at)
        into.last = max(into.last, record.made_at)
        into.size += len(framed)
        into.rows += len(record.value) // 8
        if into.size >= BLOCK_BYTES:
            self._full.append(_closed(record.usecase, self._open.pop(record.usecase)))

    def __iter__(self) -> Iterator[Block]:
        """Every block, the unfinished ones too."""
        yield from self._full
        for usecase, unfinished in self._open.items():
            yield _closed(usecase, unfinished)


def goes_into_block(record: Kept) -> bool:
    """Whether nothing can judge the record's rows: it tells no entity, no time or no origin for them."""
    return record.route != FORECAST and (record.entity is None or record.time is None or record.origin is None)


def request_check(request_id: str) -> int:
    """What stands for a request id in a block's `requests`.

    Example:
        >>> request_check("r1")
        219023793
    """
    return zlib.crc32(request_id.encode())


def records_in(records: bytes) -> Iterator[Kept]:
    """The records of a block.

    Raises:
        ValueError: Some bytes are damaged.
    """
    frames = Frames(records)
    for message in frames:
        yield decode(message)
    if frames.damaged or frames.torn:
        raise ValueError(f"{frames.damaged + frames.torn} bytes of a block cannot be read")


def _closed(usecase: str, gathered: _Open) -> Block:
    records = b"".join(gathered.frames)
    return Block(
        usecase=usecase,
        block_id=hashlib.sha256(records).hexdigest()[:32],
        made_first=gathered.first,
        made_last=gathered.last,
        rows=gathered.rows,
        requests=gathered.requests.tobytes(),
        records=records,
    )
