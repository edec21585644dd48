"""Features of the Californian sub-regions' demand: lags, recent level, forecast temperature, calendar, zone."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from model_code.data.observed import Observed
from model_code.features import DAY, Columns, by_entity, lagged, last_known, mean
from model_code.local_days import local_days
from model_code.weather_day import weather_day

if TYPE_CHECKING:
    from model_code.data.known import Known
    from model_code.usecase import UseCaseSpec

PLACE = ("US", "CA")
HOUR = 3_600_000_000  # microseconds


def build(known: "Known", origin: pd.Timestamp, rows: pd.DataFrame, spec: "UseCaseSpec") -> pd.DataFrame:
    """One row of features for each (entity, time) of `rows`; all from what was known at the origin.

    Returns:
        Float columns, same order as `rows`. Demand in MW, temperature in °C.
    """
    return by_entity(rows, lambda entity, times: _entity(known, origin, entity, times, spec))


def context(after: "Known", origin: pd.Timestamp, entity: str, spec: "UseCaseSpec") -> dict[str, float]:
    """The conditions of this origin's day, told afterwards: they explain its level, never feed a forecast.

    Args:
        after: What is known once the day is over.
    """
    return weather_day(after.observed("weather", entity, "temperature"), origin, spec.timezone, PLACE)


def _entity(known: "Known", origin: pd.Timestamp, entity: str, times: np.ndarray, spec: "UseCaseSpec") -> Columns:
    demand, days = known.observed("demand", entity, "demand"), local_days(times, spec.timezone, PLACE)
    return {
        "demand_yesterday": lagged(demand, times, [DAY, 2 * DAY]),
        "demand_two_days_ago": lagged(demand, times, [2 * DAY, 3 * DAY]),
        "demand_same_time_last_week": lagged(demand, times, [7 * DAY, 14 * DAY]),
        "demand_same_time_two_weeks_ago": lagged(demand, times, [14 * DAY, 7 * DAY]),
        "demand_last_day_mean": mean(last_known(demand, origin, DAY)),
        "demand_last_week_mean": mean(last_known(demand, origin, 7 * DAY)),
        **days.time_of_day(harmonics=3),
        "demand_same_day_type": days.same_day_type(demand),
        "weekday": days.weekday,
        "day_off": days.day_off,
        "day_off_yesterday": days.day_off_yesterday,
        "holiday": days.holiday,
        "holiday_last_week": days.holiday_last_week,
        **_weather(known.observed("weather", entity, "temperature"), times),
        **{f"zone_{name.lower()}": float(name == entity) for name in spec.entities or ()},
    }


def _weather(forecast: Observed, times: np.ndarray) -> Columns:
    """What was forecast for the time itself (it was known then), around it, and for the times of the lags."""
    now = forecast.at(times)
    return {
        "temperature": now,
        "temperature_last_hours": _mean_of([forecast.at(times + lag * HOUR) for lag in (-3, -2, -1)] + [now]),
        "cooling": np.clip(now - 20, 0, None),
        "heating": np.clip(15 - now, 0, None),
        "temperature_yesterday": lagged(forecast, times, [DAY, 2 * DAY]),
        "temperature_last_week": lagged(forecast, times, [7 * DAY, 14 * DAY]),
    }


def _mean_of(hours: list[np.ndarray]) -> np.ndarray:
    """The mean of those that are known, NaN where none is."""
    known = ~np.isnan(hours)
    count = known.sum(axis=0)
    total: np.ndarray = np.where(known, hours, 0.0).sum(axis=0)
    average: np.ndarray = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return average
