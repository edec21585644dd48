"""`POST /batch`: a file of rows in, the same kind of file with their values out; the engine is in `batch/`."""

import asyncio
import time
from collections.abc import AsyncIterator

import numpy as np

from model_code.bundle import Predicted
from model_code.errors import WrongValue
from services.forecaster.batch import (
    Answers,
    BatchLimits,
    Chunk,
    FileKind,
    Layout,
    answer_batch,
    kind_of,
    kind_wanted,
)
from services.forecaster.exchange import Exchange
from services.forecaster.handler import Question
from services.forecaster.identity import new_id
from services.forecaster.problems import BodyTooLarge, WrongField
from services.forecaster.running import Running
from services.forecaster.told_origin import check_origin
from services.forecaster.watcher import Serving

LEAST_BYTES = 16_384  # a second: a body that comes slower uses its patience up, and the place that it holds is another's


async def answer_batches(exchange: Exchange, running: Running, asker: str) -> None:
    """Read a file of rows, let the handler answer each chunk, write; one bundle answers all of it.

    Raises:
        EvenkeelError: Whatever is wrong with the request or the service; always before the first byte of the answer.
    """
    given = kind_of(_text(exchange, b"content-type"))
    wanted = kind_wanted(_text(exchange, b"accept"), given)
    limits = BatchLimits(bytes=running.limits.batch_bytes, rows=running.limits.batch_rows)
    try:
        exchange.check_head(limits.bytes)
    except BodyTooLarge as error:
        raise BodyTooLarge(error.message, field="body", hint="send it in several files") from error
    exchange.request_id = exchange.given_id() or new_id()
    serving = running.serving()
    answer = _answers(exchange, running, asker, serving)
    answered = await answer_batch(_body(exchange, running.limits.body_seconds), given, wanted, layout_of(serving), answer, limits)
    headers = {
        "content-type": media(answered.kind),
        "content-length": str(answered.size),
        "x-model-version": serving.version,
        "x-bundle": serving.bundle.hash,
    }
    await exchange.start(200, [(name.encode(), value.encode()) for name, value in headers.items()])
    async for part in answered.parts:
        await exchange.part(part, more=True)
    await exchange.part(b"", more=False)


def layout_of(serving: Serving) -> Layout:
    """What the serving bundle takes."""
    spec = serving.bundle.spec
    return Layout(
        features=tuple(serving.bundle.manifest.feature_columns),
        steps=spec.horizon.steps if spec.task == "forecast" else 1,
        entities=tuple(spec.entities or ()),
    )


def media(kind: FileKind) -> str:
    """The answer's content type.

    Example:
        >>> media(FileKind.CSV)
        'text/csv; charset=utf-8; header=present'
    """
    return f"{kind}; charset=utf-8; header=present" if kind is FileKind.CSV else kind.value


def _answers(exchange: Exchange, running: Running, asker: str, serving: Serving) -> Answers:
    """The handler's way to answer a chunk."""
    forecast = serving.bundle.spec.task == "forecast"

    async def part(chunk: Chunk, start: int, end: int) -> Predicted:
        question = Question(
            route="batch",
            request_id=exchange.request_id,
            asked_by=asker,
            matrix=chunk.matrix[start:end],
            lead=chunk.lead[start:end] if forecast else None,
            entity=None if chunk.entity is None else chunk.entity[start:end],
            origin=None if chunk.origin is None else int(chunk.origin[start]),
            arrived=exchange.arrived,
            first_row=chunk.first_row + start,
        )
        try:
            if question.origin is not None:
                _check_origin(question.origin, serving, running)
            return await running.handler.answer(question, serving)
        except WrongValue as error:
            raise error.counted_from(start) from error.__cause__

    async def answer(chunk: Chunk) -> Predicted:
        ends = _ends(chunk)
        if len(ends) == 1:
            return await part(chunk, 0, ends[0])
        # A record has one origin: rows that lie together and share theirs are kept together.
        found = []
        for start, end in zip([0, *ends], ends, strict=False):
            found.append(await part(chunk, start, end))
            await asyncio.sleep(0)  # few rows are answered without a pause; others ask as well
        return Predicted(*(np.concatenate([getattr(each, name) for each in found]) for name in ("value", "lower", "upper")))

    return answer


def _check_origin(origin: int, serving: Serving, running: Running) -> None:
    try:
        check_origin(origin, serving.bundle.spec, running.present())
    except WrongField as error:
        raise WrongValue(error.message, row=0, field="origin", hint=error.hint) from error


def _ends(chunk: Chunk) -> list[int]:
    """Where runs of rows with one origin end."""
    if chunk.origin is None:
        return [len(chunk.matrix)]
    changes = np.flatnonzero(np.diff(chunk.origin)) + 1
    return [*changes.tolist(), len(chunk.matrix)]


async def _body(exchange: Exchange, seconds: float) -> AsyncIterator[bytes]:
    more, patience = True, seconds
    while more:
        began = time.monotonic()
        part, more = await exchange.chunk(patience)
        patience = min(seconds, patience - (time.monotonic() - began) + len(part) / LEAST_BYTES)
        yield part


def _text(exchange: Exchange, name: bytes) -> str | None:
    found = exchange.header(name)
    return None if found is None else found.decode("latin-1")
