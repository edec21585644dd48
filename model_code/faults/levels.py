"""Levels that left their neighbours': a shift of the target that weather, season and habits do not explain, entity by entity.

The level test of one series needs some eight per cent to be sure (docs/policy.md). Entities that share their weather cancel it
for each other, and less is enough. What is found counts as an alarm of the level test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from model_code.data.known import KnownHistory
from model_code.evidence import SeriesEvidence
from model_code.faults.conditions import Days
from model_code.faults.departures import departures
from model_code.faults.find import LOOKBACK, columns_of
from model_code.faults.profile import FaultProfile
from model_code.faults.thresholds import Thresholds
from model_code.usecase import UseCaseSpec

HALF = 0.5  # of a threshold: what was on its way at the release


@dataclass(frozen=True)
class LevelShift:
    """One entity's level against the others'.

    Attributes:
        since: First day of the window that shows it.
        score: Standard deviations, signed.
    """

    since: datetime
    score: float


def shifted_levels(
    profile: FaultProfile,
    history: KnownHistory,
    spec: UseCaseSpec,
    now: datetime,
    released: datetime,
    days: Days | None = None,
) -> dict[str, LevelShift]:
    """Entities whose target's level is beyond its threshold, where no fault of the data explains it better.

    What was going on at the release is what the champion was made with: a level that was half as far off then, on the same
    side, is none, until the windows and the weeks that foretell them lie behind the release.

    Args:
        profile: Learned with the champion.
        history: The use case's observations; nothing that was not known at `now` is used.
        spec: The use case.
        now: The moment of judging (aware).
        released: When the champion became champion (aware).
        days: Tells what the target's days were like, for a profile that rests on that.
    """
    if not profile.feeds:
        return {}
    limits = profile.limits
    found = _levels(profile, history, spec, now, limits, days)
    if not found or now - released > LOOKBACK:
        return found
    half = limits.part("level", HALF)
    before = _levels(profile, history, spec, released, half, days)
    return {name: shift for name, shift in found.items() if name not in before or before[name].score * shift.score < 0}


def _levels(
    profile: FaultProfile,
    history: KnownHistory,
    spec: UseCaseSpec,
    now: datetime,
    limits: Thresholds,
    days: Days | None,
) -> dict[str, LevelShift]:
    return {
        one.entity: LevelShift(column.begin(one.days), one.score)
        for column in columns_of(profile, history, spec, now, days)
        if (column.feed, column.name) == (spec.target.feed, spec.target.column) and column.long_enough
        for one in departures(column.profile, column.grid, limits, column.conditions)
        if one.kind == "level"
    }


def alarmed(series: Sequence[SeriesEvidence], shifts: Mapping[str, LevelShift]) -> tuple[SeriesEvidence, ...]:
    """The series, with the origins since an entity's shift marked as alarms of the level.

    Example:
        >>> alarmed([SeriesEvidence(name="VIC", backtest_loss=0.2)], {})[0].level_since is None
        True
    """
    return tuple(_marked(one, shifts[one.name]) if one.name in shifts else one for one in series)


def _marked(series: SeriesEvidence, shift: LevelShift) -> SeriesEvidence:
    origins = tuple(
        point.model_copy(update={"alarm": True}) if point.origin >= shift.since else point for point in series.origins
    )
    since = min(shift.since, series.level_since or shift.since)
    return series.model_copy(update={"origins": origins, "level_since": since})
