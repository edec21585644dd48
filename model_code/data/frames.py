"""Observation frames between pandas and Arrow: checked, in one form, sorted, compared."""

import hashlib
import json
from collections.abc import Hashable
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from model_code.errors import DataError

KEY = ("entity", "time", "known_at")
"""A row is one revision: what was known about `entity` at `time`, from `known_at` on."""

MOMENT = pa.timestamp("us", tz="UTC")
MICROSECOND = np.timedelta64(1, "us")

QUARANTINE = pa.schema(
    [
        ("id", pa.string()),
        ("refused_at", MOMENT),
        ("entity", pa.string()),
        ("time", MOMENT),
        ("known_at", MOMENT),
        ("reason", pa.string()),
        ("row", pa.string()),
    ]
)


def utc(moment: datetime) -> pd.Timestamp:
    """The moment in UTC, to the microsecond.

    Raises:
        DataError: It has no time zone.
    """
    stamp = pd.Timestamp(moment)
    if stamp.tzinfo is None:
        raise DataError(f"time without a zone: {moment}", hint="give an aware datetime")
    return stamp.tz_convert("UTC").floor("us").as_unit("us")


def between(start: datetime | None, end: datetime | None) -> pc.Expression:
    """Condition `start <= time < end`; None is open."""
    where = pc.scalar(True)
    if start is not None:
        where = where & (pc.field("time") >= utc(start))
    if end is not None:
        where = where & (pc.field("time") < utc(end))
    return where


def ticks(moments: pd.Series) -> npt.NDArray[np.int64]:
    """Microseconds since 1970, UTC."""
    return moments.to_numpy("datetime64[us]").view(np.int64)


def to_arrow(rows: pd.DataFrame) -> pa.Table:
    """An observation frame as it is written, sorted by time, entity and `known_at`.

    Raises:
        DataError: A key column is missing, incomplete or without a zone; a value column is not numeric.
    """
    missing = [name for name in KEY if name not in rows.columns]
    if missing:
        raise DataError(f"not an observation frame: no column {', '.join(missing)}", hint="see docs/store.md")
    fields = [pa.field("entity", pa.string()), pa.field("time", MOMENT), pa.field("known_at", MOMENT)]
    for name in ("time", "known_at"):
        if not isinstance(rows[name].dtype, pd.DatetimeTZDtype):
            raise DataError(f"column {name} has no time zone ({rows[name].dtype})", hint="use datetime64[us, UTC]")
    fields += [pa.field(name, pa.float64()) for name in rows.columns if name not in KEY]
    try:
        table = pa.Table.from_pandas(rows, schema=pa.schema(fields), preserve_index=False, safe=False)
    except pa.ArrowException as error:
        raise DataError(f"not an observation frame: {error}", hint="values must be numbers, entities text") from error
    empty = [name for name in KEY if table[name].null_count]
    if empty:
        raise DataError(f"rows without {', '.join(empty)}", hint="validate and fill them first")
    return table.sort_by([(name, "ascending") for name in ("time", "entity", "known_at")])


def lacking(there: pa.Table, given: pa.Table, skip_unchanged: bool) -> tuple[pa.Table, int]:
    """Rows of `given` whose key is neither in `there` nor earlier in `given`, and how many of them revise one.

    Args:
        there: What the table has of the same range of time: the key, and the values if `skip_unchanged`.
        given: Candidates.
        skip_unchanged: Leave out rows, too, that repeat the values known before them.
    """
    columns = [name for name in given.column_names if skip_unchanged or name in KEY]
    known = there.set_column(there.column_names.index("entity"), "entity", there["entity"].cast(pa.string()))
    both = pa.concat_tables([known, given.select(columns)], promote_options="default").to_pandas()
    order = np.lexsort((ticks(both["known_at"]), ticks(both["time"]), pd.factorize(both["entity"])[0]))
    both = both.take(order)
    before = both.shift()
    repeated = (both["entity"] == before["entity"]) & (both["time"] == before["time"])
    drop = repeated & (both["known_at"] == before["known_at"])
    if skip_unchanged:
        values = [name for name in columns if name not in KEY]
        same = (both[values] == before[values]) | (both[values].isna() & before[values].isna())
        drop |= repeated & same.all(axis=1)
    fresh, revises = np.zeros(len(both), dtype=bool), np.zeros(len(both), dtype=bool)
    fresh[order], revises[order] = ~drop.to_numpy(), (repeated & ~drop).to_numpy()
    return given.filter(pa.array(fresh[there.num_rows :])), int(revises[there.num_rows :].sum())


class Sorted(NamedTuple):
    """Rows as they lie in the files, `entity` categorical, and the order that sorts them by the key."""

    frame: pd.DataFrame
    order: npt.NDArray[np.intp]


def to_pandas(rows: pa.Table) -> Sorted:
    """Rows with the order of their key: entity, time, `known_at`."""
    frame: pd.DataFrame = rows.to_pandas(split_blocks=True)
    entity = frame["entity"].astype("category")
    entity = entity.cat.reorder_categories(sorted(entity.cat.categories))
    frame["entity"] = entity
    return Sorted(frame, np.lexsort((ticks(frame["known_at"]), ticks(frame["time"]), entity.cat.codes.to_numpy())))


def pick(rows: Sorted) -> pd.DataFrame:
    """The rows in their order as a plain observation frame."""
    picked = rows.frame.take(rows.order).reset_index(drop=True)
    picked["entity"] = picked["entity"].astype(object)
    return picked


def latest(rows: Sorted) -> Sorted:
    """The last revision of each entity and time."""
    frame, order = rows
    if not len(order):
        return rows
    entity, moment = frame["entity"].cat.codes.to_numpy()[order], ticks(frame["time"])[order]
    return Sorted(frame, order[np.append((entity[1:] != entity[:-1]) | (moment[1:] != moment[:-1]), True)])


def refused(rows: pd.DataFrame, now: datetime) -> pa.Table:
    """Rows of any form as they are kept in quarantine, identified by their content and reason."""
    contents = [_json(row) for row in rows.drop(columns="reason").to_dict("records")]
    reasons = rows["reason"].astype(str).tolist()
    ids = [hashlib.sha256(f"{reason}\n{row}".encode()).hexdigest() for reason, row in zip(reasons, contents, strict=True)]
    table = pa.table(
        [
            pa.array(ids),
            pa.array([utc(now)] * len(rows), MOMENT),
            pa.array([_text(value) for value in rows.get("entity", [None] * len(rows))], pa.string()),
            _moments(rows, "time"),
            _moments(rows, "known_at"),
            pa.array(reasons, pa.string()),
            pa.array(contents, pa.string()),
        ],
        schema=QUARANTINE,
    )
    _, first = np.unique(ids, return_index=True)
    return table.take(np.sort(first))


def _json(row: dict[Hashable, object]) -> str:
    plain = {
        str(name): value if not isinstance(value, float) or np.isfinite(value) else str(value) for name, value in row.items()
    }
    return json.dumps(plain, default=str, sort_keys=True)


def _text(value: object) -> str | None:
    return None if value is None or value is pd.NaT or value != value else str(value)


def _moments(rows: pd.DataFrame, name: str) -> pa.Array:
    if name not in rows:
        return pa.nulls(len(rows), MOMENT)
    moments = pd.to_datetime(rows[name], utc=True, errors="coerce").dt.as_unit("us")
    return pa.Array.from_pandas(moments, type=MOMENT)
