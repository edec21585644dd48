"""What was known at an origin: the one as-of read that training, backtest and serving share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import pandas as pd

from model_code.data.observed import Observed
from model_code.data.revisions import Revisions, Window
from model_code.data.set_aside import aside_at, marks_of, without
from model_code.data.store import ObservationStore
from model_code.errors import TooLittleData
from model_code.usecase import UseCase, UseCaseSpec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Known:
    """The observations that could be seen at one moment.

    Attributes:
        moment: When (aware). Rows with a later `known_at` are not here.
        windows: Feed -> the rows of it.
    """

    moment: pd.Timestamp
    windows: Mapping[str, Window]

    def __getitem__(self, feed: str) -> pd.DataFrame:
        """The frame of one feed (entity, time in UTC, value columns), sorted by entity and time; made when first asked for."""
        return self.windows[feed].frame

    def observed(self, feed: str, entity: str, column: str) -> Observed:
        """One entity's values by time, without a frame; empty where nothing is known of it."""
        return self.windows[feed].observed(entity, column)

    def entities(self, feed: str, until: datetime, after: datetime | None = None) -> list[str]:
        """The entities with a row at a time `after < time <= until`, sorted."""
        return self.windows[feed].entities(None if after is None else _microseconds(after), _microseconds(until))


class KnownHistory:
    """All revisions of a use case's feeds, in memory, to be read as of many moments.

    Args:
        spec: The use case.
        revisions: Feed -> observation frame with every revision (entity, time, known_at, columns).
        versions: Feed -> version of the table that its revisions were read from.
        quarantined: Of the target's feed: rows that were set aside are no truth (`data/set_aside.py`). Default: none were.
    """

    def __init__(
        self,
        spec: UseCaseSpec,
        revisions: Mapping[str, pd.DataFrame],
        versions: Mapping[str, int] | None = None,
        quarantined: pd.DataFrame | None = None,
    ) -> None:
        self.spec = spec
        self.versions = dict(versions or {})
        self._quarantined = quarantined
        self._feeds = {name: Revisions(frame) for name, frame in revisions.items()}

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
        return cls(usecase.spec, frames, read, marks_of(store.quarantined(usecase.name, usecase.spec.target.feed)))

    def at(self, origin: datetime, *, seen_from: datetime | None = None) -> Known:
        """What was known at `origin`, for times from `lookback` before it to the end of its horizon.

        Args:
            origin: The forecast origin (aware).
            seen_from: A later moment to look from, for what can only be judged afterwards. Default: the origin.
        """
        moment = pd.Timestamp(seen_from if seen_from is not None else origin).tz_convert("UTC")
        known_by, start = _microseconds(moment), _microseconds(origin)
        end = start + self.spec.horizon.end // MICROSECOND
        start -= self.spec.lookback // MICROSECOND
        return Known(moment, {name: feed.as_of(known_by, start, end) for name, feed in self._feeds.items()})

    def truth(self, at: datetime) -> pd.DataFrame:
        """The target as known at `at`: entity, time, value; without what was set aside by then."""
        target = self.spec.target
        frame = self._feeds[target.feed].as_of(_microseconds(at), None, None).frame
        told = frame[["entity", "time", target.column]].rename(columns={target.column: "value"})
        marks = self._quarantined
        return told if marks is None or marks.empty else without(told, aside_at(marks, at))

    def observations(self, feed: str, at: datetime, since: datetime | None = None) -> pd.DataFrame:
        """One feed as known at `at` (entity, time, columns), sorted by entity and time.

        Args:
            feed: Its name.
            at: The moment of looking (aware).
            since: First time that is wanted. Default: all.
        """
        start = None if since is None else _microseconds(since)
        return self._feeds[feed].as_of(_microseconds(at), start, None).frame

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


def _microseconds(moment: datetime) -> int:
    return (pd.Timestamp(moment).to_pydatetime(warn=False) - EPOCH) // MICROSECOND
