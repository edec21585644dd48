"""Observations, a use case and a source for tests of store, validation and refresh."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_code.usecase import UseCase, UseCaseSpec

HOUR = timedelta(hours=1)
START = datetime(2024, 1, 1, tzinfo=UTC)


def observations(
    values: Sequence[float],
    *,
    entity: str = "a",
    start: datetime = START,
    step: timedelta = HOUR,
    known_after: timedelta | None = HOUR,
) -> pd.DataFrame:
    """One row a step; known that long after its time, or nobody knows when."""
    time = pd.Series(pd.date_range(start, periods=len(values), freq=step)).astype("datetime64[us, UTC]")
    known_at = pd.Series(pd.NaT, index=time.index).dt.tz_localize("UTC") if known_after is None else time + known_after
    return pd.DataFrame(
        {
            "entity": pd.Series([entity] * len(values), dtype=object),
            "time": time,
            "known_at": known_at.astype("datetime64[us, UTC]"),
            "load": np.asarray(values, dtype=float),
        }
    )


def usecase_of(
    entities: Sequence[str] | None = ("a",), *, timezone: str = "UTC", column: dict[str, Any] | None = None, **feed: Any
) -> UseCase:
    """A use case with one feed `load`, hourly, known an hour after the period."""
    settings: dict[str, Any] = {
        "source": {"kind": "python"},
        "columns": {"load": {"unit": "GW", **(column or {})}},
        "step": HOUR,
        "publication_delay": HOUR,
        "history_from": START.isoformat(),
    }
    spec = UseCaseSpec.model_validate(
        {
            "name": "loads",
            "title": "Loads",
            "timezone": timezone,
            "feeds": {"load": settings | feed},
            "entities": entities,
            "entity_feed": None if entities else "load",
            "target": {"feed": "load", "column": "load", "unit": "GW"},
            "horizon": {"steps": 24, "step": HOUR},
            "policy": {"max_data_age": timedelta(days=3), "max_evidence_age": timedelta(days=9)},
        }
    )
    return UseCase(spec, Path("."))


class FrameSource:
    """A source that gives pages of a frame: what is due at `now`, or what is known by then where `known_at` is given.

    Attributes:
        rows: All that is ever published.
        asked: Each call's start, end and entities.
    """

    def __init__(self, rows: pd.DataFrame, *, due_after: timedelta = 2 * HOUR, page_rows: int = 50) -> None:
        self.rows, self.due_after, self.page_rows = rows, due_after, page_rows
        self.asked: list[tuple[datetime, datetime, tuple[str, ...]]] = []

    def fetch(self, start: datetime, end: datetime, now: datetime, entities: Sequence[str]) -> Iterator[pd.DataFrame]:
        self.asked.append((start, end, tuple(entities)))
        known = self.rows["known_at"].fillna(self.rows["time"] + self.due_after) <= now
        here = self.rows[known & (self.rows["time"] >= start) & (self.rows["time"] < end)]
        here = here[here["entity"].isin(entities)] if entities else here
        for first in range(0, len(here), self.page_rows):
            yield here.iloc[first : first + self.page_rows]


def values_of(rows: pd.DataFrame) -> list[tuple[str, datetime, float]]:
    """Entity, time and load of each row."""
    return list(zip(rows["entity"], rows["time"], rows["load"], strict=True))


def together(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Frames one below the other."""
    return pd.concat(list(frames), ignore_index=True)
