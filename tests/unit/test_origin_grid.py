"""The origins that a service believes are those that the rest of the system makes forecasts at."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_code.errors import InvalidRequest
from model_code.origin_grid import is_origin
from model_code.origins import check_origin, latest_origin, origins_between
from model_code.settings import Settings
from model_code.specification import Origins
from model_code.usecase import UseCaseSpec, load_usecase

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Etc/GMT-10", "America/Santiago")
EVERY = [timedelta(hours=hours) for hours in (0.5, 1, 6, 12, 24, 36, 48, 168)]
# Within hours of a clock change of one of the zones, where the two ways could differ.
CHANGES = [
    datetime(2024, 3, 31, 1, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2024, 3, 10, 7, tzinfo=UTC),
    datetime(2024, 11, 3, 6, tzinfo=UTC),
    datetime(2024, 10, 5, 15, 30, tzinfo=UTC),
    datetime(2024, 4, 6, 15, tzinfo=UTC),
    datetime(2024, 9, 8, 4, tzinfo=UTC),
    datetime(2024, 4, 7, 3, tzinfo=UTC),
]


def spec_of(zone: str, every: timedelta, at: time) -> UseCaseSpec:
    return load_usecase("demand_victoria", Settings()).spec.model_copy(
        update={"timezone": zone, "origins": Origins(every=every, at=at)}
    )


def believed(spec: UseCaseSpec, moment: datetime) -> bool:
    try:
        check_origin(spec, moment)
    except InvalidRequest:
        return False
    return True


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(EVERY),
    st.sampled_from([time(0), time(2), time(2, 30), time(1, 30), time(23, 45)]),
    st.sampled_from(CHANGES),
    st.integers(-20, 20),
)
def test_is_origin__agrees_with_the_grid_of_the_backtest(
    zone: str, every: timedelta, at: time, change: datetime, quarters: int
) -> None:
    spec, moment = spec_of(zone, every, at), change + quarters * timedelta(minutes=15)

    assert is_origin(spec, moment) == believed(spec, moment)


def test_is_origin__is_at_the_local_time_of_every_day() -> None:
    spec, zone = spec_of("Europe/Berlin", timedelta(days=1), time(2, 30)), ZoneInfo("Europe/Berlin")

    assert is_origin(spec, datetime(2024, 3, 30, 2, 30, tzinfo=zone))
    assert not is_origin(spec, datetime(2024, 3, 30, 2, 31, tzinfo=zone))
    assert is_origin(spec, datetime(2024, 3, 31, 3, 0, tzinfo=zone)), "half past two is left out on this day"
    assert is_origin(spec, datetime(2024, 10, 27, 2, 30, tzinfo=zone))
    assert not is_origin(spec, datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=zone).astimezone(UTC))


@pytest.mark.parametrize("zone", ZONES)
def test_is_origin__finds_one_in_each_day_of_a_year(zone: str) -> None:
    spec = spec_of(zone, timedelta(days=1), time(0))
    found = [
        moment
        for quarter in range(366 * 96)
        if is_origin(spec, moment := datetime(2024, 1, 1, 12, tzinfo=UTC) + quarter * timedelta(minutes=15))
    ]

    assert len(found) == 366
    assert all(believed(spec, moment) for moment in found[::30])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ZONES), st.sampled_from(EVERY), st.sampled_from(CHANGES), st.integers(0, 40 * 24), st.integers(0, 40 * 24))
def test_origins__are_the_same_wherever_the_search_begins(
    zone: str, every: timedelta, change: datetime, before: int, after: int
) -> None:
    spec = spec_of(zone, every, time(2, 30))
    start, end = change - timedelta(hours=before), change + timedelta(hours=after)

    found = origins_between(spec, start - timedelta(days=50), end)

    assert [moment for moment in found if moment >= start] == origins_between(spec, start, end)
    assert len(set(found)) == len(found)
    assert latest_origin(spec, end - timedelta(microseconds=1)) == found[-1]


def test_origins__a_week_apart_are_mondays() -> None:
    spec, zone = spec_of("Australia/Melbourne", timedelta(days=7), time(9)), ZoneInfo("Australia/Melbourne")

    found = origins_between(spec, datetime(2024, 3, 27, tzinfo=UTC), datetime(2024, 4, 10, tzinfo=UTC))

    assert found == [datetime(2024, 4, 1, 9, tzinfo=zone), datetime(2024, 4, 8, 9, tzinfo=zone)]
    assert believed(spec, found[0])
    assert not believed(spec, found[0] + timedelta(days=1))
