"""Records in a file: each framed by its length and checksum, so that a reader tells whole ones from torn and damaged ones."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from model_code.kept.record import MAX_BYTES

MAGIC = b"EkP1"  # format 1; also where reading starts again behind a damaged place
_HEADER = struct.Struct("<4sII")


def header(message: bytes) -> bytes:
    """What stands before a message in a file: magic, length, CRC-32."""
    return _HEADER.pack(MAGIC, len(message), zlib.crc32(message))


def frame(message: bytes) -> bytes:
    """The message behind its header.

    Example:
        >>> frame(b"abc").hex()
        '456b503103000000c2412435616263'
    """
    return header(message) + message


@dataclass
class Frames:
    """The messages of the whole frames in a file's bytes, read once by iterating.

    Attributes:
        data: The file.
        damaged: Bytes that belong to no whole frame though a writer had finished them; final after iterating.
        torn: Bytes of a last frame that its writer did not finish, so that nobody was told it was kept.
    """

    data: bytes
    damaged: int = 0
    torn: int = 0

    def __iter__(self) -> Iterator[memoryview]:
        self.damaged = self.torn = 0
        view, offset = memoryview(self.data), 0
        while offset < len(view):
            message = _whole(view, offset)
            if message is not None:
                yield message
                offset += _HEADER.size + len(message)
                continue
            following = self._following(view, offset)
            if following == len(view) and _is_torn(view, offset):
                self.torn = following - offset
            else:
                self.damaged += following - offset
            offset = following

    def _following(self, view: memoryview, offset: int) -> int:
        """Where the next whole frame begins; the end where there is none."""
        while (offset := self.data.find(MAGIC, offset + 1)) >= 0:
            if _whole(view, offset) is not None:
                return offset
        return len(view)


def _whole(view: memoryview, offset: int) -> memoryview | None:
    """The message whose frame begins there; None where none does or its checksum is wrong."""
    if len(view) - offset < _HEADER.size:
        return None
    magic, length, checksum = _HEADER.unpack_from(view, offset)
    start = offset + _HEADER.size
    if magic != MAGIC or length > MAX_BYTES or start + length > len(view):
        return None
    message = view[start : start + length]
    return message if zlib.crc32(message) == checksum else None


def _is_torn(view: memoryview, offset: int) -> bool:
    """Whether the bytes up to the end begin a frame that goes on behind it."""
    rest = bytes(view[offset : offset + _HEADER.size])
    if len(rest) < _HEADER.size:
        return rest[:4] == MAGIC[: len(rest)]
    magic, length, _ = _HEADER.unpack(rest)
    return bool(magic == MAGIC and length <= MAX_BYTES and offset + _HEADER.size + length > len(view))
