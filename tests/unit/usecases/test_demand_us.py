"""The American use case end to end over local APIs: refresh, then features as known at the origin."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from model_code.cases import build_cases
from model_code.challenger import slices_of
from model_code.data.fakes import FakeEia, FakeOpenMeteo
from model_code.data.known import KnownHistory
from model_code.data.refresh import refresh
from model_code.data.sources import make_source
from model_code.data.store import ObservationStore
from model_code.errors import SourceRefused
from model_code.origins import origins_between
from model_code.settings import Settings
from model_code.slices import KEYS
from model_code.usecase import load_usecase
from monitoring.slices import Answered, slice_evidence
from tests.source_cases import hours, utc

START, DAYS = "2024-02-15", 40  # the clocks change on 10 March
HOURS = hours(START, 24 * DAYS)
NOW = utc("2024-03-24T12:00")
LEVEL = {"PGAE": 11_000.0, "SCE": 11_500.0, "SDGE": 2_000.0, "VEA": 70.0}
MISSING, ZERO = 500, 600


def demand(zone):
    daily = 1 + 0.2 * np.sin(2 * np.pi * np.arange(len(HOURS)) / 24)
    values = pd.Series(LEVEL[zone] * daily * (1 + 0.001 * np.arange(len(HOURS)) / 24), HOURS)
    values.iloc[MISSING] = np.nan
    if zone == "VEA":
        values.iloc[ZERO] = 0.0
    return values


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The use case with its tables after one refresh of each feed, and the answers that it got."""
    plain = load_usecase("demand_us", Settings())
    points = plain.spec.feeds["weather"].source.points.values()
    weather = pd.DataFrame({"temperature_2m_previous_day2": 15 + 5 * np.sin(np.arange(len(HOURS)) / 12)}, HOURS)
    with FakeEia({f"CISO/{zone}": demand(zone) for zone in LEVEL}) as eia, FakeOpenMeteo(dict.fromkeys(points, weather)) as sky:
        settings = Settings(
            home=tmp_path_factory.mktemp("home"), eia_url=eia.url, eia_api_key=eia.key, open_meteo_previous_url=sky.url
        )
        store = ObservationStore(settings.store)

        def run():
            return {
                feed: refresh(plain, feed, make_source(plain, feed, settings), store, NOW, start=utc(START))
                for feed in plain.spec.feeds
            }

        yield plain, store, run, run()


def test_refresh__brings_four_zones_and_quarantines_what_is_wrong(world):
    _, store, _, first = world

    assert first["demand"].inserted == 4 * (24 * 38 + 12) - 5
    assert first["demand"].refused == 5
    assert store.quarantined("demand_us", "demand")["entity"].value_counts()["VEA"] == 2
    assert first["weather"].newest_time > NOW + timedelta(hours=23)


def test_refresh__twice_is_as_good_as_once(world):
    _, _, run, _ = world

    again = run()

    assert {feed: report.inserted for feed, report in again.items()} == {"demand": 0, "weather": 0}
    assert again["demand"].quarantined == 0


def test_build__knows_yesterday_and_the_forecast_but_not_the_future(world):
    usecase, store, _, _ = world
    origin = utc("2024-03-20T07:00")  # midnight in California
    whole = KnownHistory.load(usecase, store, NOW)

    cases = build_cases(usecase, whole, [origin])
    then = build_cases(usecase, KnownHistory.load(usecase, store, origin), [origin])

    assert len(cases) == 4 * 24
    assert not cases.features.isna().any().any()
    pd.testing.assert_frame_equal(cases.features, then.features)
    vea = (cases.rows["entity"] == "VEA").to_numpy()
    expected = demand("VEA").reindex(cases.rows["time"][vea] - pd.Timedelta(days=1)).to_numpy()
    # The last hour before the origin is published after it: the day before stands in.
    np.testing.assert_allclose(cases.features["demand_yesterday"][vea][:-2], expected[:-2])
    np.testing.assert_allclose(cases.features["demand_yesterday"][vea][-2:] / expected[-2:], 1, atol=0.01)
    assert cases.features.loc[vea, "zone_vea"].eq(1).all()
    assert cases.features.loc[~vea, "zone_vea"].eq(0).all()


@pytest.mark.parametrize("origin", ["2024-03-10T08:00", "2024-03-11T07:00"])
def test_build__survives_the_change_of_clocks(world, origin):
    usecase, store, _, _ = world

    cases = build_cases(usecase, KnownHistory.load(usecase, store, NOW), [utc(origin)])

    assert len(cases) == 4 * 24
    assert not cases.features[["temperature", "demand_same_time_last_week", "hour"]].isna().any().any()


def test_slices__warm_hours_and_days_off_are_watched(world):
    usecase, store, _, _ = world
    origins = origins_between(usecase.spec, utc("2024-03-04T00:00"), utc("2024-03-22T00:00"))
    cases = build_cases(usecase, KnownHistory.load(usecase, store, NOW), origins)
    columns = cases.features[list(usecase.spec.slices)]
    even = cases.rows[KEYS].assign(loss=np.random.default_rng(1).lognormal(0, 0.2, len(cases)))
    normal = slices_of(usecase, even, cases)
    warm = columns["temperature"].to_numpy() >= normal.bands["temperature"][-1]
    live = even.assign(loss=even["loss"] * np.where(warm, 3.0, 1.0)).assign(error=lambda rows: rows["loss"])

    found = slice_evidence(Answered(live, columns, {}), normal, usecase.spec)

    assert len(normal.normal["temperature"]) == 4
    assert set(normal.normal["day_off"]) == {"0", "1"}
    departed = {(each.dimension, each.value) for each in found if each.departs}
    assert {value for dimension, value in departed if dimension == "temperature"} == {f">={normal.bands['temperature'][-1]:.3g}"}
    assert "day_off" not in {dimension for dimension, _ in departed}


def test_refresh__without_a_key_names_the_setting(world, tmp_path):
    usecase, _, _, _ = world
    source = make_source(usecase, "demand", Settings(home=tmp_path))

    with pytest.raises(SourceRefused, match="EVENKEEL_EIA_API_KEY"):
        refresh(usecase, "demand", source, ObservationStore(str(tmp_path / "store")), NOW)
