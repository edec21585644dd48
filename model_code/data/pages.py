"""What all sources share: the shape of a page of observations, the choice of entities, the cut by time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from model_code.errors import ConfigurationError, SourceRefused
from model_code.feeds import Feed
from model_code.usecase import UseCaseSpec

UTC_MICROSECONDS: Final = "datetime64[us, UTC]"
NOT_TOLD = pd.NaT


def page(entity: Any, time: Any, known_at: Any, values: Mapping[str, Any]) -> pd.DataFrame:
    """An observation frame: `entity`, `time`, `known_at`, then the value columns as float64.

    Args:
        entity: One name for all rows, or one a row.
        time: Aware times, the start of each row's period.
        known_at: Aware times, one for all rows or one a row; `NOT_TOLD` where the source does not tell.
        values: Value column -> numbers.
    """
    moments = pd.Series(pd.DatetimeIndex(time)).astype(UTC_MICROSECONDS)
    frame = pd.DataFrame({"entity": entity, "time": moments})
    frame["entity"] = frame["entity"].astype(object)
    known = pd.Series(known_at, index=frame.index)
    frame["known_at"] = pd.to_datetime(known, utc=True, cache=False).astype(UTC_MICROSECONDS)  # its cache looks at every row
    for name, numbers in values.items():
        frame[name] = np.asarray(numbers, dtype=np.float64)
    return frame


def within(rows: pd.DataFrame, start: datetime, end: datetime, now: datetime) -> pd.DataFrame:
    """The rows with `start <= time < end` that were known at `now` (or whose source does not tell)."""
    known = rows["known_at"].isna() | (rows["known_at"] <= now)
    return rows[(rows["time"] >= start) & (rows["time"] < end) & known].reset_index(drop=True)


def delay_of(feed: Feed) -> timedelta:
    """How long after the start of its period a row is normally known: the period has to end first."""
    return (feed.step or timedelta(0)) + feed.publication_delay


def chosen(entities: Sequence[str], offered: Iterable[str]) -> list[str]:
    """What to ask for: `entities`, or all that are offered.

    Raises:
        SourceRefused: The source does not have one of them.
    """
    known = list(offered)
    unknown = sorted(set(entities) - set(known))
    if unknown:
        raise SourceRefused(f"unknown entity {', '.join(unknown)}", hint=f"this source has: {', '.join(sorted(known)[:20])}")
    return [name for name in known if not entities or name in entities]


def only_entity(spec: UseCaseSpec, feed_name: str) -> str:
    """The one entity of a use case whose data name none.

    Raises:
        ConfigurationError: There is not exactly one.
    """
    if spec.entities is None or len(spec.entities) != 1:
        raise ConfigurationError(
            f"{spec.name}: the source of feed {feed_name!r} names no entity", hint="give the use case exactly one entity"
        )
    return spec.entities[0]
