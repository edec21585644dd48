"""Conditions of a day, told afterwards."""

import math

import numpy as np
import pandas as pd
import pytest

from model_code.weather_day import weather_day

ZONE, PLACE = "Etc/GMT-10", ("AU", "VIC")
HALF_HOURS = pd.date_range("2014-07-01T00:00+10:00", periods=96, freq="30min").tz_convert("UTC")
SECOND = HALF_HOURS[48]


def test_weather_day__tells_degrees_of_the_day_and_of_the_day_before() -> None:
    temperature = pd.Series(np.repeat([8.0, 30.0], 48), HALF_HOURS)
    told = weather_day(temperature, SECOND, ZONE, PLACE)
    assert (told["heating"], told["heating_before"]) == (0.0, 10.0)
    assert (told["cooling"], told["cooling_before"]) == (10.0, 0.0)
    assert (told["hottest"], told["coldest"]) == (6.0, 30.0)


@pytest.mark.parametrize(
    ("date", "day_off", "sunday", "holiday"),
    [("2014-07-02", 0, 0, 0), ("2014-07-05", 1, 0, 0), ("2014-07-06", 1, 1, 0), ("2014-11-04", 1, 0, 1)],
)
def test_weather_day__knows_weekends_and_holidays_of_the_place(date: str, day_off: int, sunday: int, holiday: int) -> None:
    told = weather_day(pd.Series([8.0], HALF_HOURS[:1]), pd.Timestamp(f"{date}T00:00+10:00").tz_convert("UTC"), ZONE, PLACE)
    assert (told["day_off"], told["sunday"], told["holiday"]) == (day_off, sunday, holiday)


def test_weather_day__the_season_turns_at_the_solstices() -> None:
    nothing = pd.Series([], pd.DatetimeIndex([], tz="UTC"), dtype=float)
    june, december = (
        weather_day(nothing, pd.Timestamp(f"2014-{day}T00:00+10:00").tz_convert("UTC"), ZONE, PLACE)["season"]
        for day in ("06-21", "12-21")
    )
    assert (june, december) == (pytest.approx(-1, abs=0.01), pytest.approx(1, abs=0.01))


def test_weather_day__without_temperatures_is_not_known() -> None:
    told = weather_day(pd.Series([8.0], HALF_HOURS[:1]), SECOND, ZONE, PLACE)
    assert all(math.isnan(told[name]) for name in ("heating", "cooling", "hottest", "coldest"))
