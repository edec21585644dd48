"""What a refresh asks for: the gap of each entity, cut into pieces that are stored one by one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from model_code.data.frames import utc
from model_code.data.pages import delay_of
from model_code.data.validation import is_forecast
from model_code.feeds import EiaSource, Feed, OpenMeteoSource
from model_code.usecase import UseCaseSpec

PIECE_ROWS = 100_000
"""Expected rows of a piece: what is fetched again at most after a kill, and what is held in memory."""

IRREGULAR_PIECE = timedelta(days=92)
"""Length of a piece of a feed without a step."""

DEFAULT_HISTORY = timedelta(days=400)

Ranges = Mapping[str, tuple[datetime, datetime]]


@dataclass(frozen=True)
class Span:
    """A range of time to ask for.

    Attributes:
        start: First time wanted (UTC).
        end: First time not wanted (UTC).
        entities: What to ask for; empty asks for all that the source has.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    entities: tuple[str, ...]

    def pieces(self, step: timedelta | None, entities: int) -> Iterator["Span"]:
        """The span in order of time. All entities advance together, so that the newest row tells how far all came."""
        length = IRREGULAR_PIECE if step is None else max(1, PIECE_ROWS // max(1, entities)) * step
        start = self.start
        while start < self.end:
            end = min(self.end, start + length)
            yield Span(start, end, self.entities)
            start = end


def spans(
    spec: UseCaseSpec, feed: Feed, known: Ranges, now: datetime, start: datetime | None, end: datetime | None
) -> list[Span]:
    """What to ask for, main span first.

    Entities that are up to date go together, from `revision_window` before the last row of the one that is furthest
    behind. One that lags by more than `revision_window`, or that is new, gets a span of its own, so that it neither
    loses its gap nor makes all others be asked again.

    Args:
        spec: The use case.
        feed: One of its feeds.
        known: Entity -> first and last time in the table.
        now: The present (aware).
        start: Ask from here instead.
        end: Ask until here. Default: now; for a forecast the end of the horizon.
    """
    until = utc(end) if end is not None else _default_end(spec, feed, now)
    wanted = entities_of(spec, feed)
    if start is not None:
        return [Span(utc(start), until, wanted)]
    first = utc(datetime.fromisoformat(feed.history_from)) if feed.history_from else utc(now) - DEFAULT_HISTORY
    reached = {name: min(utc(times[1]), utc(now)) for name, times in known.items() if not wanted or name in wanted}
    if not reached:
        return [Span(first, until, wanted)]
    near = max(reached.values()) - feed.revision_window
    together = [name for name in reached if reached[name] >= near]
    behind = {name: reached.get(name) for name in wanted if name not in together}
    begin = min(reached[name] for name in together)
    found = [Span(max(first, begin - feed.revision_window), until, tuple(n for n in wanted if n in together))]
    for name, last in behind.items():
        found.append(Span(first if last is None else max(first, last - feed.revision_window), until, (name,)))
    return found


def entities_of(spec: UseCaseSpec, feed: Feed) -> tuple[str, ...]:
    """Whom the feed is asked for; empty is all that the source has."""
    if isinstance(feed.source, EiaSource):
        return tuple(feed.source.codes)
    if isinstance(feed.source, OpenMeteoSource):
        return tuple(feed.source.points)
    return spec.entities or ()


def published(feed: Feed, now: datetime) -> pd.Timestamp:
    """First time that is not normally known yet at `now`."""
    return utc(now) - delay_of(feed) + (feed.step or timedelta(0))


def _default_end(spec: UseCaseSpec, feed: Feed, now: datetime) -> pd.Timestamp:
    if not is_forecast(feed):
        return utc(now)
    return utc(now) + spec.origins.every + spec.horizon.end
