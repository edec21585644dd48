"""What the in-memory history says was known at a moment is what the store says, as frames and as plain arrays."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from model_code.data.known import KnownHistory
from model_code.data.store import ObservationStore
from model_code.settings import Settings
from model_code.usecase import UseCase, load_usecase

START = datetime.fromisoformat("2024-03-01T00:00:00+00:00")
HOUR = timedelta(hours=1)


def revised(seed: int) -> pd.DataFrame:
    """Twenty days of hourly demand of two zones with holes, late rows and revisions."""
    chance = np.random.default_rng(seed)
    hours = pd.DatetimeIndex(np.repeat(pd.date_range(START, periods=480, freq="h").to_numpy(), 2), tz="UTC")
    rows = pd.DataFrame({"entity": ["VEA", "PGAE"] * 480, "time": hours, "demand": chance.normal(50, 9, 960)})
    late = [pd.to_timedelta(hours, unit="h") for hours in chance.integers(1, 90, (2, 960)).cumsum(axis=0)]
    frames = [
        rows.assign(known_at=rows["time"] + late[n], demand=rows["demand"] + n).sample(frac=0.9 - 0.3 * n, random_state=seed)
        for n in range(2)
    ]
    frames[0].loc[frames[0].index[:9], "demand"] = np.nan
    return pd.concat(frames, ignore_index=True).astype({"time": "datetime64[us, UTC]", "known_at": "datetime64[us, UTC]"})


@pytest.fixture
def usecase() -> UseCase:
    return load_usecase("demand_us", Settings())


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory, usecase: UseCase) -> ObservationStore:
    found = ObservationStore(str(tmp_path_factory.mktemp("store")))
    found.append(usecase.name, "demand", revised(1))
    found.append(usecase.name, "weather", revised(2).rename(columns={"demand": "temperature"}))
    return found


@pytest.mark.parametrize("hours", [0, 100, 386, 479, 700])
def test_known__is_what_the_store_says_as_of_the_origin(usecase: UseCase, store: ObservationStore, hours: int) -> None:
    origin = START + hours * HOUR
    known = KnownHistory.load(usecase, store, origin + timedelta(days=9)).at(origin)

    for feed in usecase.spec.feeds:
        expected = store.as_of(
            usecase.name, feed, origin, start=origin - usecase.spec.lookback, end=origin + timedelta(days=1)
        ).drop(columns="known_at")
        pd.testing.assert_frame_equal(known[feed], expected, check_like=True)


def test_known__observed_is_the_frame_of_one_entity_as_arrays(usecase: UseCase, store: ObservationStore) -> None:
    known = KnownHistory.load(usecase, store, START + timedelta(days=40)).at(START + timedelta(days=18))
    frame = known["demand"]

    for zone in ("PGAE", "VEA"):
        rows = frame[frame["entity"] == zone]
        seen = known.observed("demand", zone, "demand")
        assert seen.stamps.tolist() == rows["time"].to_numpy("datetime64[us]").astype(int).tolist()
        np.testing.assert_array_equal(seen.values, rows["demand"])
    assert len(known.observed("demand", "SCE", "demand").values) == 0


def test_known__entities_are_those_with_a_row_in_the_time_asked_for(usecase: UseCase) -> None:
    rows = revised(1)
    rows = rows[(rows["entity"] == "VEA") | (rows["time"] < START + 48 * HOUR)]
    known = KnownHistory(usecase.spec, {"demand": rows}).at(START + timedelta(days=15))
    frame = known["demand"]

    for after, until in ((40, 47), (47, 300), (48, 300), (300, 300), (-9, -1)):
        within = (frame["time"] > START + after * HOUR) & (frame["time"] <= START + until * HOUR)
        expected = sorted(frame.loc[within, "entity"].unique())
        assert known.entities("demand", START + until * HOUR, START + after * HOUR) == expected
    assert known.entities("demand", START + 300 * HOUR) == ["PGAE", "VEA"]
