"""Entities far apart, each with its own weather: what the use case's `context` tells of their days tells a shift from weather."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from model_code.data.known import KnownHistory
from model_code.faults import Days, FaultProfile, find_faults, learn, shifted_levels
from model_code.faults.conditions import usable
from model_code.faults.grid import DayGrid, day_grid
from model_code.faults.normal import fit_normal
from model_code.settings import Settings
from model_code.usecase import UseCase, load_usecase
from tests.unit.faults.panel import LEARNED, NAMES, NOW, START, ZONE, last

HOUR = timedelta(hours=1)
CONTEXT = (
    "heating",
    "cooling",
    "heating_before",
    "cooling_before",
    "hottest",
    "coldest",
    "season",
    "day_off",
    "sunday",
    "holiday",
)


@pytest.fixture(scope="module")
def usecase() -> UseCase:
    """Demand with weather of five entities."""
    given = load_usecase("demand_us", Settings())
    return UseCase(given.spec.model_copy(update={"entities": NAMES}), given.folder)


@pytest.fixture(scope="module")
def weather() -> pd.DataFrame:
    """Hourly temperature, °C: each entity has its own cold and warm weeks around one season."""
    chance = np.random.default_rng(3)
    times = pd.date_range(START, NOW, freq="h", inclusive="left").tz_convert("UTC")
    day = (times.tz_convert(ZONE).normalize().tz_localize(None) - pd.Timestamp("2020-01-01")).days.to_numpy()
    table = {}
    for name in NAMES:
        spells = pd.Series(chance.normal(scale=14, size=day.max() + 1)).rolling(7, min_periods=1).mean().to_numpy()
        table[name] = 12 - 8 * np.cos(2 * np.pi * (day + 10) / 365.25) + spells[day]
    return pd.DataFrame(table, index=times)


@pytest.fixture(scope="module")
def loads(weather: pd.DataFrame) -> pd.DataFrame:
    """Hourly load of them: three per cent for each degree of heating or cooling, two per cent of noise by hour and by day."""
    chance = np.random.default_rng(5)
    days = weather.index.tz_convert(ZONE).normalize().factorize()[0]
    noise = chance.normal(scale=0.02, size=weather.shape) + chance.normal(scale=0.02, size=(days.max() + 1, len(NAMES)))[days]
    degrees = (18 - weather).clip(lower=0) + (weather - 20).clip(lower=0)
    hour = weather.index.tz_convert(ZONE).hour.to_numpy()[:, None]
    return pd.DataFrame(1000 * np.exp(0.2 * np.sin(hour / 4) + 0.03 * degrees + noise))


def known(usecase: UseCase, loads: pd.DataFrame, weather: pd.DataFrame) -> KnownHistory:
    def frame(table: pd.DataFrame, name: str) -> pd.DataFrame:
        rows = table.rename_axis(index="time", columns="entity").stack(future_stack=True).rename(name).reset_index()
        rows["time"] = rows["time"].astype("datetime64[us, UTC]")
        return rows.assign(known_at=rows["time"] + timedelta(hours=2))

    return KnownHistory(usecase.spec, {"demand": frame(loads, "demand"), "weather": frame(weather, "temperature")})


@pytest.fixture(scope="module")
def profile(usecase: UseCase, loads: pd.DataFrame, weather: pd.DataFrame) -> FaultProfile:
    history = known(usecase, loads, weather)
    return learn(history, usecase.spec, LEARNED, Days.of(usecase, history))


def moved(loads: pd.DataFrame) -> pd.DataFrame:
    changed = loads.copy()
    changed.loc[last(changed), "B"] *= 1.06
    return changed


def test_learn__keeps_what_the_days_of_the_target_are_told_by(profile: FaultProfile) -> None:
    assert profile.feeds["demand"]["demand"].conditions == CONTEXT
    assert profile.feeds["weather"]["temperature"].conditions == ()
    assert FaultProfile.model_validate_json(profile.model_dump_json()).feeds["demand"]["demand"].conditions == CONTEXT


def test_shifted_levels__of_entities_far_apart_are_found_by_their_own_weather(
    profile: FaultProfile, usecase: UseCase, loads: pd.DataFrame, weather: pd.DataFrame
) -> None:
    spec, quiet, history = usecase.spec, known(usecase, loads, weather), known(usecase, moved(loads), weather)
    deaf = learn(quiet, spec, LEARNED)
    days, before = Days.of(usecase, history), Days.of(usecase, quiet)

    assert shifted_levels(profile, quiet, spec, NOW, LEARNED, before) == {}
    assert find_faults(profile, quiet, spec, NOW, before) == ()
    assert shifted_levels(profile, history, spec, NOW, LEARNED, days).keys() == {"B"}
    assert find_faults(profile, history, spec, NOW, days) == ()
    assert shifted_levels(deaf, history, spec, NOW, LEARNED) == {}


def test_find_faults__an_amplitude_is_told_by_the_days_too(
    profile: FaultProfile, usecase: UseCase, loads: pd.DataFrame, weather: pd.DataFrame
) -> None:
    changed = loads.copy()
    daily = changed["C"].groupby(changed.index.tz_convert(ZONE).normalize()).transform("mean")
    changed.loc[last(changed), "C"] = (daily + 1.25 * (changed["C"] - daily))[last(changed)]
    history = known(usecase, changed, weather)

    (fault,) = find_faults(profile, history, usecase.spec, NOW, Days.of(usecase, history))

    assert (fault.kind, fault.entity) == ("scale", "C")


def test_find_faults__needs_to_be_told_what_it_learned_by(
    profile: FaultProfile, usecase: UseCase, loads: pd.DataFrame, weather: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match=r"demand\.demand is judged by heating, cooling"):
        find_faults(profile, known(usecase, loads, weather), usecase.spec, NOW)


def test_days__on_faulty_data_or_without_weather_are_not_told_and_judge_nothing(
    profile: FaultProfile, usecase: UseCase, loads: pd.DataFrame, weather: pd.DataFrame
) -> None:
    spec, changed = usecase.spec, moved(loads)
    history, gone = known(usecase, changed, weather), weather.copy()
    gone.loc[last(gone, 20), "B"] = np.nan

    def faulty(told: pd.DataFrame) -> np.ndarray:
        return ((told["series"] == "B") & (told["origin"] > NOW - timedelta(days=20))).to_numpy()

    assert shifted_levels(profile, history, spec, NOW, LEARNED, Days.of(usecase, history, faulty)) == {}
    blind = known(usecase, changed, gone)
    assert shifted_levels(profile, blind, spec, NOW, LEARNED, Days.of(usecase, blind)) == {}


def test_days__see_only_what_was_known(usecase: UseCase, loads: pd.DataFrame, weather: pd.DataFrame) -> None:
    days = Days.of(usecase, known(usecase, loads, weather))
    assert days is not None
    history = known(usecase, loads, weather)
    grid = day_grid(history.observations("demand", NOW), "demand", NAMES, ZONE, HOUR).last(10)

    told = days.told(grid, ("coldest",), NOW - timedelta(days=5))[:, 0, 0]

    assert np.isfinite(told).tolist() == [True] * 5 + [False] * 5
    assert days.told(grid, ("coldest",), NOW)[:4, 0, 0] == pytest.approx(told[:4])


def test_days__are_none_where_the_use_case_tells_nothing_of_a_whole_day(usecase: UseCase, loads: pd.DataFrame) -> None:
    history = known(usecase, loads, loads)
    spec = usecase.spec
    hours = spec.model_copy(update={"horizon": spec.horizon.model_copy(update={"steps": 6})})
    silent = UseCase(spec, usecase.folder)
    silent.__dict__["features"] = None

    assert Days.of(UseCase(hours, usecase.folder), history) is None
    assert Days.of(UseCase(spec.model_copy(update={"entities": None}), usecase.folder), history) is None
    assert Days.of(silent, history) is None


def test_usable__is_what_varies_and_is_told_of_nearly_every_day() -> None:
    chance = np.random.default_rng(1)
    grid = DayGrid(np.arange(100).astype("datetime64[D]"), ("A", "B"), np.ones((100, 24, 2)))
    values = chance.normal(size=(100, 2, 4))
    values[:, :, 1] = 3.0
    values[:11, 1, 2] = np.nan
    values[:9, 1, 3] = np.nan

    assert usable(values, grid).tolist() == [True, False, False, True]


def test_fit_normal__leaves_days_out_that_nobody_tells_of(usecase: UseCase, loads: pd.DataFrame, weather: pd.DataFrame) -> None:
    history = known(usecase, loads, weather)
    grid = day_grid(history.observations("demand", NOW), "demand", NAMES, ZONE, HOUR)
    told = np.zeros((len(grid.days), len(NAMES), 1))
    told[:100, 2] = np.nan

    normal = fit_normal(grid, told)
    left = normal.remainders(grid, told)

    assert not np.isfinite(left["C"][:100]).any()
    assert np.isfinite(left["A"][:100]).all()
    assert np.isfinite(left["C"][100:-1]).all(), "but for today, which is not over"
