"""Thrift's compact protocol, as far as it takes to step over a structure and know its whole numbers."""

import mmap
from collections.abc import Mapping
from typing import Any

DEEPEST = 8
LARGEST_FIELD = 1 << 15
STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(13)
Fields = dict[int, Any]
Kept = Mapping[int, "Kept"]
"""Which lists of structures are kept: a field's number -> the same within them."""
NONE: Kept = {}


class TooMany(Exception):
    """Lists have more structures than whoever reads them takes."""


class Compact:
    """Reads what nobody vouched for: it ends at the end of the data, and keeps no more than it is asked to.

    Args:
        data: Bytes with a structure in them.
        place: Where the structure begins; moves on behind what was read.
        most: Structures that lists may have, all together.
    """

    def __init__(self, data: mmap.mmap | bytes, place: int = 0, most: int = 0) -> None:
        self._data, self.place, self._left = data, place, most

    def struct(self, depth: int = 0, kept: Kept = NONE) -> Fields:
        """The fields by number: whole numbers, structures, and the lists of structures that are kept; None for the rest.

        Raises:
            IndexError: It does not end, is too deep, or has a field twice.
            TooMany: Lists that are kept have too many structures.
        """
        if depth > DEEPEST:
            raise IndexError
        fields: Fields = {}
        number = 0
        while True:
            head = self._byte()
            kind = head & 0x0F
            if kind == STOP:
                return fields
            number = number + (head >> 4) if head >> 4 else self._whole()
            if number in fields or not 0 < number < LARGEST_FIELD:  # other readers might make something else of it
                raise IndexError
            fields[number] = kind == TRUE if kind in (TRUE, FALSE) else self._value(kind, depth, kept.get(number))

    def _value(self, kind: int, depth: int, kept: Kept | None = None) -> Any:
        if kind in (TRUE, FALSE, BYTE):
            return self._byte()
        if kind in (I16, I32, I64):
            return self._whole()
        if kind == DOUBLE:
            return self._skip(8)
        if kind == BINARY:
            return self._skip(self._count())
        if kind == STRUCT:
            return self.struct(depth + 1, kept or NONE)
        if kind in (LIST, SET):
            return self._list(depth, kept)
        raise IndexError

    def _list(self, depth: int, kept: Kept | None) -> list[Fields] | None:
        head = self._byte()
        kind, count = head & 0x0F, head >> 4 if head >> 4 < 15 else self._count()
        if kind != STRUCT or kept is None:
            for _ in range(count):
                self._value(kind, depth + 1)
            return None
        self._left -= count
        if self._left < 0:
            raise TooMany
        return [self.struct(depth + 1, kept) for _ in range(count)]

    def _byte(self) -> int:
        value = self._data[self.place]
        self.place += 1
        return value

    def _count(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value
            shift += 7
            if shift > 63:
                raise IndexError

    def _whole(self) -> int:
        value = self._count()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, size: int) -> None:
        if size > len(self._data) - self.place:
            raise IndexError
        self.place += size
