"""The features of the shipped use cases against what their names say, told row by row from what was known."""

from datetime import timedelta

import holidays
import numpy as np
import pandas as pd
import pytest

from model_code.cases import build_features
from model_code.data.known import Known, KnownHistory
from model_code.origins import origins_between, target_rows
from model_code.settings import Settings
from model_code.usecase import UseCase, load_usecase

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START = pd.Timestamp("2024-02-20", tz="UTC")  # the clocks of California change on 10 March
PLACES = {"demand_us": ("US", "CA"), "demand_victoria": ("AU", "VIC")}


def rows(usecase: UseCase, feed: str, column: str, known_after: timedelta, seed: int) -> pd.DataFrame:
    """Five weeks of a feed with holes, missing values and revisions."""
    chance, parts = np.random.default_rng(seed), []
    times = pd.date_range(START, START + timedelta(days=36), freq=usecase.spec.feeds[feed].step)
    for entity in usecase.spec.entities or ():
        values = chance.normal(20, 5, len(times))
        values[chance.random(len(times)) < 0.02] = np.nan
        first = pd.DataFrame({"entity": entity, "time": times, "known_at": times + known_after, column: values})
        first = first[chance.random(len(times)) < 0.95]
        again = first.sample(frac=0.2, random_state=seed)
        parts += [first, again.assign(known_at=again["known_at"] + 3 * DAY, **{column: again[column] + 1})]
    return pd.concat(parts, ignore_index=True).astype({"time": "datetime64[us, UTC]", "known_at": "datetime64[us, UTC]"})


@pytest.fixture(scope="module", params=sorted(PLACES))
def world(request: pytest.FixtureRequest) -> tuple[UseCase, KnownHistory]:
    usecase = load_usecase(request.param, Settings())
    early = -36 * HOUR if request.param == "demand_us" else HOUR  # a weather forecast, or a measurement
    feeds = {
        "demand": rows(usecase, "demand", "demand", 2 * HOUR, 1),
        "weather": rows(usecase, "weather", "temperature", early, 2),
    }
    return usecase, KnownHistory(usecase.spec, feeds)


class Plain:
    """What was known of one entity, as a dictionary by time."""

    def __init__(self, known: Known, feed: str, entity: str, column: str) -> None:
        frame = known[feed]
        of = frame[frame["entity"] == entity].dropna()
        self.values = dict(zip(of["time"], of[column], strict=True))

    def first(self, *times: pd.Timestamp) -> float:
        return next((self.values[time] for time in times if time in self.values), np.nan)

    def last(self, origin: pd.Timestamp, window: timedelta) -> list[float]:
        return [value for time, value in sorted(self.values.items()) if time > origin - window]


def lags(name: str, plain: Plain, time: pd.Timestamp) -> dict[str, float]:
    return {
        f"{name}_yesterday": plain.first(time - DAY, time - 2 * DAY),
        f"{name}_two_days_ago": plain.first(time - 2 * DAY, time - 3 * DAY),
        f"{name}_same_time_last_week": plain.first(time - 7 * DAY, time - 14 * DAY),
        f"{name}_last_week": plain.first(time - 7 * DAY, time - 14 * DAY),
        f"{name}_same_time_two_weeks_ago": plain.first(time - 14 * DAY, time - 7 * DAY),
    }


def mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else np.nan


def told(usecase: UseCase, known: Known, origin: pd.Timestamp, entity: str, time: pd.Timestamp) -> dict[str, float]:
    """Every feature of one row that has no sine in it."""
    demand, weather = Plain(known, "demand", entity, "demand"), Plain(known, "weather", entity, "temperature")
    place, zone = PLACES[usecase.name], usecase.spec.timezone
    named = holidays.country_holidays(place[0], subdiv=place[1])

    def off(day: object) -> float:
        return float(day.weekday() >= 5 or day in named)  # type: ignore[attr-defined]

    local = time.tz_convert(zone)
    alike = [time - back * DAY for back in range(1, 15) if off(local.date() - timedelta(days=back)) == off(local.date())]
    day, around = weather.last(origin, DAY), [weather.first(time - lag * HOUR) for lag in (3, 2, 1, 0)]
    return {
        **lags("demand", demand, time),
        **lags("temperature", weather, time),
        "demand_last_day_mean": mean(demand.last(origin, DAY)),
        "demand_last_week_mean": mean(demand.last(origin, 7 * DAY)),
        "demand_same_day_type": demand.first(*alike),
        "hour": local.hour + local.minute / 60,
        "weekday": local.weekday(),
        "day_off": off(local.date()),
        "day_off_yesterday": off((local - DAY).date()),
        "holiday": float(local.date() in named),
        "holiday_last_week": float((local - 7 * DAY).date() in named),
        "temperature": around[-1],
        "temperature_last_hours": mean([value for value in around if not np.isnan(value)]),
        "cooling": np.clip(around[-1] - 20, 0, None),
        "heating": np.clip(15 - around[-1], 0, None),
        "temperature_last": day[-1] if day else np.nan,
        "temperature_last_day_mean": mean(day),
        "temperature_last_day_max": max(day, default=np.nan),
        "temperature_last_day_min": min(day, default=np.nan),
        **{f"zone_{name.lower()}": float(name == entity) for name in usecase.spec.entities or ()},
    }


def test_build__is_what_the_names_say_at_every_origin(world: tuple[UseCase, KnownHistory]) -> None:
    usecase, history = world
    spec = usecase.spec
    for origin in origins_between(spec, START + 16 * DAY, START + 30 * DAY)[::3]:
        known, wanted = history.at(origin), target_rows(spec, origin, spec.entities or ())
        shuffled = wanted.sample(frac=1, random_state=1)
        built = build_features(usecase, known, origin, shuffled)
        for place in range(0, len(built), 7):
            expected = told(usecase, known, origin, shuffled["entity"].iloc[place], shuffled["time"].iloc[place])
            row = built.iloc[place].drop([name for name in built if "sin" in name or "cos" in name])
            pd.testing.assert_series_equal(row, pd.Series(expected)[row.index], check_names=False, rtol=1e-14)


def test_build__in_another_order_of_rows_is_the_same_in_that_order(world: tuple[UseCase, KnownHistory]) -> None:
    usecase, history = world
    origin = origins_between(usecase.spec, START + 20 * DAY, START + 23 * DAY)[0]
    known, wanted = history.at(origin), target_rows(usecase.spec, origin, usecase.spec.entities or ())
    order = np.random.default_rng(1).permutation(len(wanted))

    plain, other = (build_features(usecase, known, origin, these) for these in (wanted, wanted.take(order)))

    pd.testing.assert_frame_equal(plain.take(order).reset_index(drop=True), other)
