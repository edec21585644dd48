"""Parquet's pages, looked at before they are unpacked: a page of a few bytes can become gigabytes."""

import mmap
import struct
from typing import Any, BinaryIO

from services.forecaster.batch.limits import BatchLimits
from services.forecaster.problems import BodyTooLarge, WrongField

UNPACKED, PACKED = 2, 3  # fields of a page's header
DATA_V1, DATA_V2 = 5, 8
ENCODING_V1, ENCODING_V2 = 2, 4
SHARED_PREFIXES = 7  # DELTA_BYTE_ARRAY: each text may repeat the one before it and so grow without bound
DEEPEST = 8
STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(13)
Fields = dict[int, Any]


def check_pages(file: BinaryIO, metadata: Any, limits: BatchLimits) -> None:
    """Walk over the headers of all pages.

    Args:
        file: The Parquet file.
        metadata: pyarrow.parquet.FileMetaData of it.
        limits: How large a page may become, and how many pages there may be.

    Raises:
        BodyTooLarge: A page would unpack to too much, or there are too many.
        WrongField: A page's header is broken, or texts are packed in a way that has no bound.
    """
    pages = 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for group in range(metadata.num_row_groups):
            for number in range(metadata.num_columns):
                column = metadata.row_group(group).column(number)
                place, end = _range(column, len(data))
                while place < end:
                    place = _page(data, place, column.path_in_schema, limits)
                    pages += 1
                    if pages > limits.pages:
                        raise BodyTooLarge(f"more than {limits.pages} pages", field="body", hint="write larger pages")


def _range(column: Any, size: int) -> tuple[int, int]:
    start, dictionary = column.data_page_offset, column.dictionary_page_offset
    if dictionary is not None and 0 < dictionary < start:
        start = dictionary
    end = start + column.total_compressed_size
    if not 0 <= start <= end <= size:
        raise _broken(column.path_in_schema)
    return start, end


def _page(data: mmap.mmap, place: int, column: str, limits: BatchLimits) -> int:
    """Where the next page begins."""
    header = _Compact(data, place)
    try:
        fields = header.struct(0)
        unpacked, packed = int(fields[UNPACKED]), int(fields[PACKED])
    except (KeyError, IndexError, TypeError, struct.error) as error:
        raise _broken(column) from error
    if packed < 0 or unpacked < 0:
        raise _broken(column)
    if unpacked > limits.page_bytes:
        raise BodyTooLarge(
            f"column {column[:60]} has a page that unpacks to {unpacked} bytes",
            field=column[:60],
            hint=f"write pages of at most {limits.page_bytes} bytes",
        )
    parts = ((fields.get(DATA_V1), ENCODING_V1), (fields.get(DATA_V2), ENCODING_V2))
    if any(isinstance(part, dict) and part.get(number) == SHARED_PREFIXES for part, number in parts):
        raise WrongField(
            f"column {column[:60]} is encoded as DELTA_BYTE_ARRAY", field=column[:60], hint="use a dictionary, or PLAIN"
        )
    return header.place + packed


def _broken(column: str) -> WrongField:
    return WrongField(f"a page of column {column[:60]} is broken", field=column[:60], hint="write the file again")


class _Compact:
    """Thrift's compact protocol, as far as it takes to step over a structure and know its whole numbers."""

    def __init__(self, data: mmap.mmap, place: int) -> None:
        self._data, self.place = data, place

    def struct(self, depth: int) -> Fields:
        """The fields by number."""
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
            fields[number] = kind == TRUE if kind in (TRUE, FALSE) else self._value(kind, depth)

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (TRUE, FALSE, BYTE):
            return self._byte()
        if kind in (I16, I32, I64):
            return self._whole()
        if kind == DOUBLE:
            return self._skip(8)
        if kind == BINARY:
            return self._skip(self._count())
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind in (LIST, SET):
            head = self._byte()
            for _ in range(head >> 4 if head >> 4 < 15 else self._count()):
                self._value(head & 0x0F, depth + 1)
            return None
        raise IndexError

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
