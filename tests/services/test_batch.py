"""Batches through the engine: every kind of file in and out, what is refused and where, and how much memory it takes."""

import asyncio
import contextlib
import csv
import io
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from model_code.bundle import Predicted, load_bundle, write_bundle
from model_code.errors import EvenkeelError, InvalidRequest, StoreError
from services.forecaster.batch import BatchLimits, Chunk, FileKind, Layout, answer_batch, kind_of, kind_wanted
from tests.bundle_cases import little_contents
from tests.services.batch_files import KINDS, packed, unpacked

LAYOUT = Layout(features=("warm", "windy"), steps=3, entities=("north", "south"))
LIMITS = BatchLimits(chunk_rows=4, parallel=2)
Answer = Callable[[Chunk], Awaitable[Predicted]]


def rows(count: int = 10, **changed: Any) -> pa.Table:
    """A batch in which nothing is wrong."""
    numbers = np.arange(count)
    columns: dict[str, Any] = {
        "id": pa.array([f"row-{number:03}" for number in numbers]),
        "entity": pa.array(["north" if number % 2 else "south" for number in numbers]),
        "windy": pa.array(numbers * 0.5),
        "lead": pa.array(numbers % 3),
        "warm": pa.array([None if number == 2 else float(number) for number in numbers], pa.float64()),
    }
    return pa.table({name: column for name, column in (columns | changed).items() if column is not None})


async def adding(chunk: Chunk) -> Predicted:
    """The sum of the features; what is not known counts as 100."""
    value = np.where(np.isnan(chunk.matrix), 100.0, chunk.matrix).sum(axis=1)
    return Predicted(value, value - 1, value + 1)


async def parts(content: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def ask(
    content: bytes | AsyncIterator[bytes],
    kind: FileKind,
    wanted: FileKind | None = None,
    answer: Answer = adding,
    limits: BatchLimits = LIMITS,
    layout: Layout = LAYOUT,
) -> bytes:
    """The whole answer."""

    async def run() -> bytes:
        body = parts(content) if isinstance(content, bytes) else content
        answered = await answer_batch(body, kind, wanted or kind, layout, answer, limits)
        found = b"".join([part async for part in answered.parts])
        assert len(found) == answered.size
        return found

    return asyncio.run(run())


def refused(content: bytes, kind: FileKind, **options: Any) -> str:
    with pytest.raises(EvenkeelError) as caught:
        ask(content, kind, **options)
    return f"{caught.value.status} [{getattr(caught.value, 'field', None)}] {caught.value}"


@pytest.mark.parametrize("kind", KINDS)
def test_batch__answers_every_row_in_order_beside_its_own_columns(kind: FileKind) -> None:
    answered = unpacked(ask(packed(rows(), kind), kind), kind)

    assert answered.column_names == ["id", "entity", "lead", "value", "lower", "upper"]
    assert answered["id"].to_pylist() == rows()["id"].to_pylist()
    assert answered["value"].to_pylist() == [0.0, 1.5, 101.0, *(number * 1.5 for number in range(3, 10))]
    assert answered["upper"].to_pylist() == [value + 1 for value in answered["value"].to_pylist()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wanted", KINDS)
def test_batch__answers_in_the_kind_that_is_wanted(kind: FileKind, wanted: FileKind) -> None:
    answered = unpacked(ask(packed(rows(), kind), kind, wanted), wanted)

    assert answered["value"].to_pylist()[:3] == [0.0, 1.5, 101.0]


@pytest.mark.parametrize("kind", KINDS)
def test_batch__chunks_follow_each_other_and_are_answered_before_they_are_written(kind: FileKind) -> None:
    seen: list[tuple[int, int, list[str] | None, list[int]]] = []

    async def slow_first(chunk: Chunk) -> Predicted:
        await asyncio.sleep(0.05 if chunk.first_row == 0 else 0)
        seen.append((chunk.first_row, len(chunk.matrix), chunk.entity, chunk.lead.tolist()))
        return await adding(chunk)

    answered = unpacked(ask(packed(rows(), kind), kind, answer=slow_first), kind)

    assert sorted(first for first, *_ in seen) == [0] + [sum(n for _, n, *_ in sorted(seen)[:i]) for i in range(1, len(seen))]
    assert seen[0][0] != 0  # a later one was answered first, and yet:
    assert answered["id"].to_pylist() == rows()["id"].to_pylist()
    assert sorted(seen)[0][2] == ["south", "north", "south", "north", "south", "north"][: sorted(seen)[0][1]]


def test_batch__takes_any_numbers_and_dictionaries() -> None:
    changed = rows(
        warm=pa.array(range(10), pa.int32()),
        windy=pa.array([0.5] * 10, pa.float32()),
        entity=pa.array(["north"] * 10).dictionary_encode(),
        lead=pa.array([1.0] * 10),
    )
    for kind in (FileKind.PARQUET, FileKind.ARROW_STREAM):
        answered = unpacked(ask(packed(changed, kind), kind), kind)

        assert answered["value"].to_pylist() == [number + 0.5 for number in range(10)]
        assert answered["entity"].to_pylist() == ["north"] * 10


def test_batch__bounds_that_are_not_known_are_null() -> None:
    async def without(chunk: Chunk) -> Predicted:
        nothing = np.full(len(chunk.matrix), np.nan)
        return Predicted(np.ones(len(chunk.matrix)), nothing, nothing)

    answered = unpacked(ask(packed(rows(), FileKind.PARQUET), FileKind.PARQUET, answer=without), FileKind.PARQUET)

    assert answered["value"].null_count == 0
    assert answered["lower"].null_count == answered["upper"].null_count == 10


def test_batch__origins_are_told_in_microseconds_however_they_are_written() -> None:
    moments = pa.array([0, 3_600_000_000] * 5, pa.timestamp("us", "Europe/Vienna"))
    texts = pa.array(["1970-01-01T00:00:00Z", "1970-01-01T02:00:00+01:00"] * 5)
    found = []

    async def looking(chunk: Chunk) -> Predicted:
        assert chunk.origin is not None
        found.append(chunk.origin.tolist())
        return await adding(chunk)

    for origin in (moments, texts):
        ask(packed(rows(origin=origin), FileKind.ARROW_FILE), FileKind.ARROW_FILE, answer=looking)

    assert {tuple(each[:2]) for each in found} <= {(0, 3_600_000_000), (3_600_000_000, 0)}


def test_batch__csv_keeps_texts_as_they_are() -> None:
    text = 'warm,windy,lead,zip,"a, name"\n1,2,0,00712,"x ""y"""\r\n,NaN,1,,\n'

    answered = ask(text.encode(), FileKind.CSV, layout=replace(LAYOUT, entities=())).decode()

    assert answered.splitlines()[1:] == ['0,"00712","x ""y""",3,2,4', '1,"","",200,199,201']


def test_batch__csv_of_one_column_has_a_row_where_nothing_is_known() -> None:
    answered = ask(b"warm\n1\n\n3\n", FileKind.CSV, layout=Layout(features=("warm",)))

    assert answered.decode().splitlines()[1:] == ["1,0,2", "100,99,101", "3,2,4"]
    assert ask(b"warm,windy\n1,2\n\n3,4\n", FileKind.CSV, layout=Layout(features=("warm", "windy"))).count(b"\n") == 3


def test_batch__csv_may_have_texts_of_several_lines_wherever_blocks_end() -> None:
    texts = [f'{number}\n"{number}",1,2,0\n' + "x" * 60 for number in range(20_000)]  # four blocks
    given = io.StringIO()
    csv.writer(given).writerows([["text", "warm", "windy", "lead"], *([text, 1, 2, 0] for text in texts)])

    answered = ask(given.getvalue().encode(), FileKind.CSV, limits=BatchLimits()).decode()

    assert [row[0] for row in csv.reader(io.StringIO(answered, newline=""))] == ["text", *texts]


@pytest.mark.parametrize("kind", [FileKind.PARQUET, FileKind.ARROW_STREAM])
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"warm": None}, "422 [warm] no column warm"),
        ({"lead": None}, "422 [lead] no column lead"),
        ({"warm": pa.array(["1"] * 10)}, "422 [warm] column 'warm' is of type string"),
        ({"value": pa.array(range(10))}, "422 [value] column value is none of the features"),
        ({"id": pa.array([[1]] * 10)}, "422 [id] column 'id' is of type list<"),
        ({"lead": pa.array([0, 1, 2, 0, 1, 2, 3, 0, 0, 0])}, "422 [lead] row 6, column lead: '3' (steps are 0 to 2)"),
        ({"lead": pa.array([0.0] * 9 + [0.5])}, "422 [lead] row 9, column lead: '0.5' (a whole number)"),
        ({"lead": pa.array([Decimal("1.00000000000000000001")] * 10)}, "422 [lead] column 'lead' has what is no whole number"),
        ({"lead": pa.array([0] * 9 + [None])}, "422 [lead] row 9, column lead: nothing"),
        ({"entity": pa.array(["north"] * 9 + ["nowhere"])}, "422 [entity] row 9, column entity: 'nowhere'"),
        ({"origin": pa.array(["2024-01-01"] * 10)}, "422 [origin] row 0, column origin: '2024-01-01'"),
        ({"origin": pa.array([2**60] * 10, pa.timestamp("ms", "UTC"))}, "422 [origin] column origin has a time beyond all years"),
        ({"origin": pa.array([0] * 10, pa.timestamp("us"))}, "422 [origin] column origin has no time zone"),
        ({"id": pa.array(["x"] * 9 + ["y" * 1001])}, "422 [id] a text of 1001 bytes in column id"),
        ({f"more{number}": pa.array(range(10)) for number in range(40)}, "422 [more39] 43 columns that are no features"),
    ],
)
def test_batch__wrong_columns_and_values_are_told_with_their_place(kind: FileKind, changed: dict[str, Any], told: str) -> None:
    assert refused(packed(rows(**changed), kind), kind).startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "422 [body] the body is empty"),
        ("\n1,2\n", "422 [body] the first line is empty"),
        ("warm,windy,lead\n", "422 [rows] there are no rows"),
        ("warm,lead\n1,2\n", "422 [windy] no column windy"),
        ("warm,windy,lead,warm\n1,2,0,3\n", "422 [warm] column 'warm' is there twice"),
        ("warm,windy,lead\n1,2,0\n1,x,0\n", "422 [windy] row 1, column windy: invalid value 'x' (a number is due, or nothing)"),
        ("warm,windy,lead\n1,2,0\n1,2,0.5\n", "422 [lead] row 1, column lead: invalid value '0.5' (a whole number is due)"),
        ("warm,windy,lead\n1,2,0\n1,2\n", "422 [body] the body is no csv that can be read"),
        ("warm,windy,lead,k\n1,2,0,\udcff\n", "422 [k]"),
        ("w\udcffarm,windy,lead,k\n1,2,0,\udcff\n", "422 [body] the body is no csv that can be read"),
        ("\ufeff", "422 [warm] no column warm, windy"),
        ("warm,windy,lead\r1,2,0\r1,2,0\r", "422 [body] the first line is not understood: new-line character"),
        pytest.param(f"{'k' * 200_000},lead\n1,2\n", "422 [body] the first line is not understood: field larger", id="long-name"),
    ],
)
def test_batch__wrong_csv_is_told_with_its_place(text: str, told: str) -> None:
    assert refused(text.encode("utf-8", "surrogateescape"), FileKind.CSV).startswith(told)


def test_batch__value_that_the_wanted_kind_cannot_hold_is_refused() -> None:
    body = packed(rows(seen=pa.array([2**60] * 10, pa.timestamp("s"))), FileKind.ARROW_STREAM)

    told = refused(body, FileKind.ARROW_STREAM, wanted=FileKind.PARQUET)

    assert told.startswith("422 [body] the answer cannot be written as application/vnd.apache.parquet: Integer overflow")
    assert unpacked(ask(body, FileKind.ARROW_STREAM), FileKind.ARROW_STREAM).num_rows == 10


@pytest.mark.parametrize("kind", [FileKind.PARQUET, FileKind.ARROW_STREAM, FileKind.ARROW_FILE])
def test_batch__cut_altered_and_other_files_are_refused(kind: FileKind) -> None:
    whole = packed(rows(), kind)
    chance = np.random.default_rng(5)

    assert refused(b"no such file at all", kind).startswith("422 [body]")
    assert refused(whole[: len(whole) // 2], kind).startswith("422 ")
    for _ in range(300):
        altered = bytearray(whole)
        altered[chance.integers(len(whole))] ^= 1 << chance.integers(8)
        # Many a change makes another right file; none may do worse than be refused.
        with contextlib.suppress(InvalidRequest):
            ask(bytes(altered), kind)


def test_batch__parquet_whose_footer_contradicts_itself_ends_no_process() -> None:
    code = """
        import contextlib
        from model_code.errors import InvalidRequest
        from services.forecaster.batch import FileKind
        from tests.services.batch_files import packed
        from tests.services.test_batch import ask, rows
        whole = packed(rows(), FileKind.PARQUET)
        for place in range(len(whole) - 8 - int.from_bytes(whole[-8:-4], "little"), len(whole)):
            altered = bytearray(whole)
            altered[place] ^= 1
            with contextlib.suppress(InvalidRequest):
                ask(bytes(altered), FileKind.PARQUET)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr[-1_000:]) == (0, "")


def test_batch__parquet_with_row_groups_without_rows_is_read() -> None:
    sink = io.BytesIO()
    with parquet.ParquetWriter(sink, rows().schema) as writer:
        for part in (rows().slice(0, 0), rows(), rows().slice(0, 0)):
            writer.write_table(part)

    answered = unpacked(ask(sink.getvalue(), FileKind.PARQUET), FileKind.PARQUET)

    assert answered["id"].to_pylist() == rows()["id"].to_pylist()
    assert refused(packed(rows().slice(0, 0), FileKind.PARQUET), FileKind.PARQUET).startswith("422 [rows] there are no rows")


def test_batch__parquet_footer_that_is_too_large_or_tells_of_too_much_is_refused() -> None:
    many = packed(rows(), FileKind.PARQUET, row_group_size=1)

    assert refused(many, FileKind.PARQUET, limits=replace(LIMITS, footer_bytes=1_000)).startswith(
        "413 [body] a Parquet footer of"
    )
    assert refused(many, FileKind.PARQUET, limits=replace(LIMITS, pages=59)).startswith(
        "413 [body] more than 59 parts of columns"
    )
    for tail in (b"\xff\xff\xff\x7fPAR1", b"\x00\x00\x00\x00PAR1", b"\x10\x00\x00\x00PAR1", b"\x10\x00\x00\x00PARE"):
        assert refused(many[:-8] + tail, FileKind.PARQUET).startswith("422 [body] the body is no parquet")


@pytest.mark.parametrize("kind", KINDS)
def test_batch__more_than_is_allowed_is_refused(kind: FileKind) -> None:
    content = packed(rows(), kind)

    assert refused(content, kind, limits=replace(LIMITS, rows=9)).startswith("413 [rows]")
    assert refused(content, kind, limits=replace(LIMITS, bytes=len(content) - 1)).startswith("413 [body]")
    assert refused(content, kind, limits=replace(LIMITS, output_bytes=10)).startswith("413 [body] the answer has more than")


def test_batch__files_that_unpack_to_far_more_are_refused() -> None:
    many = pa.table({"warm": np.zeros(3_000_000), "windy": np.zeros(3_000_000), "lead": np.zeros(3_000_000, np.int64)})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, many.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(many)
    page = packed(
        many, FileKind.PARQUET, compression="zstd", use_dictionary=False, data_page_size=1 << 30, row_group_size=3_000_000
    )
    prefixed = packed(rows(), FileKind.PARQUET, use_dictionary=False, column_encoding={"id": "DELTA_BYTE_ARRAY"})
    limits = replace(LIMITS, message_bytes=1 << 20, page_bytes=1 << 16)

    assert len(sink.getvalue()) < 100_000
    assert refused(sink.getvalue(), FileKind.ARROW_STREAM, limits=limits).startswith("413 [body] a record batch of")
    assert refused(page, FileKind.PARQUET, limits=limits).startswith("413 [warm] column warm has a page that unpacks to")
    assert refused(prefixed, FileKind.PARQUET).startswith("422 [id] column id is encoded as DELTA_BYTE_ARRAY")


def test_batch__compressed_files_within_bounds_are_taken() -> None:
    for compression in ("lz4", "zstd"):
        content = packed(rows(), FileKind.ARROW_FILE, compression=compression)
        assert unpacked(ask(content, FileKind.ARROW_FILE), FileKind.ARROW_FILE).num_rows == 10
    for compression in ("snappy", "gzip", "brotli", "zstd"):
        content = packed(rows(), FileKind.PARQUET, compression=compression, data_page_version="2.0")
        assert unpacked(ask(content, FileKind.PARQUET), FileKind.PARQUET).num_rows == 10


@pytest.mark.parametrize("kind", KINDS)
def test_batch__a_row_that_the_bundle_refuses_is_told_by_its_number_in_the_batch(tmp_path: Path, kind: FileKind) -> None:
    bundle = load_bundle(tmp_path, write_bundle(tmp_path, little_contents(tmp_path / "usecase")).hash)
    table = pa.table({"yesterday": [5.0] * 10, "hour": [float(hour) for hour in range(9)] + [1e9], "lead": [0] * 10})

    async def answer(chunk: Chunk) -> Predicted:
        bundle.check_ranges(chunk.matrix)
        return bundle.predict_rows(chunk.matrix, chunk.lead)

    layout = Layout(tuple(bundle.manifest.feature_columns), bundle.spec.horizon.steps, tuple(bundle.spec.entities or ()))
    told = refused(packed(table, kind), kind, answer=answer, layout=layout)
    answered = unpacked(ask(packed(table.slice(0, 9), kind), kind, answer=answer, layout=layout), kind)
    matrix = np.column_stack([table[name].to_numpy()[:9] for name in layout.features])

    assert told.startswith("422 [hour] row 9: feature hour is 1e+09")
    assert answered["value"].to_pylist() == bundle.predict_rows(matrix, np.zeros(9, np.int64)).value.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_batch__disk_that_takes_no_more_is_not_told_as_the_callers_mistake(kind: FileKind) -> None:
    code = f"""
        import resource, signal
        import numpy as np, pyarrow as pa
        from services.forecaster.batch import BatchLimits, FileKind
        from tests.services.batch_files import packed
        from tests.services.test_batch import refused
        kind, many = FileKind({kind.value!r}), np.random.default_rng(1).random(60_000)
        body = packed(pa.table({{"warm": many, "windy": many, "lead": np.zeros(60_000, np.int64)}}), kind)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        print(refused(body, kind, limits=BatchLimits()))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)

    assert done.stdout.startswith("503 [None] the batch cannot be put down: File too large"), done.stderr


def test_batch__without_a_folder_to_put_it_down_nothing_is_left_running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))

    async def left() -> int:
        with pytest.raises(StoreError, match="cannot be put down"):
            await answer_batch(parts(packed(rows(), FileKind.CSV)), FileKind.CSV, FileKind.CSV, LAYOUT, adding, LIMITS)
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(left()) == 0


def test_batch__waits_for_room_where_predictions_are_kept() -> None:
    class Full(StoreError):
        retry_after = 0.01

    refusals = [Full("full"), Full("full")]

    async def answer(chunk: Chunk) -> Predicted:
        if refusals:
            raise refusals.pop()
        return await adding(chunk)

    assert unpacked(ask(packed(rows(), FileKind.CSV), FileKind.CSV, answer=answer), FileKind.CSV).num_rows == 10
    refusals.append(Full("full"))
    with pytest.raises(Full):
        ask(packed(rows(), FileKind.CSV), FileKind.CSV, answer=answer, limits=replace(LIMITS, wait_seconds=0))


@pytest.mark.parametrize("kind", KINDS)
def test_batch__sender_that_breaks_off_ends_it(kind: FileKind) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield packed(rows(), kind)[:40]
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        ask(breaking(), kind)


def test_batch__sender_waits_while_answers_lag_behind() -> None:
    """A body far larger than what is read ahead: the sender is held back by the answers."""
    line = b"1,2,0\n"
    sent = [0]
    ahead = []

    async def endless() -> AsyncIterator[bytes]:
        yield b"warm,windy,lead\n"
        while sent[0] < 40_000_000:
            part = line * 10_000
            sent[0] += len(part)
            yield part

    async def answer(chunk: Chunk) -> Predicted:
        ahead.append(sent[0] - (chunk.first_row + len(chunk.matrix)) * len(line))
        return await adding(chunk)

    limits = BatchLimits(rows=10_000_000, chunk_rows=100_000, chunk_bytes=1 << 30, parallel=1)
    content = ask(endless(), FileKind.CSV, answer=answer, limits=limits)

    assert content.count(b"\n") == sent[0] // len(line) + 1
    assert max(ahead) < 30_000_000


def test_batch__does_without_pandas_and_in_bounded_memory() -> None:
    code = """
        import asyncio, io, resource, sys
        import numpy as np, pyarrow as pa
        from services.forecaster.batch import BatchLimits, FileKind, Layout, answer_batch
        from model_code.bundle import Predicted
        schema = pa.schema([pa.field(f"f{i}", pa.float64()) for i in range(20)])
        values = np.random.default_rng(1).normal(size=(20, 50_000))
        columns = [pa.Array.from_buffers(pa.float64(), 50_000, [None, pa.py_buffer(row)]) for row in values]
        batch = pa.RecordBatch.from_arrays(columns, schema=schema)
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(batch)
        part = sink.getvalue()
        with pa.ipc.new_stream(io.BytesIO(), schema) as writer:
            pass
        head = schema.serialize().to_pybytes()
        message = batch.serialize().to_pybytes()
        async def body(batches):
            yield head
            for _ in range(batches):
                yield message
            yield b"\\xff\\xff\\xff\\xff\\0\\0\\0\\0"
        async def answer(chunk):
            value = chunk.matrix.sum(axis=1)
            return Predicted(value, value, value)
        async def run(batches):
            layout = Layout(tuple(schema.names))
            kind = FileKind.ARROW_STREAM
            answered = await answer_batch(body(batches), kind, kind, layout, answer, BatchLimits(rows=10_000_000))
            return sum([len(part) async for part in answered.parts])
        asyncio.run(run(1))
        idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        asyncio.run(run(40))
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) >> 10
        print(more, "pandas" in sys.modules)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=100)
    more, pandas = run.stdout.split()

    assert int(more) < 150  # 320 MB of rows went through
    assert pandas == "False"


def test_media__kinds_are_told_by_their_types() -> None:
    assert kind_of("text/csv; charset=UTF-8") is FileKind.CSV
    assert kind_of("application/vnd.apache.parquet") is FileKind.PARQUET
    assert kind_wanted(None, FileKind.CSV) is FileKind.CSV
    assert kind_wanted("*/*", FileKind.PARQUET) is FileKind.PARQUET
    assert kind_wanted("text/*;q=0.9, application/vnd.apache.arrow.file;q=0.1", FileKind.CSV) is FileKind.CSV
    assert kind_wanted("text/html, application/vnd.apache.parquet;q=0.5, text/csv;q=0.1", FileKind.CSV) is FileKind.PARQUET


@pytest.mark.parametrize(
    ("media", "status"),
    [(None, 415), ("application/json", 415), ("text/csv; charset=latin-1", 415)],
)
def test_media__others_are_refused(media: str | None, status: int) -> None:
    with pytest.raises(EvenkeelError) as caught:
        kind_of(media)
    assert caught.value.status == status


def test_media__an_answer_that_nobody_takes_is_refused() -> None:
    for accept in ("text/html", "text/csv;q=0", "text/csv;q=x"):
        with pytest.raises(EvenkeelError) as caught:
            kind_wanted(accept, FileKind.CSV)
        assert caught.value.status == 406
