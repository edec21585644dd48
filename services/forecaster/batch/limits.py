"""What one batch may take of the service."""

import os
from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class BatchLimits:
    """Bounds of one batch.

    Attributes:
        bytes: Largest body, and the most that it may unpack to.
        rows: Most rows.
        message_bytes: Largest record batch of an Arrow file, which has to be in memory as a whole.
        page_bytes: Most that a page of a Parquet file may unpack to.
        pages: Most pages of a Parquet file.
        footer_bytes: Largest footer of a Parquet file, in memory as a whole.
        output_bytes: Largest answer.
        keys: Most columns that are no features and come back with the answers.
        key_bytes: Longest text in such a column.
        header_bytes: Longest first line of a CSV file.
        chunk_rows: Rows that are answered and kept together.
        chunk_bytes: A chunk of wide rows has fewer, so that its features take no more than this.
        parallel: Chunks in work at once.
        wait_seconds: How long a chunk waits for room where predictions are kept.
    """

    bytes: int = 1024 * MIB
    rows: int = 5_000_000
    message_bytes: int = 256 * MIB
    page_bytes: int = 64 * MIB
    pages: int = 200_000
    footer_bytes: int = 8 * MIB
    output_bytes: int = 4096 * MIB
    keys: int = 32
    key_bytes: int = 1_000
    header_bytes: int = MIB // 2
    chunk_rows: int = 32_768
    chunk_bytes: int = 8 * MIB
    parallel: int = min(4, len(os.sched_getaffinity(0)))
    wait_seconds: float = 60.0

    def rows_at_once(self, columns: int) -> int:
        """Rows of a chunk with so many features.

        Example:
            >>> BatchLimits().rows_at_once(20), BatchLimits().rows_at_once(2_000)
            (32768, 524)
        """
        return max(1, min(self.chunk_rows, self.chunk_bytes // (8 * max(1, columns))))
