"""Times as people live them: the local hour, weekday and holidays of the times to predict."""

from functools import cached_property, lru_cache

import holidays
import numpy as np
import pandas as pd

from model_code.data.observed import Observed

HOUR, DAY = 3_600_000_000, 86_400_000_000  # microseconds
THURSDAY = 3  # 1970-01-01
ALIKE_WITHIN = 14  # days: two weeks hold a known day of either type, whatever the holidays

Place = tuple[str, str | None] | None


class LocalDays:
    """The local calendar of some times; the same for every entity, so ask `local_days` for it.

    Args:
        stamps: (n,) times in microseconds since 1970 (UTC).
        timezone: IANA zone.
        place: Country and subdivision of the public holidays; None knows none.
    """

    def __init__(self, stamps: np.ndarray, timezone: str, place: Place) -> None:
        self._stamps, self._place = stamps, place
        self._waves: list[tuple[np.ndarray, np.ndarray]] = []
        back = np.array([0, DAY, 7 * DAY])[:, np.newaxis]
        local = _local((stamps - back).ravel(), timezone).reshape(3, len(stamps))
        self._local = local[0]
        self._days = local // DAY  # today, a day ago, a week ago: the clocks may have changed in between

    @cached_property
    def hour(self) -> np.ndarray:
        """Hour of the local day (n,), with its fraction."""
        minutes: np.ndarray = (self._local % HOUR // 60_000_000) / 60
        return _shared(self._local % DAY // HOUR + minutes)

    @cached_property
    def weekday(self) -> np.ndarray:
        """0.0 on Mondays to 6.0 on Sundays (n,)."""
        return _shared(_weekday(self._days[0]).astype(float))

    @cached_property
    def day_off(self) -> np.ndarray:
        """1.0 on weekends and public holidays, else 0.0 (n,)."""
        return _shared(_off(self._days[0], self._place))

    @cached_property
    def day_off_yesterday(self) -> np.ndarray:
        """The same of the day 24 hours before (n,)."""
        return _shared(_off(self._days[1], self._place))

    @cached_property
    def holiday(self) -> np.ndarray:
        """1.0 on public holidays, else 0.0 (n,)."""
        return _shared(_holiday(self._days[0], self._place))

    @cached_property
    def holiday_last_week(self) -> np.ndarray:
        """The same of the day 168 hours before (n,)."""
        return _shared(_holiday(self._days[2], self._place))

    def time_of_day(self, harmonics: int = 2) -> dict[str, np.ndarray]:
        """Hour of the local day, plain and as harmonics."""
        while len(self._waves) < harmonics:
            angle = 2 * np.pi * (len(self._waves) + 1) * self.hour / 24
            self._waves.append((_shared(np.sin(angle)), _shared(np.cos(angle))))
        columns = {"hour": self.hour}
        for n, (sine, cosine) in enumerate(self._waves[:harmonics], 1):
            columns |= {f"hour_sin{n}": sine, f"hour_cos{n}": cosine}
        return columns

    def same_day_type(self, values: Observed) -> np.ndarray:
        """The value at the same time (UTC) on the latest known day of the same type, working day or not (n,)."""
        result = np.full(len(self._stamps), np.nan)
        for back, alike in enumerate(self._alike, 1):
            wanted = np.isnan(result) & alike
            if wanted.any():
                result[wanted] = values.at(self._stamps[wanted] - back * DAY)
        return result

    @cached_property
    def _alike(self) -> np.ndarray:
        """For each day back (ALIKE_WITHIN, n): is it of the type of the time's own day?"""
        back = np.arange(1, ALIKE_WITHIN + 1)[:, np.newaxis]
        before = self._days[0] - back
        alike: np.ndarray = _off(before.ravel(), self._place).reshape(before.shape) == self.day_off
        return alike


def local_days(stamps: np.ndarray, timezone: str, place: Place = None) -> LocalDays:
    """The local calendar of some times, computed once for the same ones."""
    return _local_days(stamps.tobytes(), timezone, place)


@lru_cache(maxsize=64)
def _local_days(stamps: bytes, timezone: str, place: Place) -> LocalDays:
    return LocalDays(np.frombuffer(stamps, np.int64), timezone, place)


def _shared(values: np.ndarray) -> np.ndarray:
    """Whoever gets these must not change them for the others."""
    values.flags.writeable = False
    return values


def _local(stamps: np.ndarray, timezone: str) -> np.ndarray:
    """What the clock on the wall shows, in microseconds since 1970 there."""
    times = pd.DatetimeIndex(stamps.view("datetime64[us]"), tz="UTC").tz_convert(timezone).tz_localize(None)
    return np.asarray(times.as_unit("us").asi8)


def _weekday(days: np.ndarray) -> np.ndarray:
    return (days + THURSDAY) % 7


def _off(days: np.ndarray, place: Place) -> np.ndarray:
    off: np.ndarray = np.maximum(_weekday(days) >= 5, _holiday(days, place))
    return off


def _holiday(days: np.ndarray, place: Place) -> np.ndarray:
    if place is None:
        return np.zeros(len(days))
    told, which = np.unique(days, return_inverse=True)
    return np.array([_is_holiday(int(day), *place) for day in told])[which]


@lru_cache(maxsize=4096)
def _is_holiday(day: int, country: str, subdivision: str | None) -> float:
    date = np.datetime64(day, "D").item()
    return float(date in _holidays(country, subdivision, date.year))


@lru_cache(maxsize=64)
def _holidays(country: str, subdivision: str | None, year: int) -> frozenset[object]:
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))
