"""Where a Parquet file's columns lie, by its own footer.

pyarrow reads the footer as well, but its accessor of a column's metadata ends the process where these contradict each other
(`RowGroupMetaData.column`: an exception that it does not expect). What it finds while it reads rows it tells.
"""

import os
from typing import BinaryIO

from services.forecaster.batch.limits import BatchLimits
from services.forecaster.batch.thrift import Compact, Fields, Kept, TooMany
from services.forecaster.problems import BodyTooLarge, WrongField

MAGIC = b"PAR1"
TAIL_BYTES = 8  # the footer's length and the magic word
ROW_GROUPS, COLUMNS, METADATA = 4, 1, 3  # fields of a file, of a row group, of a column in it
PACKED, DATA, DICTIONARY = 7, 9, 11  # fields of a column's metadata: its size, where its data and its dictionary begin
KEPT: Kept = {ROW_GROUPS: {COLUMNS: {METADATA: {}}}}
Place = tuple[int, int]


def places_of(file: BinaryIO, limits: BatchLimits) -> list[list[Place]]:
    """Where each column of each row group begins and ends.

    Args:
        file: The Parquet file.
        limits: How large its footer may be, and of how many parts it may tell.

    Raises:
        BodyTooLarge: The footer is too large, or tells of too many parts.
        WrongField: It is none, or tells of parts outside of the file.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL_BYTES))
    tail = file.read(TAIL_BYTES)
    length = int.from_bytes(tail[:4], "little")
    if len(tail) < TAIL_BYTES or tail[4:] != MAGIC or length > size - TAIL_BYTES:
        raise _broken("it does not end as one")
    if length > limits.footer_bytes:
        raise BodyTooLarge(f"a Parquet footer of {length} bytes", field="body", hint="write larger row groups")
    file.seek(size - TAIL_BYTES - length)
    try:
        groups = Compact(file.read(length), most=limits.pages).struct(kept=KEPT)[ROW_GROUPS]
        return [[_place(column[METADATA], size) for column in group[COLUMNS]] for group in groups]
    except TooMany as error:
        raise BodyTooLarge(f"more than {limits.pages} parts of columns", field="body", hint="write larger row groups") from error
    except (IndexError, KeyError, TypeError) as error:
        raise _broken("its footer is not understood") from error


def _place(metadata: Fields, size: int) -> Place:
    start, dictionary = metadata[DATA], metadata.get(DICTIONARY)
    if not start:  # a row group without rows; no page can lie where the magic word does, and readers look nowhere else
        return 0, 0
    if dictionary is not None and 0 < dictionary < start:
        start = dictionary
    end = start + metadata[PACKED]
    if not 0 <= start <= end <= size:
        raise _broken("a column lies outside of it")
    return start, end


def _broken(why: str) -> WrongField:
    return WrongField(f"the body is no parquet that can be read: {why}", field="body", hint="write the file again")
