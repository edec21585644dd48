"""Series per origin: complete or not counted, and what the day was like, told afterwards."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from model_code.data.known import KnownHistory
from model_code.origins import origins_between, target_times
from model_code.series import conditions, per_series
from model_code.settings import Settings
from model_code.usecase import UseCase, load_usecase

START = pd.Timestamp("2014-01-01T00:00+10:00").tz_convert("UTC")
HALF_HOUR = pd.Timedelta(minutes=30)


@pytest.fixture(scope="module")
def usecase() -> UseCase:
    return load_usecase("demand_victoria", Settings())


def scored(told: int, entity: str = "VIC", value: float = 5.0) -> pd.DataFrame:
    truth = np.where(np.arange(48) < told, 6.0, np.nan)
    frame = pd.DataFrame({"origin": START, "entity": entity, "value": value, "truth": truth})
    return frame.assign(lower=value - 2, upper=value + 0.5)


def history(usecase: UseCase, days: int, cold_days: int) -> KnownHistory:
    """Demand of 5 GW; the temperature is known for the first `cold_days` only."""
    time = pd.Series(pd.date_range(START, periods=days * 48, freq=HALF_HOUR).astype("datetime64[us, UTC]"))
    frame = pd.DataFrame({"entity": "VIC", "time": time, "known_at": time + pd.Timedelta(hours=1)})
    weather = frame.assign(temperature=8.0).head(cold_days * 48)
    return KnownHistory(usecase.spec, {"demand": frame.assign(demand=5.0), "weather": weather})


def test_target_times__one_origin_after_another_across_a_clock_change() -> None:
    spec = load_usecase("demand_us", Settings()).spec
    origins = origins_between(spec, pd.Timestamp("2024-03-08", tz="UTC"), pd.Timestamp("2024-03-13", tz="UTC"))
    told = target_times(spec, origins).to_numpy().reshape(len(origins), spec.horizon.steps)
    for origin, times in zip(origins, told, strict=True):
        wanted = pd.date_range(origin + spec.horizon.first, periods=spec.horizon.steps, freq=spec.horizon.step)
        assert pd.DatetimeIndex(times, tz="UTC").equals(wanted)
    assert len(target_times(spec, [])) == 0


def test_per_series__tells_loss_bias_level_and_coverage(usecase: UseCase) -> None:
    (row,) = per_series(scored(48), usecase.spec).to_dict("records")
    assert (row["series"], row["loss"], row["bias"], row["level"], row["coverage"]) == ("VIC", 1.0, 1.0, 6.0, 0.0)


@pytest.mark.parametrize(("told", "counts"), [(48, True), (44, True), (43, False), (0, False)])
def test_per_series__an_origin_counts_from_nine_tenths_of_its_truth_on(told: int, counts: bool, usecase: UseCase) -> None:
    assert len(per_series(scored(told), usecase.spec)) == counts


def test_per_series__keeps_fixed_entities_apart_and_pools_others(usecase: UseCase) -> None:
    rows = pd.concat([scored(48, "A"), scored(48, "B", 4.0)])
    assert dict(zip(*per_series(rows, usecase.spec)[["series", "loss"]].to_numpy().T, strict=True)) == {"A": 1.0, "B": 2.0}
    (pooled,) = per_series(rows, usecase.spec.model_copy(update={"entities": None})).to_dict("records")
    assert (pooled["series"], pooled["loss"]) == ("all", 1.5)


def test_conditions__tell_level_and_context_of_origins_with_truth(usecase: UseCase) -> None:
    origins = origins_between(usecase.spec, START + timedelta(days=5), START + timedelta(days=10))
    told = conditions(usecase, history(usecase, 8, 8), origins, START + timedelta(days=30))
    assert list(told["origin"]) == origins[:3]
    assert told["level"].tolist() == [5.0] * 3
    assert told["heating"].tolist() == [10.0] * 3


def test_conditions__leave_out_what_is_not_known_at_the_moment(usecase: UseCase) -> None:
    origins = origins_between(usecase.spec, START + timedelta(days=5), START + timedelta(days=8))
    at = origins[1] + timedelta(hours=24)  # the second day's last hour is published an hour later
    told = conditions(usecase, history(usecase, 8, 8), origins, at)
    assert list(told["origin"]) == origins[:2]
    assert list(conditions(usecase, history(usecase, 8, 8), origins, at - timedelta(hours=6))["origin"]) == origins[:1]


def test_conditions__an_origin_whose_context_is_not_known_is_left_out(usecase: UseCase) -> None:
    origins = origins_between(usecase.spec, START + timedelta(days=4), START + timedelta(days=8))
    told = conditions(usecase, history(usecase, 8, 6), origins, START + timedelta(days=30))
    assert list(told["origin"]) == origins[:2]


def test_conditions__none_told_is_an_empty_table(usecase: UseCase) -> None:
    told = conditions(usecase, history(usecase, 8, 8), [START + timedelta(days=20)], START + timedelta(days=30))
    assert told.empty
    assert {"origin", "series", "level"} <= set(told.columns)


def test_conditions__no_origins_asked_is_an_empty_table(usecase: UseCase) -> None:
    assert conditions(usecase, history(usecase, 8, 8), [], START + timedelta(days=30)).empty
