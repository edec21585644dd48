"""Features of the Californian sub-regions' demand: lags, recent level, forecast temperature, calendar, zone."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from model_code.features import DAY, is_holiday, lagged, same_day_type, series, time_of_day, trailing
from model_code.weather_day import weather_day

if TYPE_CHECKING:
    from model_code.data.known import Known
    from model_code.usecase import UseCaseSpec

PLACE = ("US", "CA")
HOUR = pd.Timedelta(hours=1)


def build(known: "Known", origin: pd.Timestamp, rows: pd.DataFrame, spec: "UseCaseSpec") -> pd.DataFrame:
    """One row of features for each (entity, time) of `rows`; all from what was known at the origin.

    Returns:
        Float columns, same order as `rows`. Demand in MW, temperature in °C.
    """
    parts = [_entity(known, origin, str(entity), group, spec) for entity, group in rows.groupby("entity", sort=False)]
    return pd.concat(parts).reindex(rows.index).reset_index(drop=True)


def context(after: "Known", origin: pd.Timestamp, entity: str, spec: "UseCaseSpec") -> dict[str, float]:
    """The conditions of this origin's day, told afterwards: they explain its level, never feed a forecast.

    Args:
        after: What is known once the day is over.
    """
    return weather_day(series(after["weather"], entity, "temperature"), origin, spec.timezone, PLACE)


def _entity(known: "Known", origin: pd.Timestamp, entity: str, rows: pd.DataFrame, spec: "UseCaseSpec") -> pd.DataFrame:
    times = pd.DatetimeIndex(rows["time"])
    demand = series(known["demand"], entity, "demand")
    columns = {
        "demand_yesterday": lagged(demand, times, [DAY, 2 * DAY]),
        "demand_two_days_ago": lagged(demand, times, [2 * DAY, 3 * DAY]),
        "demand_same_time_last_week": lagged(demand, times, [7 * DAY, 14 * DAY]),
        "demand_same_time_two_weeks_ago": lagged(demand, times, [14 * DAY, 7 * DAY]),
        "demand_last_day_mean": trailing(demand, origin, DAY).mean(),
        "demand_last_week_mean": trailing(demand, origin, 7 * DAY).mean(),
        **_calendar(times, demand, spec.timezone),
        **_weather(series(known["weather"], entity, "temperature"), times),
        **{f"zone_{name.lower()}": float(name == entity) for name in spec.entities or ()},
    }
    return pd.DataFrame(columns, index=rows.index, dtype=float)


def _calendar(times: pd.DatetimeIndex, demand: pd.Series, timezone: str) -> dict[str, np.ndarray]:
    local = times.tz_convert(timezone)
    days = pd.date_range(local[0].normalize() - 17 * DAY, local[-1].normalize() + DAY, freq="D")
    off_on = dict(zip(days.date, np.maximum(days.dayofweek >= 5, is_holiday(days, *PLACE)), strict=True))
    off = np.array([off_on[day] for day in local.date])
    return {
        **time_of_day(local, harmonics=3),
        "demand_same_day_type": same_day_type(demand, times, off, off_on, local),
        "weekday": local.dayofweek.to_numpy(float),
        "day_off": off,
        "day_off_yesterday": np.array([off_on[day] for day in (local - DAY).date]),
        "holiday": is_holiday(local, *PLACE),
        "holiday_last_week": is_holiday(local - 7 * DAY, *PLACE),
    }


def _weather(forecast: pd.Series, times: pd.DatetimeIndex) -> dict[str, np.ndarray]:
    """What was forecast for the time itself (it was known then), around it, and for the times of the lags."""
    now = forecast.reindex(times).to_numpy(float)
    around = [forecast.reindex(times + lag * HOUR).to_numpy(float) for lag in (-3, -2, -1)]
    recent = pd.DataFrame(np.column_stack([*around, now])).mean(axis=1).to_numpy()
    return {
        "temperature": now,
        "temperature_last_hours": recent,
        "cooling": np.clip(now - 20, 0, None),
        "heating": np.clip(15 - now, 0, None),
        "temperature_yesterday": lagged(forecast, times, [DAY, 2 * DAY]),
        "temperature_last_week": lagged(forecast, times, [7 * DAY, 14 * DAY]),
    }
