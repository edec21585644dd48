"""Parquet's pages, looked at before they are unpacked: a page of a few bytes can become gigabytes."""

import mmap
from collections.abc import Sequence
from typing import BinaryIO

from services.forecaster.batch.limits import BatchLimits
from services.forecaster.batch.parquet_footer import Place
from services.forecaster.batch.thrift import Compact
from services.forecaster.problems import BodyTooLarge, WrongField

UNPACKED, PACKED = 2, 3  # fields of a page's header
DATA_V1, DATA_V2 = 5, 8
ENCODING_V1, ENCODING_V2 = 2, 4
SHARED_PREFIXES = 7  # DELTA_BYTE_ARRAY: each text may repeat the one before it and so grow without bound


def check_pages(file: BinaryIO, names: Sequence[str], places: Sequence[Sequence[Place]], limits: BatchLimits) -> None:
    """Walk over the headers of all pages.

    Args:
        file: The Parquet file.
        names: Its columns.
        places: Where each of them lies in each row group.
        limits: How large a page may become, and how many pages there may be.

    Raises:
        BodyTooLarge: A page would unpack to too much, or there are too many.
        WrongField: A page's header is broken, or texts are packed in a way that has no bound.
    """
    pages = 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for group in places:
            if len(group) != len(names):
                raise WrongField("a row group has other columns than the file", field="body", hint="write the file again")
            for name, (start, end) in zip(names, group, strict=True):
                place = start
                while place < end:
                    place = _page(data, place, name, limits)
                    pages += 1
                    if pages > limits.pages:
                        raise BodyTooLarge(f"more than {limits.pages} pages", field="body", hint="write larger pages")


def _page(data: mmap.mmap, place: int, column: str, limits: BatchLimits) -> int:
    """Where the next page begins."""
    header = Compact(data, place)
    try:
        fields = header.struct()
        unpacked, packed = int(fields[UNPACKED]), int(fields[PACKED])
    except (KeyError, IndexError, TypeError) as error:
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
