"""Arrow's messages, looked at before they are unpacked: how large each one is, and how large it would become."""

import struct
from collections.abc import Iterator

from services.forecaster.batch.feed import Feed
from services.forecaster.problems import BodyTooLarge, WrongField

CONTINUES = b"\xff\xff\xff\xff"
FILE_MAGIC = b"ARROW1\x00\x00"
METADATA_BYTES = 16 << 20
SCHEMA, DICTIONARY, RECORDS = 1, 2, 3
HINT = "write it as an Arrow IPC stream or file of format version 5 (pyarrow.ipc.new_stream)"


class CheckedStream:
    """An Arrow IPC stream or file as a file for `pyarrow.ipc.open_stream`; an Arrow file is a stream behind a magic word.

    Args:
        feed: The body.
        most: Bytes that one message may have, packed or unpacked.
    """

    closed = False

    def __init__(self, feed: Feed, most: int) -> None:
        self._parts = self._messages(feed, most)
        self._part: memoryview | None = memoryview(b"")

    def read(self, size: int = -1) -> bytes | memoryview:
        """Up to `size` bytes: never more than the rest of a message's head or body, which is what Arrow asks for."""
        while self._part is not None and not self._part:
            following = next(self._parts, None)
            self._part = None if following is None else memoryview(following)
        if self._part is None:
            return b""
        end = len(self._part) if size < 0 else size
        taken, self._part = self._part[:end], self._part[end:]
        return taken

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It goes one way."""
        return False

    def writable(self) -> bool:
        """Not for readers."""
        return False

    def close(self) -> None:
        """Part of a file's interface; whoever made the feed ends it."""

    def _messages(self, feed: Feed, most: int) -> Iterator[bytes | bytearray]:
        start = feed.read(8)
        if start == FILE_MAGIC:
            start = feed.read(8)
        while True:
            if len(start) < 8 or start[:4] != CONTINUES:
                raise WrongField("this is no Arrow stream, or it is cut short", field="body", hint=HINT)
            size = int.from_bytes(start[4:], "little")
            if not size:  # the end; what follows in an Arrow file is its table of contents
                yield start
                while feed.read(1 << 20):
                    pass
                return
            if size > METADATA_BYTES:
                raise BodyTooLarge(f"an Arrow message has a head of {size} bytes", field="body", hint="send fewer columns")
            metadata = feed.read(size)
            try:
                body = self._body(metadata, feed, most)
            except (struct.error, IndexError) as error:
                raise WrongField("an Arrow message is broken", field="body", hint=HINT) from error
            yield start + metadata
            yield body
            start = feed.read(8)

    @staticmethod
    def _body(metadata: bytearray, feed: Feed, most: int) -> bytearray:
        message = _Table(metadata, _u32(metadata, 0))
        length = message.number(3, "<q")
        if not 0 <= length <= most:
            raise _too_large(length, most)
        body = feed.read(length)
        if len(body) < length:
            raise WrongField("the Arrow stream is cut short", field="body", hint="send it whole")
        kind = message.number(1, "<B")
        if kind in (DICTIONARY, RECORDS):
            records = message.table(2)
            if records is not None and kind == DICTIONARY:
                records = records.table(1)
            if records is not None and records.at(3):
                _check_unpacked(records, body, most)
        return body


def _check_unpacked(records: "_Table", body: bytearray, most: int) -> None:
    """Each packed buffer begins with the size that it unpacks to; -1 is one that is not packed."""
    total = 0
    for offset, length in records.pairs(2):
        if length < 8:
            continue
        if not 0 <= offset <= len(body) - 8:
            raise struct.error
        unpacked = struct.unpack_from("<q", body, offset)[0]
        if unpacked < -1:
            raise struct.error
        total += length if unpacked < 0 else unpacked
        if total > most:
            raise _too_large(total, most)


def _too_large(size: int, most: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"a record batch of {size} bytes, {most} are allowed",
        field="body",
        hint="write smaller ones (pyarrow: write_table(table, max_chunksize=65536))",
    )


class _Table:
    """A table of a FlatBuffer: fields by number; only what the check above needs."""

    def __init__(self, data: bytearray, position: int) -> None:
        self._data, self._position = data, position
        self._fields = position - struct.unpack_from("<i", data, position)[0]
        if not 0 <= self._fields < len(data):
            raise struct.error
        self._size = struct.unpack_from("<H", data, self._fields)[0]

    def at(self, field: int) -> int:
        """Where a field's value is; 0 where it is left out."""
        slot = 4 + 2 * field
        if slot + 2 > self._size:
            return 0
        offset: int = struct.unpack_from("<H", self._data, self._fields + slot)[0]
        return self._position + offset if offset else 0

    def number(self, field: int, form: str) -> int:
        place = self.at(field)
        return int(struct.unpack_from(form, self._data, place)[0]) if place else 0

    def table(self, field: int) -> "_Table | None":
        place = self.at(field)
        return _Table(self._data, place + _u32(self._data, place)) if place else None

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """A vector of pairs of whole numbers."""
        place = self.at(field)
        if place:
            start = place + _u32(self._data, place)
            count = _u32(self._data, start)
            if start + 4 + 16 * count > len(self._data):
                raise struct.error
            yield from struct.iter_unpack("<qq", bytes(self._data[start + 4 : start + 4 + 16 * count]))


def _u32(data: bytearray, position: int) -> int:
    return int(struct.unpack_from("<I", data, position)[0])
