"""Where a use case's origins stand: without pandas, for a service that loads none."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from model_code.usecase import UseCaseSpec

INSTANT = timedelta(microseconds=1)
MONDAY = date(1970, 1, 5)


def is_origin(spec: UseCaseSpec, moment: datetime) -> bool:
    """Whether forecasts are made at this (aware) moment.

    A local time that a clock change leaves out is the first one after it; of one that comes twice, the first.
    """
    zone = _zone(spec.timezone)
    local = moment.astimezone(zone)
    late = (local.replace(tzinfo=None) - anchor(spec)) % spec.origins.every
    if not late:
        return not local.fold
    return late <= _left_out(moment, zone)


def anchor(spec: UseCaseSpec) -> datetime:
    """The local time, without its zone, that all origins are counted from: on a Monday."""
    return datetime.combine(MONDAY, spec.origins.at)


def _left_out(moment: datetime, zone: ZoneInfo) -> timedelta:
    """How much local time was left out just before the moment."""
    after, before = moment.astimezone(zone).utcoffset(), (moment - INSTANT).astimezone(zone).utcoffset()
    return (after or timedelta(0)) - (before or timedelta(0))


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
