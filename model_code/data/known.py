"""What was known at an origin: the one as-of read that training, backtest and serving share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
import pandas as pd

from model_code.data.store import ObservationStore
from model_code.errors import TooLittleData
from model_code.usecase import UseCase, UseCaseSpec


@dataclass(frozen=True)
class Known:
    """The observations that could be seen at one moment.

    Attributes:
        moment: When (aware). Rows with a later `known_at` are not here.
        frames: Feed -> frame (entity, time in UTC, value columns), sorted by entity and time.
    """

    moment: pd.Timestamp
    frames: Mapping[str, pd.DataFrame]

    def __getitem__(self, feed: str) -> pd.DataFrame:
        """The frame of one feed."""
        return self.frames[feed]


class KnownHistory:
    """All revisions of a use case's feeds, in memory, to be read as of many moments.

    Args:
        spec: The use case.
        revisions: Feed -> observation frame with every revision (entity, time, known_at, columns).
        versions: Feed -> version of the table that its revisions were read from.
    """

    def __init__(
        self, spec: UseCaseSpec, revisions: Mapping[str, pd.DataFrame], versions: Mapping[str, int] | None = None
    ) -> None:
        self.spec = spec
        self.versions = dict(versions or {})
        self._feeds = {name: _Revisions(frame) for name, frame in revisions.items()}

    @classmethod
    def load(cls, usecase: UseCase, store: ObservationStore, until: datetime, versions: Mapping[str, int] | None = None) -> Self:
        """Everything known by `until`, from the store; `versions` pins table versions (default: those of now).

        Raises:
            TooLittleData: A feed has no table yet.
            StoreError: A table has no such version.
        """
        pinned = {feed: (versions or {}).get(feed) for feed in usecase.spec.feeds}
        read = {feed: store.version(usecase.name, feed) if pin is None else pin for feed, pin in pinned.items()}
        frames = {feed: store.revisions(usecase.name, feed, until=until, version=version) for feed, version in read.items()}
        return cls(usecase.spec, frames, read)

    def at(self, origin: datetime, *, seen_from: datetime | None = None) -> Known:
        """What was known at `origin`, for times from `lookback` before it to the end of its horizon.

        Args:
            origin: The forecast origin (aware).
            seen_from: A later moment to look from, for what can only be judged afterwards. Default: the origin.
        """
        moment = pd.Timestamp(seen_from if seen_from is not None else origin).tz_convert("UTC")
        start = pd.Timestamp(origin).tz_convert("UTC")
        horizon = self.spec.horizon
        end = start + horizon.first + horizon.steps * horizon.step
        return Known(moment, {name: feed.as_of(moment, start - self.spec.lookback, end) for name, feed in self._feeds.items()})

    def truth(self, at: datetime) -> pd.DataFrame:
        """The target as known at `at`: entity, time, value."""
        target = self.spec.target
        frame = self._feeds[target.feed].as_of(pd.Timestamp(at).tz_convert("UTC"), None, None)
        return frame[["entity", "time", target.column]].rename(columns={target.column: "value"})

    def first_time(self) -> pd.Timestamp:
        """Earliest time of the target's feed.

        Raises:
            TooLittleData: Nothing of it is known.
        """
        first = self._feeds[self.spec.target.feed].first_time()
        if first is None:
            raise TooLittleData(
                f"{self.spec.name}: nothing is known of the feed {self.spec.target.feed}", hint="refresh or backfill it first"
            )
        return first


class _Revisions:
    """One feed's revisions, sorted by time so that a window is a slice."""

    def __init__(self, frame: pd.DataFrame) -> None:
        ordered = frame.sort_values(["time", "entity", "known_at"], kind="stable").reset_index(drop=True)
        self._values = ordered.drop(columns="known_at")
        self._time = ordered["time"].to_numpy("datetime64[us]")
        self._known_at = ordered["known_at"].to_numpy("datetime64[us]")
        same = (ordered["entity"] == ordered["entity"].shift()) & (ordered["time"] == ordered["time"].shift())
        self._single = ordered["entity"].nunique() <= 1  # then the order by time is the order wanted
        self._key = np.cumsum(~same.to_numpy())

    def first_time(self) -> pd.Timestamp | None:
        return pd.Timestamp(self._values["time"].iloc[0]) if len(self._values) else None

    def as_of(self, moment: pd.Timestamp, start: pd.Timestamp | None, end: pd.Timestamp | None) -> pd.DataFrame:
        low = 0 if start is None else int(np.searchsorted(self._time, _plain(start), side="left"))
        high = len(self._time) if end is None else int(np.searchsorted(self._time, _plain(end), side="left"))
        rows = low + np.flatnonzero(self._known_at[low:high] <= _plain(moment))
        key = self._key[rows]
        latest = rows[np.append(key[1:] != key[:-1], True)] if len(rows) else rows
        found = self._values.iloc[latest]
        if not self._single:
            found = found.sort_values(["entity", "time"], kind="stable")
        return found.reset_index(drop=True)


def _plain(moment: pd.Timestamp) -> np.datetime64:
    return np.datetime64(moment.tz_convert("UTC").tz_localize(None).to_pydatetime(), "us")
