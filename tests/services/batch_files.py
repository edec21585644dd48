"""Batches as files of every kind."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from services.forecaster.batch import FileKind

KINDS = list(FileKind)


def table(count: int = 200, **changed: Any) -> pa.Table:
    """A batch of the tiny use case."""
    numbers = np.arange(count)
    columns: dict[str, Any] = {
        "yesterday": pa.array([None if number == 7 else 50.0 + number % 50 for number in numbers]),
        "before": pa.array(51.0 + numbers % 50),
        "lead": pa.array(numbers % 4),
        "id": pa.array(numbers),
    }
    return pa.table(columns | changed)


def packed(table: pa.Table, kind: FileKind, **options: Any) -> bytes:
    """The table as a file."""
    sink = io.BytesIO()
    if kind is FileKind.CSV:
        arrow_csv.write_csv(table, sink)
    elif kind is FileKind.PARQUET:
        parquet.write_table(table, sink, **options)
    else:
        make = pa.ipc.new_stream if kind is FileKind.ARROW_STREAM else pa.ipc.new_file
        with make(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
            writer.write_table(table, max_chunksize=3)
    return sink.getvalue()


def unpacked(content: bytes, kind: FileKind) -> pa.Table:
    source = io.BytesIO(content)
    if kind is FileKind.CSV:
        return arrow_csv.read_csv(source)
    if kind is FileKind.PARQUET:
        return parquet.read_table(source)
    return (pa.ipc.open_stream if kind is FileKind.ARROW_STREAM else pa.ipc.open_file)(source).read_all()
