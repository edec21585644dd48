"""What a day was like, told afterwards: the conditions that explain the level of a demand that follows the weather."""

import numpy as np
import pandas as pd

from model_code.data.observed import Observed, microseconds
from model_code.local_days import local_days

DAY_LONG = 86_400_000_000  # microseconds
HEATED_BELOW, COOLED_ABOVE, HOT_ABOVE = 18.0, 20.0, 24.0  # °C


def weather_day(
    temperature: Observed | pd.Series, origin: pd.Timestamp, timezone: str, place: tuple[str, str]
) -> dict[str, float]:
    """The conditions of the day that begins at `origin`; for a use case's `context`, never a feature.

    Args:
        temperature: °C by time, as known once the day is over; plain arrays (`Known.observed`) are a hundred times faster.
        origin: Start of the day (aware).
        timezone: IANA zone in which the day is a weekday or a holiday.
        place: Country and subdivision of the holidays.

    Returns:
        Mean degrees of heating and of cooling on the day and on the day before, the day's hottest time above 24 °C,
        its lowest temperature, the season (-1 in midsummer, 1 in midwinter of the north), flags for a day off, a Sunday
        and a holiday. NaN where no temperature is known.
    """
    known = temperature if isinstance(temperature, Observed) else Observed.of(temperature)
    start = microseconds(pd.DatetimeIndex([origin]))
    day, before = _day_from(known, int(start[0])), _day_from(known, int(start[0]) - DAY_LONG)
    days = local_days(start, timezone, place)
    return {
        "heating": _mean_above(HEATED_BELOW - day),
        "cooling": _mean_above(day - COOLED_ABOVE),
        "heating_before": _mean_above(HEATED_BELOW - before),
        "cooling_before": _mean_above(before - COOLED_ABOVE),
        "hottest": float(np.clip(day.max() - HOT_ABOVE, 0, None)),
        "coldest": float(day.min()),
        "season": float(np.cos(2 * np.pi * (origin.tz_convert(timezone).dayofyear + 10) / 365.25)),
        "day_off": float(days.day_off[0]),
        "sunday": float(days.weekday[0] == 6),
        "holiday": float(days.holiday[0]),
    }


def _mean_above(degrees: np.ndarray) -> float:
    return float(np.clip(degrees, 0, None).mean())


def _day_from(values: Observed, start: int) -> np.ndarray:
    first, last = values.stamps.searchsorted([start, start + DAY_LONG])
    found: np.ndarray = values.values[first:last]
    return found if len(found) else np.array([np.nan])
