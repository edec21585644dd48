"""A kept record as the rows of the prediction table, in plain types: no driver and no model class is needed to make them."""

import math
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import TypeVar

from model_code.kept.record import Kept
from model_code.prediction_id import FORECAST, prediction_id, row_id

COLUMNS = (
    "usecase",
    "prediction_id",
    "request_id",
    "entity",
    "origin",
    "time",
    "lead_seconds",
    "value",
    "lower",
    "upper",
    "version",
    "bundle",
    "asked_by",
    "made_at",
    "features_hash",
    "route",
    "position",
    "latency_us",
    "features",
)
Told = TypeVar("Told")
Value = str | int | float | bytes | None
Row = tuple[Value, ...]  # in the order of COLUMNS; times as text in UTC with microseconds
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rows_of(record: Kept) -> list[Row]:
    """The record's rows.

    Raises:
        ValueError: Its columns have different lengths, or a time that no calendar has.
    """
    values = array("d", record.value)
    n = len(values)
    if not all(map(math.isfinite, values)):
        raise ValueError("a value is not a finite number")
    request_id, usecase, route, latency = record.request_id, record.usecase, record.route, record.latency
    origin = utc_text(record.origin)
    answered = (record.version, record.bundle, record.asked_by, utc_text(record.made_at))
    columns = (
        _column(record.entity, n),
        _column(record.time, n),
        _column(record.lead_seconds, n),
        _bounds(record.lower, n),
        _bounds(record.upper, n),
        _features(record.features, n),
        _digests(record.features_hash, n),
    )
    rows: list[Row] = []
    for i, (value, entity, time, lead, lower, upper, given, told) in enumerate(
        zip(values, *columns, strict=True), record.first_row
    ):
        digest = told or sha256(given or b"").hexdigest()
        identity = (
            prediction_id(request_id, entity, moment(time))
            if route == FORECAST and entity is not None and time is not None
            else row_id(request_id, i, digest)
        )
        about = (usecase, identity, request_id, entity, origin, utc_text(time), lead, value, lower, upper)
        rows.append((*about, *answered, digest, route, i, latency, given))
    return rows


def utc_text(microseconds: int | None) -> str | None:
    """A time as the store's text, in UTC.

    Example:
        >>> utc_text(1404172800000000)
        '2014-07-01 00:00:00.000000'
    """
    if microseconds is None:
        return None
    second, rest = divmod(microseconds, 1_000_000)
    return f"{_second_text(second)}.{rest:06d}"


def moment(microseconds: int) -> datetime:
    """The aware time, in UTC.

    Raises:
        ValueError: No calendar has it.
    """
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError as error:
        raise ValueError(f"time {microseconds} µs is out of range") from error


@lru_cache(4096)
def _second_text(second: int) -> str:
    return moment(second * 1_000_000).strftime("%Y-%m-%d %H:%M:%S")


def _column(told: list[Told] | None, n: int) -> Sequence[Told | None]:
    return told if told is not None else [None] * n


def _bounds(data: bytes | None, n: int) -> Sequence[float | None]:
    if data is None:
        return [None] * n
    return [None if math.isnan(bound) else bound for bound in array("d", data)]


def _features(data: bytes | None, n: int) -> Sequence[bytes | None]:
    """The features of each row, as they were given."""
    if data is None:
        return [None] * n
    width, rest = divmod(len(data), n)
    if rest or width % 8:
        raise ValueError(f"{len(data)} bytes of features are no {n} rows of float64")
    return [data] if n == 1 else [data[i : i + width] for i in range(0, len(data), width)]


def _digests(data: bytes | None, n: int) -> Sequence[str | None]:
    """The hash of each row's features where only that was kept."""
    if data is None:
        return [None] * n
    return [data[i : i + 32].hex() for i in range(0, len(data), 32)]
