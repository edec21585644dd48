"""Rows that data faults name, set aside: kept in quarantine with the reason, and no truth from then on; nothing is lost.

Features go on reading them, since a forecast needs its last hours; but no model is trained or judged on them. It is reversible,
and known as of when it was done, like all else. What a person took back is not set aside again by a fault; `python -m
model_code.data.aside` is a person's command for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from model_code.data.store import ObservationStore
from model_code.evidence import DataFault

ASIDE, BACK = "set aside", "taken back"
KEY = ["entity", "time"]
LONGEST = timedelta(days=31)  # a fault that is older than this needs a person


def set_aside(store: ObservationStore, usecase: str, faults: Sequence[DataFault], now: datetime) -> int:
    """Mark the rows of each fault, from its beginning to now; what is missing has none. The same again marks nothing more.

    Rows that a person took back stay as they are: the fault goes on being told, and the person's word stands.

    Args:
        store: Where the feeds and their quarantine lie.
        usecase: Name of the use case.
        faults: What was found.
        now: When it is done (aware).

    Returns:
        How many rows were marked.

    Raises:
        TooLittleData: A feed has no table yet.
        StoreError: The quarantine cannot be written; the feeds are as before in any case.
    """
    return sum(_set_aside(store, usecase, fault, now) for fault in faults if fault.kind != "missing")


@dataclass(frozen=True)
class Stretch:
    """Rows that a person names.

    Attributes:
        feed: Whose table.
        start: First time of the rows (aware).
        end: First time after them.
        entities: Whose rows; None: everybody's.
    """

    feed: str
    start: datetime
    end: datetime
    entities: Sequence[str] | None = None


def take_back(store: ObservationStore, usecase: str, stretch: Stretch, now: datetime, why: str) -> int:
    """The rows count again from `now` on; how many did not before."""
    aside, _ = _parted(store, usecase, stretch, now)
    return _mark(store, usecase, stretch.feed, aside, f"{BACK} {now.isoformat()}: {why}", now)


def set_aside_by_hand(store: ObservationStore, usecase: str, stretch: Stretch, now: datetime, why: str) -> int:
    """The rows are no truth from `now` on, those taken back included; how many were before."""
    _, counted = _parted(store, usecase, stretch, now)
    return _mark(store, usecase, stretch.feed, counted, f"{ASIDE} {now.isoformat()}: {why}", now)


def marks_of(quarantined: pd.DataFrame) -> pd.DataFrame:
    """The rows of `ObservationStore.quarantined` that were set aside or taken back; not those that validation refused."""
    return quarantined[quarantined["reason"].str.startswith((ASIDE, BACK))]


def aside_at(quarantined: pd.DataFrame, at: datetime) -> pd.DataFrame:
    """The rows (entity, time) that were set aside and not taken back by a moment.

    Args:
        quarantined: From `ObservationStore.quarantined`.
        at: The moment (aware).
    """
    latest = latest_marks(quarantined, at)
    return latest[latest["reason"].str.startswith(ASIDE)][KEY].reset_index(drop=True)


def latest_marks(quarantined: pd.DataFrame, at: datetime) -> pd.DataFrame:
    """The last word on each row (entity, time) that was ever set aside, as known at a moment; columns as given."""
    marks = marks_of(quarantined)
    marks = marks[marks["refused_at"] <= at]
    return marks.sort_values("refused_at", kind="stable").drop_duplicates(KEY, keep="last")


def without(rows: pd.DataFrame, aside: pd.DataFrame) -> pd.DataFrame:
    """The rows whose entity and time are not set aside, index reset."""
    return rows if aside.empty else rows[~_keys(rows).isin(_keys(aside))].reset_index(drop=True)


def _set_aside(store: ObservationStore, usecase: str, fault: DataFault, now: datetime) -> int:
    start = max(fault.since or now - timedelta(days=1), now - LONGEST)
    entities = None if fault.entity is None else [fault.entity]
    rows = store.as_of(usecase, fault.feed, now, start=start, end=now, entities=entities)
    fresh = without(rows, latest_marks(store.quarantined(usecase, fault.feed), now)[KEY])
    return _mark(store, usecase, fault.feed, fresh, f"{ASIDE} {now.isoformat()}: {fault.text}", now)


def _parted(store: ObservationStore, usecase: str, stretch: Stretch, now: datetime) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a stretch as known now: those that are set aside, those that count."""
    rows = store.as_of(usecase, stretch.feed, now, start=stretch.start, end=stretch.end, entities=stretch.entities)
    aside = _keys(rows).isin(_keys(aside_at(store.quarantined(usecase, stretch.feed), now)))
    return rows[aside], rows[~aside]


def _mark(store: ObservationStore, usecase: str, feed: str, rows: pd.DataFrame, reason: str, now: datetime) -> int:
    return store.quarantine(usecase, feed, rows.assign(reason=reason), now)


def _keys(rows: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(rows[KEY])
