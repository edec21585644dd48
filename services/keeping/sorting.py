"""Sorts records on their way to the store: rows for what can be judged, blocks for the rest."""

import os
from collections.abc import Iterable, Iterator

from model_code.kept.block import Block, Blocks, goes_into_block
from model_code.kept.record import check, decode
from model_code.kept.rows import Row, rows_of

YIELD_RECORDS = 16  # a few hundredths of a millisecond: a kernel that does not preempt would let an answer wait for 4 ms


class Sorting:
    """The rows and blocks of some messages.

    Args:
        messages: Encoded records; read once, while rows are taken.
    """

    def __init__(self, messages: Iterable[bytes | memoryview]) -> None:
        self._messages = messages
        self._blocks = Blocks()

    def rows(self) -> Iterator[Row]:
        """The rows of what can be judged; the rest is gathered meanwhile.

        Raises:
            ValueError: A record is not consistent.
            msgspec.MsgspecError: A message is no record.
        """
        for number, message in enumerate(self._messages):
            record = decode(message)
            judged = not goes_into_block(record)
            if judged or number % YIELD_RECORDS == 0:
                os.sched_yield()  # the processor is left to whoever answers requests on it
            if judged:
                yield from rows_of(record)
            else:
                check(record)
                self._blocks.add(record, message)

    def blocks(self) -> Iterator[Block]:
        """What was gathered; to be asked for when all rows are taken."""
        yield from self._blocks
