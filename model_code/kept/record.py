"""What is kept of one answered request, as one message: small enough to write before the answer goes out."""

import math
from array import array

import msgspec

from model_code.errors import InvalidRequest

MAX_BYTES = 64 << 20  # of one encoded record; a batch is kept in chunks well below


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One request, or one chunk of a batch, with its n predictions. Columns are little-endian and as long as `value`.

    Attributes:
        request_id: The request.
        usecase: Name of the use case.
        route: What was asked: forecast, predict, infer or batch.
        version: Registry version that answered.
        bundle: Hash of the bundle that answered.
        asked_by: Who asked.
        made_at: When it was answered, in microseconds since the epoch, UTC.
        latency: From the request's arrival to this record, in microseconds.
        origin: Forecast origin in microseconds; None where the caller told none.
        entity: What each value is about (n,).
        time: What time each value is about, in microseconds (n,).
        lead_seconds: `time` minus `origin` (n,).
        value: float64 (n,).
        lower: float64 (n,); NaN where a row has no interval.
        upper: float64 (n,).
        features: float64 (n*k) by rows, in the bundle's order of columns, where the caller gave them.
        features_hash: n SHA-256 digests, where `features` is None.
        first_row: Number of this chunk's first row within the request.
    """

    request_id: str
    usecase: str
    route: str
    version: str
    bundle: str
    asked_by: str
    made_at: int
    latency: int
    origin: int | None
    entity: list[str] | None
    time: list[int] | None
    lead_seconds: list[int] | None
    value: bytes
    lower: bytes | None
    upper: bytes | None
    features: bytes | None
    features_hash: bytes | None
    first_row: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Kept).decode


def encode(record: Kept) -> bytes:
    """The record as msgpack.

    Raises:
        InvalidRequest: The store could never take it: a text with a null character or half a character, a
            value that is no finite number, or more than `MAX_BYTES`.
    """
    names = (record.request_id, record.asked_by, *(record.entity or ()))
    if any("\0" in name for name in names):
        raise InvalidRequest(
            "a text holds a null character", hint="the store cannot keep it; leave it out", field=_with_null(record)
        )
    values = array("d", record.value)
    if not math.isfinite(sum(values)) and not all(map(math.isfinite, values)):
        raise InvalidRequest("a predicted value is not a finite number", hint="check the features that were given")
    try:
        message = _encode(record)
    except UnicodeEncodeError as error:
        raise InvalidRequest("a text is not valid Unicode", hint="send UTF-8") from error
    if len(message) > MAX_BYTES:
        raise InvalidRequest(f"a record of {len(message)} bytes", hint="keep a batch in smaller chunks")
    return message


def _with_null(record: Kept) -> str:
    fields = {"request_id": record.request_id, "asked_by": record.asked_by}
    return next((name for name, text in fields.items() if "\0" in text), "entity")


def check(record: Kept) -> None:
    """Hold that the columns fit each other, for a record whose rows are not made now.

    Raises:
        ValueError: They do not, or a value is not a finite number.
    """
    values = array("d", record.value)
    n = len(values)
    told = [len(column) for column in (record.entity, record.time, record.lead_seconds) if column is not None]
    bounds = [len(bound) for bound in (record.lower, record.upper) if bound is not None]
    if n == 0 or any(each != n for each in told) or any(each != 8 * n for each in bounds):
        raise ValueError(f"the columns do not fit {n} values")
    if record.features is not None and len(record.features) % (8 * n):
        raise ValueError(f"{len(record.features)} bytes of features are no {n} rows of float64")
    if record.features is None and record.features_hash is not None and len(record.features_hash) != 32 * n:
        raise ValueError(f"{len(record.features_hash)} bytes of digests for {n} rows")
    if not math.isfinite(sum(values)) and not all(map(math.isfinite, values)):
        raise ValueError("a value is not a finite number")


def decode(message: bytes | memoryview) -> Kept:
    """The record of a message.

    Raises:
        msgspec.DecodeError: It is no record.
    """
    return _decode(message)
