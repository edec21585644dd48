"""The reference of a window: earlier years where there are any, else the same conditions, and it says which."""

import numpy as np
import pandas as pd
import pytest

from model_code.errors import TooLittleData
from model_code.shift import choose_reference

ZONE = "Australia/Melbourne"


def days(start: str, number: int) -> list[pd.Timestamp]:
    return list(pd.date_range(start, periods=number, freq="D", tz=ZONE).tz_convert("UTC"))


def test_choose__takes_the_same_season_of_earlier_years() -> None:
    window = days("2024-07-01", 7)
    found = choose_reference(days("2021-01-01", 1_250), window, None, size=28, timezone=ZONE)
    assert (found.basis, len(found.origins)) == ("same_season", 28)
    local = pd.DatetimeIndex(found.origins).tz_convert(ZONE)
    assert set(local.year) <= {2021, 2022, 2023}
    assert np.abs(local.dayofyear - 186).max() <= 21
    assert "earlier years" in found.text


def test_choose__keeps_to_the_windows_weekdays() -> None:
    sundays = [day for day in days("2024-06-01", 30) if day.tz_convert(ZONE).weekday() == 6]
    found = choose_reference(days("2021-01-01", 1_200), sundays, None, size=15, timezone=ZONE)
    assert set(pd.DatetimeIndex(found.origins).tz_convert(ZONE).weekday) == {6}


def test_choose__midwinter_lies_around_the_turn_of_the_year() -> None:
    found = choose_reference(days("2020-01-01", 1_400), days("2023-12-30", 7), None, size=28, timezone="UTC")
    assert set(pd.DatetimeIndex(found.origins).month) <= {12, 1}


def test_choose__without_earlier_years_takes_days_of_the_same_conditions() -> None:
    earlier, window = days("2024-01-01", 180), days("2024-07-01", 7)
    warmth = pd.DataFrame({"warm": np.cos(np.arange(187) / 187 * np.pi) * 20}, index=pd.DatetimeIndex([*earlier, *window]))
    warmth.loc[window, "warm"] = 19.5
    found = choose_reference(earlier, window, warmth, size=28, timezone=ZONE)
    assert found.basis == "matched_context"
    assert warmth.loc[list(found.origins), "warm"].min() > 15
    assert "warm" in found.text


def test_choose__conditions_match_days_off_with_days_off() -> None:
    earlier, sundays = days("2024-01-01", 180), days("2024-07-07", 1)
    flat = pd.DataFrame({"warm": 1.0}, index=pd.DatetimeIndex([*earlier, *sundays]))
    found = choose_reference(earlier, sundays, flat, size=14, timezone=ZONE)
    assert set(pd.DatetimeIndex(found.origins).tz_convert(ZONE).weekday) == {5, 6}


def test_choose__else_takes_the_latest_and_says_so() -> None:
    found = choose_reference(days("2024-01-01", 100), days("2024-07-01", 7), None, size=28, timezone=ZONE)
    assert (found.basis, found.origins) == ("recent", tuple(days("2024-01-01", 100)[-28:]))
    unknown = pd.DataFrame({"warm": [np.nan]}, index=pd.DatetimeIndex(days("2024-01-01", 1)))
    assert choose_reference(days("2024-01-01", 100), days("2024-07-01", 7), unknown, size=28, timezone=ZONE).basis == "recent"


def test_choose__never_compares_a_window_with_itself() -> None:
    every = days("2024-01-01", 40)
    found = choose_reference(every, every[-7:], None, size=28, timezone=ZONE)
    assert not set(found.origins) & set(every[-7:])


def test_choose__refuses_nothing_to_choose_from() -> None:
    with pytest.raises(TooLittleData, match="0 earlier origins"):
        choose_reference([], days("2024-07-01", 7), None, size=28, timezone=ZONE)
