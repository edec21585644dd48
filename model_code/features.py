"""Building blocks of features: every one reads a `Known`, so none can see past the origin."""

from datetime import timedelta
from functools import lru_cache

import holidays
import numpy as np
import pandas as pd

DAY = pd.Timedelta(days=1)


def series(frame: pd.DataFrame, entity: str, column: str) -> pd.Series:
    """One entity's values by time (UTC index, sorted)."""
    rows = frame[frame["entity"] == entity]
    return pd.Series(rows[column].to_numpy(float), index=pd.DatetimeIndex(rows["time"]))


def lagged(values: pd.Series, times: pd.DatetimeIndex, lags: list[pd.Timedelta]) -> np.ndarray:
    """The value `lag` before each time, for the first of `lags` that is known; NaN where none is.

    Example:
        >>> hours = pd.date_range("2024-01-01", periods=3, freq="h", tz="UTC")
        >>> lagged(pd.Series([1.0, 2.0], index=hours[:2]), hours[1:], [pd.Timedelta("1h")]).tolist()
        [1.0, 2.0]
    """
    result = np.full(len(times), np.nan)
    stamps = _microseconds(times)
    for lag in lags:
        missing = np.isnan(result)
        if not missing.any():
            break
        result[missing] = _at(values, stamps[missing] - round(lag.total_seconds() * 1e6))
    return result


def _microseconds(times: pd.DatetimeIndex) -> np.ndarray:
    return np.asarray(times.as_unit("us").asi8)


def _at(values: pd.Series, stamps: np.ndarray) -> np.ndarray:
    """The values at microsecond stamps, NaN where there is none; a plain search, since pandas' reindex rebuilds its engine."""
    if values.empty:
        return np.full(len(stamps), np.nan)
    known = _microseconds(pd.DatetimeIndex(values.index))
    place = np.minimum(np.searchsorted(known, stamps), len(known) - 1)
    return np.where(known[place] == stamps, values.to_numpy(float)[place], np.nan)


def trailing(values: pd.Series, origin: pd.Timestamp, window: pd.Timedelta) -> pd.Series:
    """The values of the last `window` before the origin that are known."""
    return values[values.index > origin - window].dropna()


@lru_cache(maxsize=64)
def _holidays(country: str, subdivision: str | None, year: int) -> frozenset[object]:
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))


def is_holiday(local: pd.DatetimeIndex, country: str, subdivision: str | None = None) -> np.ndarray:
    """1.0 where the local date is a public holiday, else 0.0."""
    return np.array([float(day in _holidays(country, subdivision, day.year)) for day in local.date])


def time_of_day(local: pd.DatetimeIndex, harmonics: int = 2) -> dict[str, np.ndarray]:
    """Hour of the local day, plain and as harmonics."""
    hour = (local.hour + local.minute / 60).to_numpy(float)
    columns = {"hour": hour}
    for n in range(1, harmonics + 1):
        columns[f"hour_sin{n}"] = np.sin(2 * np.pi * n * hour / 24)
        columns[f"hour_cos{n}"] = np.cos(2 * np.pi * n * hour / 24)
    return columns


def same_day_type(
    values: pd.Series, times: pd.DatetimeIndex, off: np.ndarray, off_on: dict[object, float], local: pd.DatetimeIndex
) -> np.ndarray:
    """The value at the same time on the latest known day of the same type (working day or not).

    Args:
        values: Known values by time.
        times: Times to predict (UTC).
        off: 1.0 where the time's local date is a weekend or holiday.
        off_on: Local date -> 1.0 or 0.0 for the days looked back at.
        local: `times` in local time.
    """
    result = np.full(len(times), np.nan)
    stamps = _microseconds(times)
    dates, which = np.unique(local.date, return_inverse=True)
    for back in range(1, 15):
        alike = np.array([off_on[day - timedelta(days=back)] for day in dates])[which] == off
        wanted = np.isnan(result) & alike
        if wanted.any():
            result[wanted] = _at(values, stamps[wanted] - back * 86_400_000_000)
    return result
