"""Writing the answers of a batch, in a file without a name until all of them are there."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

from model_code.bundle import Predicted
from services.forecaster.batch.arrays import column
from services.forecaster.batch.columns import Chunk
from services.forecaster.batch.limits import BatchLimits
from services.forecaster.batch.media import FileKind
from services.forecaster.batch.scratch import close_scratch, on_disk, open_scratch
from services.forecaster.problems import BodyTooLarge, WrongField

PART_BYTES = 1 << 20


class Output:
    """The answers of one batch: the caller's own columns, then value, lower and upper.

    Args:
        kind: What to write.
        limits: Its largest size.

    Raises:
        NoRoom: There is no place for it.
    """

    def __init__(self, kind: FileKind, limits: BatchLimits) -> None:
        self._kind, self._most = kind, limits.output_bytes
        self._file = open_scratch()
        self._writer: Any = None

    @property
    def size(self) -> int:
        """Bytes written by now."""
        return self._file.tell()

    def write(self, chunk: Chunk, predicted: Predicted) -> None:
        """Add the answers of the next chunk.

        Raises:
            BodyTooLarge: The answer has become too large.
            WrongField: A column of the caller's has a value that this kind of file cannot hold.
            NoRoom: The disk takes no more.
        """
        import pyarrow as pa

        answers = [column(each) for each in (predicted.value, predicted.lower, predicted.upper)]
        batch = pa.RecordBatch.from_arrays(
            [*chunk.keys.columns, *answers], names=[*chunk.keys.schema.names, "value", "lower", "upper"]
        )
        try:
            with on_disk():
                if self._writer is None:
                    self._writer = self._open(batch.schema)
                self._writer.write_batch(batch)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            told = " ".join(str(error).split())[:200]
            raise WrongField(
                f"the answer cannot be written as {self._kind}: {told}",
                field="body",
                hint="leave the column out, or accept another kind",
            ) from error
        if self.size > self._most:
            raise BodyTooLarge(f"the answer has more than {self._most} bytes", field="body", hint="send it in several files")

    def finish(self) -> int:
        """Nothing more comes; the whole size, in bytes.

        Raises:
            NoRoom: The disk takes no more.
        """
        with on_disk():
            if self._writer is not None:
                self._writer.close()
            size = self.size
            self._file.seek(0)
        return size

    def part(self) -> bytes:
        """The next part of the finished file; empty at the end."""
        return self._file.read(PART_BYTES)

    def close(self) -> None:
        """Let the file go."""
        with suppress(Exception):  # a writer that is left open complains when it is collected
            if self._writer is not None:
                self._writer.close()
        close_scratch(self._file)

    def __enter__(self) -> Self:
        """The output itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the file go."""
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """The parts."""
        return iter(self.part, b"")

    def _open(self, schema: Any) -> Any:
        import pyarrow as pa
        from pyarrow import csv, parquet

        sink = pa.PythonFile(self._file, "w")
        if self._kind is FileKind.CSV:
            return csv.CSVWriter(sink, schema)
        if self._kind is FileKind.PARQUET:
            texts = [field.name for field in schema if pa.types.is_string(field.type)]
            return parquet.ParquetWriter(sink, schema, use_dictionary=texts)
        return (pa.ipc.new_stream if self._kind is FileKind.ARROW_STREAM else pa.ipc.new_file)(sink, schema)
