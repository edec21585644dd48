"""One feed's revisions in memory, ordered so that what was known at a moment is a slice and a mask."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from model_code.data.observed import Observed


class Revisions:
    """Every revision of one feed, sorted by time.

    Args:
        frame: Observation frame (entity, time, known_at, columns).
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        codes, names = pd.factorize(frame["entity"], sort=True)
        time, known_at = (frame[name].to_numpy("datetime64[us]").view(np.int64) for name in ("time", "known_at"))
        order = np.lexsort((known_at, codes, time))
        self.rows = frame.drop(columns="known_at").take(order).reset_index(drop=True)
        self.stamps, self.codes = time[order], codes[order].astype(np.int32)
        self.places = {str(name): code for code, name in enumerate(names)}
        self._known_at = known_at[order]
        same = (self.codes[1:] == self.codes[:-1]) & (self.stamps[1:] == self.stamps[:-1])
        self._key = np.append(0, np.cumsum(~same)) if len(order) else order

    def first_time(self) -> pd.Timestamp | None:
        """Earliest time of any row; None where there is no row."""
        return pd.Timestamp(self.rows["time"].iloc[0]) if len(self.rows) else None

    def as_of(self, moment: int, start: int | None, end: int | None) -> "Window":
        """What was known at `moment` of the times from `start` to before `end`, all in microseconds; None is open."""
        low = 0 if start is None else int(np.searchsorted(self.stamps, start))
        high = len(self.stamps) if end is None else int(np.searchsorted(self.stamps, end))
        rows = low + np.flatnonzero(self._known_at[low:high] <= moment)
        if len(rows):
            key = self._key[rows]
            rows = rows[np.append(key[1:] != key[:-1], True)]
        if len(self.places) > 1:  # else the order by time is the order wanted
            rows = rows[np.argsort(self.codes[rows], kind="stable")]
        return Window(self, rows)


@dataclass(frozen=True)
class Window:
    """Rows of a feed by entity and time, each pair once.

    Attributes:
        feed: The revisions that they are among.
        rows: (n,) their places there.
    """

    feed: Revisions
    rows: np.ndarray

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Frame (entity, time, columns)."""
        return self.feed.rows.take(self.rows).reset_index(drop=True)

    @cached_property
    def _bounds(self) -> np.ndarray:
        return np.searchsorted(self.feed.codes[self.rows], np.arange(len(self.feed.places) + 1))

    @cached_property
    def stamps(self) -> np.ndarray:
        """(n,) times in microseconds."""
        stamps: np.ndarray = self.feed.stamps[self.rows]
        return stamps

    def observed(self, entity: str, column: str) -> Observed:
        """One entity's values of a column; empty where it has no row."""
        place = self.feed.places.get(entity)
        within = slice(0, 0) if place is None else slice(self._bounds[place], self._bounds[place + 1])
        return Observed(self.stamps[within], self.feed.rows[column].to_numpy(float)[self.rows[within]])

    def entities(self, after: int | None, until: int) -> list[str]:
        """The entities with a row at a time `after < time <= until` (microseconds), sorted."""
        within = self.stamps <= until
        if after is not None:
            within &= self.stamps > after
        there = np.bincount(self.feed.codes[self.rows[within]], minlength=len(self.feed.places))
        return [name for name, place in self.feed.places.items() if there[place]]
