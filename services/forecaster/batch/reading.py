"""Reading a batch: record batches of any of the file kinds, as chunks of bounded size."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from services.forecaster.batch.arrow_stream import CheckedStream
from services.forecaster.batch.columns import LEAD, Chunk, Columns, Layout, check_names
from services.forecaster.batch.feed import Feed
from services.forecaster.batch.limits import BatchLimits
from services.forecaster.batch.media import FileKind
from services.forecaster.batch.parquet_footer import places_of
from services.forecaster.batch.parquet_pages import check_pages
from services.forecaster.batch.scratch import close_scratch, on_disk, open_scratch
from services.forecaster.problems import BodyTooLarge, WrongField

CSV_BLOCK_BYTES = 512 << 10  # also the longest line; pyarrow reads 32 of them ahead
COLUMN_BYTES = 256 << 10  # read ahead in each column of a Parquet file, instead of whole row groups
NOT_KNOWN = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]
COPY_BYTES = 1 << 20


def chunks(kind: FileKind, feed: Feed, layout: Layout, limits: BatchLimits) -> Iterator[Chunk]:
    """The chunks of a batch as its body arrives. Blocks: for a thread of its own.

    Raises:
        InvalidRequest: The file is broken, too large, or not what the model takes; the place is named.
        NoRoom: It has to be put down first, and the disk takes no more.
    """
    import pyarrow as pa

    try:
        with ExitStack() as closing:
            schema, batches = READERS[kind](feed, layout, limits, closing)
            columns = Columns(schema, layout, limits)
            yield from _joined(batches, columns, limits.rows_at_once(len(layout.features)), limits.rows)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if feed.error is not None:
            raise feed.error from error
        raise _broken(kind, str(error)) from error


def _joined(batches: Iterator[Any], columns: Columns, wanted: int, most: int) -> Iterator[Chunk]:
    """Chunks of about the rows wanted, out of record batches of any size."""
    import pyarrow as pa

    first_row = rows = 0
    held: list[Any] = []
    for batch in batches:
        if first_row + rows + batch.num_rows > most:
            raise BodyTooLarge(f"more than {most} rows", field="rows", hint="send them in several files")
        batch.validate(full=True)  # who sent it may have written offsets that point anywhere
        for start in range(0, batch.num_rows, wanted):
            held.append(columns.plain(batch.slice(start, wanted), first_row + rows))
            rows += held[-1].num_rows
            if rows >= wanted:
                yield columns.chunk(pa.concat_batches(held), first_row)
                first_row, rows, held = first_row + rows, 0, []
    if held:
        yield columns.chunk(pa.concat_batches(held), first_row)
    elif not first_row:
        raise WrongField("there are no rows", field="rows", hint="give at least one")


def _csv(feed: Feed, layout: Layout, limits: BatchLimits, _closing: ExitStack) -> tuple[Any, Iterator[Any]]:
    """Features as numbers, everything else as the text that it is."""
    import pyarrow as pa

    line = feed.readline(limits.header_bytes)
    if not line.strip():
        raise WrongField(
            "the body is empty" if not line else "the first line is empty",
            field="body",
            hint="begin with the names of the columns",
        )
    if len(line) == limits.header_bytes:
        raise BodyTooLarge(f"the first line has more than {len(line)} bytes", field="body", hint="it names the columns")
    names = _names(line.decode("utf-8-sig"))
    check_names(names, layout, limits)
    numbers = set(layout.features)
    types = {name: pa.float64() if name in numbers else pa.int64() if name == LEAD else pa.string() for name in names}
    return pa.schema(types.items()), _csv_batches(feed, types)


def _names(line: str) -> list[str]:
    """The names of the columns in a CSV file's first line."""
    try:
        return next(csv.reader(io.StringIO(line)), [])
    except csv.Error as error:  # a name without end, or lines that end as on an old Macintosh: the file is one line then
        raise WrongField(
            f"the first line is not understood: {str(error)[:100]}",
            field="body",
            hint="names with commas between them, then a line end",
        ) from error


def _csv_batches(feed: Feed, types: dict[str, Any]) -> Iterator[Any]:
    """The batches of a CSV file behind its first line; the parser's place of an error in words of ours."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    try:
        yield from arrow_csv.open_csv(
            pa.PythonFile(feed, "r"),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES, column_names=list(types)),
            # Of one column alone, an empty line is a value that is not known.
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(types) > 1),
            convert_options=arrow_csv.ConvertOptions(column_types=types, null_values=NOT_KNOWN, strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return
        found = re.search(r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to (\w+): (.*)", str(error), re.DOTALL)
        if found is None:
            raise
        name = list(types)[int(found[1])]
        row = f"row {int(found[2]) - 1}, " if found[2] else ""
        due = {"double": "a number is due, or nothing", "int64": "a whole number is due", "string": "UTF-8 is due"}
        raise WrongField(
            f"{row}column {name[:60]}: {found[4][:100]}", field=name[:60], hint=due.get(found[3], "another type is due")
        ) from error


def _arrow(feed: Feed, _layout: Layout, limits: BatchLimits, _closing: ExitStack) -> tuple[Any, Iterator[Any]]:
    import pyarrow as pa

    reader = pa.ipc.open_stream(pa.PythonFile(CheckedStream(feed, limits.message_bytes), "r"))
    return reader.schema, iter(reader)


def _parquet(feed: Feed, layout: Layout, limits: BatchLimits, closing: ExitStack) -> tuple[Any, Iterator[Any]]:
    """Parquet begins at its end, so that the body is put down first, in a file without a name."""
    import pyarrow as pa
    from pyarrow import parquet

    file = open_scratch()
    closing.callback(close_scratch, file)
    while part := feed.read(COPY_BYTES):
        with on_disk():
            file.write(part)
    with on_disk():
        file.flush()
    places = places_of(file, limits)
    file.seek(0)
    looked = parquet.ParquetFile(file, pre_buffer=False)
    metadata, schema = looked.metadata, looked.schema_arrow
    if metadata.num_rows > limits.rows:
        raise BodyTooLarge(
            f"{metadata.num_rows} rows, {limits.rows} are allowed", field="rows", hint="send them in several files"
        )
    check_names(list(schema.names), layout, limits)
    check_pages(file, [looked.schema.column(number).path for number in range(metadata.num_columns)], places, limits)
    # A text that is repeated a million times is read once: as a dictionary, whose longest text is checked.
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    reader = parquet.ParquetFile(file, metadata=metadata, read_dictionary=texts, pre_buffer=False, buffer_size=COLUMN_BYTES)
    rows = limits.rows_at_once(len(schema.names))
    return schema, reader.iter_batches(batch_size=rows, use_threads=False)


def _broken(kind: FileKind, told: str) -> WrongField:
    what = " ".join(told.split())[:200]
    return WrongField(
        f"the body is no {kind.name.lower().replace('_', ' ')} that can be read: {what}",
        field="body",
        hint=f"it was sent as {kind}",
    )


READERS = {FileKind.CSV: _csv, FileKind.PARQUET: _parquet, FileKind.ARROW_STREAM: _arrow, FileKind.ARROW_FILE: _arrow}
