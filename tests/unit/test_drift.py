"""The level test on made-up worlds: what it keeps, what it promises, what it survives."""

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_code.drift import CLIP, DriftProfile, LevelTest, Linear, SeriesProfile, calibrate, expected_loss, threshold, walk
from model_code.errors import TooLittleData
from model_code.settings import Settings
from model_code.usecase import UseCaseSpec, load_usecase

START = pd.Timestamp("2024-01-01", tz="UTC")
SETTINGS = settings(deadline=None, max_examples=100, derandomize=True)


@pytest.fixture(scope="module")
def spec() -> UseCaseSpec:
    return load_usecase("demand_victoria", Settings()).spec


def world(days: int, seed: int = 1, series: str = "VIC", level: float = 5.0) -> pd.DataFrame:
    """A level that temperature and weekends explain, but for 2 % of noise."""
    chance = np.random.default_rng(seed)
    cold = 6 + 4 * np.sin(np.arange(days) / 9) + chance.normal(scale=2, size=days)
    weekend = (np.arange(days) % 7 >= 5).astype(float)
    levels = level * np.exp(0.02 * cold - 0.12 * weekend + chance.normal(scale=0.02, size=days))
    origins = [START + timedelta(days=i) for i in range(days)]
    return pd.DataFrame({"origin": origins, "series": series, "level": levels, "cold": cold, "weekend": weekend, "constant": 1.0})


def losses(conditions: pd.DataFrame) -> pd.DataFrame:
    jump = conditions["cold"].diff().abs().fillna(0.0)
    return pd.DataFrame({"origin": conditions["origin"], "series": conditions["series"], "loss": 0.1 + 0.05 * jump})


@pytest.fixture(scope="module")
def profile(spec: UseCaseSpec) -> SeriesProfile:
    told = world(150)
    return calibrate(losses(told), told, spec, seed=1).series["VIC"]


def plain(limit: float = 5.0, allowance: float = 1.0) -> LevelTest:
    return LevelTest(
        transform="plain", normal=Linear(intercept=0.0), scale=1.0, allowance=allowance, threshold=limit, reference_origins=21
    )


def test_calibrate__finds_what_explains_the_level(profile: SeriesProfile) -> None:
    assert profile.level.transform == "log"
    assert profile.level.normal.weights["cold"] == pytest.approx(0.02, abs=0.003)
    assert profile.level.normal.weights["weekend"] == pytest.approx(-0.12, abs=0.02)
    assert "constant" not in profile.level.normal.weights
    assert profile.level.scale == pytest.approx(0.02, rel=0.4)


def test_calibrate__profile_survives_json_and_is_the_same_again(spec: UseCaseSpec, profile: SeriesProfile) -> None:
    told = world(150)
    again = calibrate(losses(told), told, spec, seed=1)
    assert again.series["VIC"] == profile
    assert DriftProfile.model_validate(json.loads(json.dumps(again.model_dump(mode="json"), allow_nan=False))) == again


def test_calibrate__shares_the_budget_of_false_alarms_among_series(spec: UseCaseSpec) -> None:
    one = world(150, seed=3, series="A")
    many = pd.concat([one.assign(series=name) for name in "ABCDEFGH"])
    alone = calibrate(losses(one), one, spec, seed=1).series["A"].level.threshold
    shared = calibrate(losses(one).merge(many[["origin", "series"]], on="origin", suffixes=("_", "")), many, spec, seed=1)
    assert shared.series["A"].level.threshold >= alone


def test_calibrate__too_few_origins_are_refused(spec: UseCaseSpec) -> None:
    told = world(11)
    with pytest.raises(TooLittleData, match="11 origins"):
        calibrate(losses(told), told, spec, seed=1)


def test_calibrate__without_any_context_judges_the_level_alone(spec: UseCaseSpec) -> None:
    told = world(60)[["origin", "series", "level"]]
    found = calibrate(losses(world(60)), told, spec, seed=1).series["VIC"]
    assert found.level.normal.weights == {}
    assert found.expected_loss.weights == {}
    assert found.backtest_loss == pytest.approx(losses(world(60))["loss"].mean())
    assert np.isfinite(walk(found.level, found.level.residuals(told), 30).z).all()


def test_calibrate__a_constant_level_is_no_division_by_zero(spec: UseCaseSpec) -> None:
    told = world(40).assign(level=5.0)
    found = calibrate(losses(told), told, spec, seed=1).series["VIC"]
    assert not walk(found.level, found.level.residuals(told), 20).alarm.any()


def test_calibrate__a_level_that_can_be_negative_is_taken_plain(spec: UseCaseSpec) -> None:
    told = world(60).assign(level=lambda rows: rows["level"] - rows["level"].mean())
    assert calibrate(losses(told), told, spec, seed=1).series["VIC"].level.transform == "plain"


def test_calibrate__a_shift_in_the_history_is_not_called_normal(spec: UseCaseSpec, profile: SeriesProfile) -> None:
    told = world(150).assign(level=lambda rows: rows["level"] * np.where(np.arange(150) >= 80, 1.2, 1.0))
    found = calibrate(losses(told), told, spec, seed=1).series["VIC"].level
    assert found.threshold <= profile.level.threshold + 1.0


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_walk__a_lasting_shift_alarms_and_says_since_when(factor: float, profile: SeriesProfile) -> None:
    told = world(190).assign(level=lambda rows: rows["level"] * np.where(np.arange(190) >= 180, factor, 1.0))
    walked = walk(profile.level, profile.level.residuals(told), 150)
    assert not walked.alarm[:180].any()
    assert walked.alarm[183]
    assert abs((walked.since or 0) - 180) <= 1
    assert (walked.cusum[-1] > 0) == (factor > 1)


def test_walk__false_alarms_keep_to_the_budget_on_new_worlds(spec: UseCaseSpec, profile: SeriesProfile) -> None:
    alarms = 0
    for seed in range(100, 120):
        residuals = profile.level.residuals(world(365, seed))
        alarmed = walk(profile.level, residuals, 0).alarm
        alarms += int((alarmed[1:] & ~alarmed[:-1]).sum())
    assert alarms / 20 <= spec.drift.false_alarms_per_year


def test_walk__before_the_release_a_shift_moves_the_reference_instead() -> None:
    residuals = np.r_[np.zeros(30), np.full(30, 3.0)]
    assert walk(plain(), residuals, 30).alarm[32:].any()
    later = walk(plain(), residuals, 36)
    assert later.absorbed[30:33].all()
    assert not later.alarm.any()


def test_walk__the_truth_coming_back_after_an_absorbed_shift_alarms_again() -> None:
    residuals = np.r_[np.zeros(30), np.full(30, 3.0), np.zeros(10)]
    walked = walk(plain(), residuals, 36)
    assert not walked.alarm[:61].any()
    assert walked.alarm[65]
    assert walked.cusum[65] < 0


finite = st.floats(-1e6, 1e6)


@given(st.lists(finite, max_size=60), st.integers(0, 60), st.floats(0.5, 2.0))
@SETTINGS
def test_walk__later_origins_never_change_earlier_ones(residuals: list[float], released: int, allowance: float) -> None:
    full = walk(plain(allowance=allowance), np.array(residuals), released)
    half = len(residuals) // 2
    part = walk(plain(allowance=allowance), np.array(residuals[:half]), released)
    assert full.z[:half].tolist() == part.z.tolist()
    assert full.alarm[:half].tolist() == part.alarm.tolist()


@given(st.lists(st.floats(-0.5, 0.5), min_size=10, max_size=40), st.integers(5, 39), finite)
@SETTINGS
def test_walk__one_extreme_origin_never_alarms_alone(calm: list[float], place: int, extreme: float) -> None:
    residuals = np.array(calm)
    residuals[min(place, len(calm) - 1)] = extreme
    limit = threshold(np.zeros(30), 1.0, 365, 2.0, seed=1)
    assert not walk(plain(limit), residuals, 0).alarm[: min(place, len(calm) - 1) + 1].any()


@given(st.lists(finite, min_size=1, max_size=60), st.integers(0, 60))
@SETTINGS
def test_walk__is_the_same_upside_down(residuals: list[float], released: int) -> None:
    up, down = (walk(plain(), sign * np.array(residuals), released) for sign in (1.0, -1.0))
    assert up.alarm.tolist() == down.alarm.tolist()
    assert np.abs(up.cusum).tolist() == pytest.approx(np.abs(down.cusum).tolist())


def test_threshold__grows_with_rougher_days_and_smaller_budgets() -> None:
    chance = np.random.default_rng(1)
    calm, rough = chance.normal(scale=0.8, size=120), np.clip(chance.normal(scale=2.4, size=120), -CLIP, CLIP)
    assert threshold(calm, 1.0, 365, 2.0, 1) < threshold(rough, 1.0, 365, 2.0, 1) < threshold(rough, 1.0, 365, 0.2, 1)


def test_threshold__days_that_cannot_be_told_from_drift_are_refused() -> None:
    with pytest.raises(TooLittleData, match=r"drift\.allowance"):
        threshold(np.full(50, 4.0), 0.5, 365, 2.0, 1)


def test_expected_loss__follows_the_surprises_within_bounds(profile: SeriesProfile) -> None:
    told = world(30, seed=5)
    loss = losses(told)["loss"].to_numpy()
    assert np.corrcoef(expected_loss(profile, told), loss)[0, 1] > 0.95
    wild = told.assign(cold=np.where(np.arange(30) == 10, 1e6, told["cold"]))
    assert expected_loss(profile, wild).max() == pytest.approx(3 * profile.backtest_loss)


def test_expected_loss__a_slow_season_explains_nothing(spec: UseCaseSpec) -> None:
    told = world(150).assign(season=lambda rows: np.linspace(0, 1, len(rows)))
    rising = losses(told).assign(loss=lambda rows: rows["loss"] + np.linspace(0, 0.3, len(rows)))
    assert "season" not in calibrate(rising, told, spec, seed=1).series["VIC"].expected_loss.weights
