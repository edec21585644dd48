"""The run of one batch: chunks are read, answered and written side by side, each kept before the next step."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from model_code.bundle import Predicted
from model_code.errors import StoreError, WrongValue
from services.forecaster.batch.columns import Chunk, Layout
from services.forecaster.batch.feed import Feed
from services.forecaster.batch.limits import BatchLimits
from services.forecaster.batch.media import FileKind
from services.forecaster.batch.reading import chunks
from services.forecaster.batch.writing import Output

T = TypeVar("T")
Answers = Callable[[Chunk], Awaitable[Predicted]]


@dataclass(frozen=True)
class Answered:
    """The answer to a whole batch.

    Attributes:
        kind: What it is.
        size: Bytes.
        rows: Rows.
        parts: Its bytes, to be read once.
    """

    kind: FileKind
    size: int
    rows: int
    parts: AsyncIterator[bytes]


async def answer_batch(
    body: AsyncIterator[bytes], given: FileKind, wanted: FileKind, layout: Layout, answer: Answers, limits: BatchLimits
) -> Answered:
    """Answer every row of a file.

    The body is read only as fast as its rows are answered, and the answers wait in a file without a name until the last
    one is there: whoever gets an answer gets all of it, and a mistake in the last row is told as clearly as in the first.
    (A caller that reads nothing before it has sent everything, as most do, would else wait for us while we wait for it.)

    Args:
        body: As it arrives.
        given: What the body is.
        wanted: What the answer shall be.
        layout: What the model takes.
        answer: Checks, predicts and keeps one chunk; several at once.
        limits: What the batch may take.

    Raises:
        InvalidRequest: Something is wrong with the file; the place is named.
        NoRoom: It, or its answer, cannot be put down.
        EvenkeelError: Whatever `answer` raises.
    """
    output = Output(wanted, limits)
    feed = Feed(limits.bytes)
    pump = asyncio.create_task(feed.pump(body))
    # A thread for reading and one for writing: neither may wait for the other.
    threads = ThreadPoolExecutor(2, thread_name_prefix="batch")
    try:
        rows = await _run(threads, chunks(given, feed, layout, limits), answer, output, limits)
        size = await _in(threads, output.finish)
    except BaseException as error:
        output.close()
        if feed.error is not None and isinstance(error, Exception):
            raise feed.error from None
        raise
    finally:
        feed.fail(InterruptedError("the batch has ended"))  # whoever still reads stops waiting
        pump.cancel()
        threads.shutdown(wait=False)
    return Answered(wanted, size, rows, _parts(output))


async def _run(threads: ThreadPoolExecutor, read: Iterator[Chunk], answer: Answers, output: Output, limits: BatchLimits) -> int:
    working: deque[tuple[Chunk, asyncio.Task[Predicted]]] = deque()
    rows = 0
    try:
        while True:
            chunk = await _in(threads, lambda: next(read, None))
            if chunk is not None:
                rows += len(chunk.matrix)
                working.append((chunk, asyncio.create_task(_answered(chunk, answer, limits.wait_seconds))))
            while working and (chunk is None or len(working) > limits.parallel):
                first, task = working.popleft()
                await _in(threads, partial(output.write, first, await task))
            if chunk is None:
                return rows
    finally:
        for _, task in working:
            task.cancel()
        await asyncio.gather(*(task for _, task in working), return_exceptions=True)


async def _answered(chunk: Chunk, answer: Answers, wait_seconds: float) -> Predicted:
    """The answers of a chunk; where predictions are kept there may be no room for a while."""
    until = time.monotonic() + wait_seconds
    while True:
        try:
            return await answer(chunk)
        except WrongValue as error:
            raise error.counted_from(chunk.first_row) from error.__cause__
        except StoreError as error:
            pause = getattr(error, "retry_after", None)
            if pause is None or time.monotonic() + pause > until:
                raise
            await asyncio.sleep(pause)


async def _in(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, work)


async def _parts(output: Output) -> AsyncIterator[bytes]:
    with output:
        while part := await asyncio.to_thread(output.part):
            yield part
