"""Whether a moment is one of a use case's origins: `origins.check_origin` without pandas, for a service that loads none."""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from model_code.usecase import UseCaseSpec

DAY, INSTANT = timedelta(days=1), timedelta(microseconds=1)


def is_origin(spec: UseCaseSpec, moment: datetime) -> bool:
    """Whether forecasts are made at this (aware) moment.

    A local time that a clock change leaves out is the first one after it; of one that comes twice, the first.
    """
    zone = _zone(spec.timezone)
    local = moment.astimezone(zone)
    late = (local.replace(tzinfo=None) - _first(spec, moment, zone)) % spec.origins.every
    if not late:
        return not local.fold
    return late <= _left_out(moment, zone)


def _first(spec: UseCaseSpec, moment: datetime, zone: ZoneInfo) -> datetime:
    """The local time, without its zone, at which the search for the latest origin begins."""
    back = (moment - spec.origins.every - DAY).astimezone(zone).replace(tzinfo=None) - DAY
    return back.replace(hour=spec.origins.at.hour, minute=spec.origins.at.minute, second=0, microsecond=0, fold=0)


def _left_out(moment: datetime, zone: ZoneInfo) -> timedelta:
    """How much local time was left out just before the moment."""
    after, before = moment.astimezone(zone).utcoffset(), (moment - INSTANT).astimezone(zone).utcoffset()
    return (after or timedelta(0)) - (before or timedelta(0))


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
