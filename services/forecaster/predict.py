"""`POST /predict`: rows of features as JSON in, values with their intervals out."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
import numpy as np

from model_code.errors import WrongValue
from services.forecaster.exchange import JSON, Exchange
from services.forecaster.handler import Question, check_entities, check_rows, checked_lead
from services.forecaster.identity import new_id
from services.forecaster.plain_rows import plain_rows
from services.forecaster.problems import UnsupportedMedia, WrongField
from services.forecaster.questions import Number, PredictAnswer, PredictRequest, decode_predict, encode
from services.forecaster.running import Running
from services.forecaster.told_origin import origin_of

Message = TypeVar("Message")


async def answer_predict(exchange: Exchange, running: Running, asker: str) -> None:
    """Parse, let the handler answer, write.

    Raises:
        EvenkeelError: Whatever is wrong with the request or the service.
    """
    media = exchange.header(b"content-type")
    if media is not None and media.partition(b";")[0].strip().lower() != b"application/json":
        raise UnsupportedMedia("the content type is not application/json", hint="send JSON (curl: --json), or use /batch")
    limits = running.limits
    request, plain = read_predict(await exchange.body(limits.body_bytes, limits.body_seconds))
    in_header = exchange.given_id()  # refused where it is none, also where the body has another
    exchange.request_id = request.request_id or in_header or new_id()
    serving = running.serving()
    spec = serving.bundle.spec
    rows = len(request.rows if plain is None else plain)
    check_rows(rows, limits.rows)
    check_entities(request.entity, rows, spec)
    lead = None if request.lead is None else np.array(request.lead, dtype=np.int64)
    question = Question(
        route="predict",
        request_id=exchange.request_id,
        asked_by=request.asked_by or asker,
        matrix=matrix_of(request.rows if plain is None else plain, serving.bundle.manifest.feature_columns),
        lead=checked_lead(lead, rows, spec),
        entity=request.entity,
        origin=None if request.origin is None else origin_of(request.origin, spec, running.present()),
        arrived=exchange.arrived,
        driven=exchange.driven,
    )
    try:
        predicted = await running.handler.answer(question, serving)
    except WrongValue as error:
        place = f"lead[{error.row}]" if error.name == "lead" else f"rows[{error.row}].{error.name}"
        raise WrongField(error.message, field=place, hint=error.hint) from error
    interval = spec.task == "forecast"
    answer = PredictAnswer(
        usecase=spec.name,
        version=serving.version,
        bundle=serving.bundle.hash,
        request_id=exchange.request_id,
        unit=spec.target.unit,
        value=predicted.value.tolist(),
        lower=predicted.lower.tolist() if interval else None,
        upper=predicted.upper.tolist() if interval else None,
    )
    await exchange.answer(200, [JSON], encode(answer))


def read_predict(body: bytes) -> tuple[PredictRequest, np.ndarray | None]:
    """The message in a body; where it has many rows of numbers alone, they are a matrix beside it instead of lists in it.

    Raises:
        WrongField: It is no JSON, or not such a message; the field at fault is named.
    """
    return plain_rows(body) or (parsed(decode_predict, body), None)


def parsed(decode: Callable[[bytes], Message], body: bytes) -> Message:
    """The message in a body.

    Args:
        decode: A msgspec decoder of such messages.

    Raises:
        WrongField: It is no JSON, or not such a message; the field at fault is named.
    """
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        field = where.rstrip("`").lstrip(".") or "body"
        raise WrongField(f"{field}: {what}", field=field, hint="see /docs for what is taken") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WrongField(
            f"this is no JSON: {error}", field="body", hint="NaN and Infinity are none; null is not known"
        ) from error


def matrix_of(rows: list[list[Number] | dict[str, Number]] | np.ndarray, columns: tuple[str, ...] | list[str]) -> np.ndarray:
    """Features (n, k), float64, NaN where the caller gave null.

    Args:
        rows: As they were parsed, or a matrix of them already.
        columns: The model's, in order.

    Raises:
        WrongField: A row has another number of values, or a missing or unknown name.
    """
    wide = len(columns)
    if isinstance(rows, np.ndarray):
        if rows.shape[1] != wide:
            raise _wrong_length(0, rows.shape[1], wide)
        return rows
    listed: list[list[Number]] = []
    for number, row in enumerate(rows):
        values = row if isinstance(row, list) else _in_order(row, number, columns)
        if len(values) != wide:
            raise _wrong_length(number, len(values), wide)
        listed.append(values)
    return np.array(listed, dtype=np.float64)


def _wrong_length(number: int, length: int, wide: int) -> WrongField:
    hint = f"{wide} in the order of GET /model's columns"
    return WrongField(f"row {number} has {length} values", field=f"rows[{number}]", hint=hint)


def _in_order(row: dict[str, Number], number: int, columns: tuple[str, ...] | list[str]) -> list[Number]:
    try:
        values = [row[name] for name in columns]
    except KeyError as error:
        raise WrongField(
            f"row {number} has no feature {error.args[0]}", field=f"rows[{number}].{error.args[0]}", hint="null where not known"
        ) from error
    if len(row) != len(columns):
        unknown = next(name for name in row if name not in columns)
        raise WrongField(
            f"row {number} has an unknown feature {unknown[:60]!r}", field=f"rows[{number}].{unknown[:60]}", hint="leave it out"
        )
    return values
