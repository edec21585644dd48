"""The local calendar against pandas' own, over changes of the clock, holidays and the turn of the year."""

from datetime import timedelta

import holidays
import numpy as np
import pandas as pd
import pytest

from model_code.data.observed import Observed, microseconds
from model_code.local_days import LocalDays, local_days

DAY = pd.Timedelta(days=1)
SPANS = [
    ("2024-03-08", "America/Los_Angeles", ("US", "CA")),  # an hour is missing
    ("2024-11-01", "America/Los_Angeles", ("US", "CA")),  # an hour comes twice
    ("2013-12-22", "Etc/GMT-10", ("AU", "VIC")),
    ("2024-04-05", "Australia/Lord_Howe", ("AU", "NSW")),  # the clocks change by half an hour
    ("2024-12-24", "UTC", None),
]


def half_hours(start: str) -> pd.DatetimeIndex:
    return pd.date_range(start, periods=14 * 48, freq="30min", tz="UTC")


def holiday(local: pd.DatetimeIndex, place: tuple[str, str] | None) -> np.ndarray:
    known = holidays.country_holidays(place[0], subdiv=place[1]) if place else {}
    return np.array([float(day in known) for day in local.date])


@pytest.mark.parametrize(("start", "timezone", "place"), SPANS)
def test_local_days__tell_what_pandas_tells(start: str, timezone: str, place: tuple[str, str] | None) -> None:
    times = half_hours(start)
    local = times.tz_convert(timezone)
    told = LocalDays(microseconds(times), timezone, place)
    before = local - DAY

    expected = {
        "hour": (local.hour + local.minute / 60).to_numpy(float),
        "weekday": local.dayofweek.to_numpy(float),
        "holiday": holiday(local, place),
        "holiday_last_week": holiday(local - 7 * DAY, place),
        "day_off": np.maximum(local.dayofweek >= 5, holiday(local, place)),
        "day_off_yesterday": np.maximum(before.dayofweek >= 5, holiday(before, place)),
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(getattr(told, name), values, err_msg=name)
    waves = told.time_of_day(harmonics=3)
    np.testing.assert_array_equal(waves["hour_cos3"], np.cos(2 * np.pi * 3 * expected["hour"] / 24))
    assert list(waves) == ["hour", "hour_sin1", "hour_cos1", "hour_sin2", "hour_cos2", "hour_sin3", "hour_cos3"]


def test_same_day_type__is_the_latest_known_value_of_a_day_of_that_type() -> None:
    hours = pd.date_range("2024-12-10", periods=24 * 15, freq="h", tz="UTC")
    known = pd.Series(np.arange(len(hours), dtype=float), hours)
    known.iloc[-9:] = np.nan  # the morning before the last noon is not known yet
    wanted = pd.date_range("2024-12-25T03:00", periods=48, freq="h", tz="UTC")
    names = holidays.country_holidays("DE", subdiv="BY")

    told = local_days(microseconds(wanted), "Europe/Berlin", ("DE", "BY")).same_day_type(Observed.of(known))

    def off(time: pd.Timestamp) -> bool:
        date = time.tz_convert("Europe/Berlin").date()
        return date.weekday() >= 5 or date in names

    for time, value in zip(wanted, told, strict=True):
        date = time.tz_convert("Europe/Berlin").date()
        alike = [
            back
            for back in range(1, 15)
            if ((day := date - timedelta(days=back)).weekday() >= 5 or day in names) == off(time)
            and not np.isnan(known.get(time - back * DAY, np.nan))
        ]
        assert value == known[time - alike[0] * DAY] if alike else np.isnan(value), time


def test_local_days__are_the_same_for_everybody_and_cannot_be_changed_by_one() -> None:
    stamps = microseconds(half_hours("2024-06-01"))
    told = local_days(stamps, "UTC", None)

    assert local_days(stamps.copy(), "UTC", None) is told
    with pytest.raises(ValueError, match="read-only"):
        told.time_of_day()["hour_sin1"][0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        told.day_off[0] = 5.0
