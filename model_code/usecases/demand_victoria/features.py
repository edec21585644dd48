"""Features of Victoria's demand: lags, recent level, known temperature, calendar."""

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

PLACE = ("AU", "VIC")


def build(known: "Known", origin: pd.Timestamp, rows: pd.DataFrame, spec: "UseCaseSpec") -> pd.DataFrame:
    """One row of features for each (entity, time) of `rows`; all from what was known at the origin.

    Returns:
        Float columns, same order as `rows`. Demand in GW, temperature in °C.
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
        **_weather(known.observed("weather", entity, "temperature"), times, origin),
    }


def _weather(temperature: Observed, times: np.ndarray, origin: pd.Timestamp) -> Columns:
    last_day = last_known(temperature, origin, DAY)
    known = len(last_day) > 0
    return {
        "temperature_last": last_day[-1] if known else np.nan,
        "temperature_last_day_mean": mean(last_day),
        "temperature_last_day_max": last_day.max() if known else np.nan,
        "temperature_last_day_min": last_day.min() if known else np.nan,
        "temperature_yesterday": lagged(temperature, times, [DAY, 2 * DAY]),
        "temperature_last_week": lagged(temperature, times, [7 * DAY, 14 * DAY]),
    }
