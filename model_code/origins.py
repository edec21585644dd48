"""When forecasts are made and which rows each one covers."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from model_code.data.known import Known
from model_code.data.observed import microseconds
from model_code.errors import InvalidRequest
from model_code.origin_grid import anchor
from model_code.usecase import UseCaseSpec

MICROSECOND = timedelta(microseconds=1)


def origins_between(spec: UseCaseSpec, start: datetime, end: datetime) -> list[pd.Timestamp]:
    """Every origin with `start <= origin < end`, in UTC.

    Origins stand at fixed local times, so that they move with the clock changes of the zone.
    """
    first, last = (pd.Timestamp(moment).tz_convert(spec.timezone) for moment in (start, end))
    every, anchored = pd.Timedelta(spec.origins.every), pd.Timestamp(anchor(spec))
    before = (first.tz_localize(None) - pd.Timedelta(days=1) - anchored) // every  # a clock change moves one by less than a day
    naive = pd.date_range(anchored + before * every, last.tz_localize(None), freq=every)
    # Forward, pandas 2 shifts by an hour where a clock moves by half of one; the instant before is right.
    local = naive.tz_localize(spec.timezone, nonexistent="shift_backward", ambiguous=True)
    found = local.tz_convert("UTC").ceil("us").unique()
    return [moment for moment in found if first <= moment < last]


def latest_origin(spec: UseCaseSpec, now: datetime) -> pd.Timestamp:
    """The newest origin that is not after `now`."""
    back = pd.Timedelta(spec.origins.every) + pd.Timedelta(days=1)
    found = origins_between(spec, pd.Timestamp(now) - back, pd.Timestamp(now) + pd.Timedelta(microseconds=1))
    return found[-1]


def check_origin(spec: UseCaseSpec, origin: datetime) -> pd.Timestamp:
    """The origin in UTC.

    Raises:
        InvalidRequest: No time zone, or not one of the use case's origins.
    """
    moment = pd.Timestamp(origin)
    if moment.tzinfo is None:
        raise InvalidRequest(f"origin {origin} has no time zone", hint="give ISO 8601 with an offset")
    latest = latest_origin(spec, moment)
    if latest != moment:
        raise InvalidRequest(
            f"origin {origin} is not an origin of {spec.name}", hint=f"the one before it is {latest.isoformat()}"
        )
    return latest


def target_times(spec: UseCaseSpec, origins: Sequence[pd.Timestamp]) -> pd.DatetimeIndex:
    """The times that forecasts made at these origins cover, one origin's after another's, in UTC."""
    horizon = spec.horizon
    moments = pd.DatetimeIndex(list(origins), dtype="datetime64[us, UTC]")
    offsets = horizon.first // MICROSECOND + np.arange(horizon.steps) * (horizon.step // MICROSECOND)
    return pd.DatetimeIndex((microseconds(moments)[:, None] + offsets).ravel().view("datetime64[us]"), tz="UTC")


def entities_at(spec: UseCaseSpec, known: Known, origin: pd.Timestamp) -> list[str]:
    """The entities to predict for: the fixed list, or those with a row in `entity_feed` since the last origin."""
    if spec.entities is not None:
        return list(spec.entities)
    assert spec.entity_feed is not None
    return known.entities(spec.entity_feed, until=origin, after=origin - pd.Timedelta(spec.origins.every))


def target_rows(spec: UseCaseSpec, origin: pd.Timestamp, entities: Sequence[str], steps: int | None = None) -> pd.DataFrame:
    """What one forecast answers: entity, time, step (0 is the first lead time); the first `steps` of the horizon, or all."""
    count = spec.horizon.steps if steps is None else steps
    step = np.arange(count)
    first = microseconds(pd.DatetimeIndex([origin.tz_convert("UTC") + spec.horizon.first]))[0]
    times = first + step * (spec.horizon.step // MICROSECOND)
    return pd.DataFrame(
        {
            "entity": np.repeat(np.array(entities, dtype=object), count),
            "time": pd.DatetimeIndex(np.tile(times, len(entities)).view("datetime64[us]"), tz="UTC"),
            "step": np.tile(step, len(entities)),
        },
        copy=False,
    )
