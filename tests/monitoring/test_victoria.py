"""Do the thresholds behave on real data: nature is held, shifts of the level alarm, bad releases go back."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from model_code.cases import Cases
from model_code.drift import SeriesProfile, walk
from tests.monitoring.conftest import FAMILIES
from tests.monitoring.victoria import END, LIVE, Champion, Year, acted, day, shifted, verdicts

FIRST, LAST = day("07-25"), day("10-20")
DAYS = (LAST - FIRST).days


@pytest.fixture(scope="module")
def normal(champions: dict[str, Champion]) -> SeriesProfile:
    """What is normal; the level test does not depend on the family."""
    return champions["ridge"].profile.series["VIC"]


def live(year: Year, start: pd.Timestamp = LIVE, end: pd.Timestamp = END) -> Cases:
    return year.cases.where(((year.cases.rows["origin"] >= start) & (year.cases.rows["origin"] < end)).to_numpy())


def then(first: Cases, second: Cases) -> Cases:
    return Cases(
        pd.concat([first.rows, second.rows], ignore_index=True), pd.concat([first.features, second.features], ignore_index=True)
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_decide__holds_from_july_to_november_without_an_incident(family: str, year: Year, champions: dict[str, Champion]) -> None:
    found = list(verdicts(year, live(year), champions[family], told=year.conditions))
    assert len(found) == 132
    assert acted(found) == []


def test_walk__natural_extremes_are_explained(year: Year, normal: SeriesProfile) -> None:
    told = year.conditions
    walked = walk(normal.level, normal.level.residuals(told), int((told["origin"] < LIVE).sum()))
    lived = (told["origin"] >= LIVE).to_numpy()
    assert not walked.alarm.any()
    assert np.abs(walked.cusum[lived]).max() < 0.75 * normal.level.threshold
    cold = ((told["origin"] >= day("07-22")) & (told["origin"] < day("07-25"))).to_numpy()
    holiday = (told["origin"] == day("11-04")).to_numpy()
    assert (cold.sum(), holiday.sum()) == (3, 1)
    assert np.abs(walked.cusum[cold | holiday]).max() < 0.5 * normal.level.threshold


@pytest.mark.parametrize("factor", [0.88, 1.12])
def test_walk__a_level_shift_on_any_day_alarms_within_five_origins(factor: float, year: Year, normal: SeriesProfile) -> None:
    released = int((year.conditions["origin"] < LIVE).sum())
    late = {}
    for offset in range(DAYS + 1):
        start = FIRST + timedelta(days=offset)
        told = shifted(year.conditions, factor, start)
        alarms = told["origin"][walk(normal.level, normal.level.residuals(told), released).alarm]
        first = alarms[alarms >= start].min()
        if not first < start + timedelta(days=5):
            late[start] = first
    assert late == {}


def test_walk__a_new_bundle_takes_the_shifted_level_for_normal(year: Year, normal: SeriesProfile) -> None:
    start = FIRST + timedelta(days=int(np.random.default_rng(7).integers(DAYS)))
    told = shifted(year.conditions, 1.12, start)
    released = int((told["origin"] < start + timedelta(days=5)).sum())
    assert not walk(normal.level, normal.level.residuals(told), released).alarm.any()


def test_walk__a_shift_too_small_to_matter_is_left_alone_mostly(year: Year, normal: SeriesProfile) -> None:
    released = int((year.conditions["origin"] < LIVE).sum())
    alarmed = 0
    for offset in range(0, DAYS, 3):
        told = shifted(year.conditions, 1.03, FIRST + timedelta(days=offset))
        alarmed += walk(normal.level, normal.level.residuals(told), released).alarm.any()
    assert alarmed <= 0.2 * len(range(0, DAYS, 3))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("seed", "factor"), [(1, 0.88), (2, 1.12)])
def test_decide__retrains_within_the_deadline_after_a_shift(
    seed: int, factor: float, family: str, year: Year, champions: dict[str, Champion], real: dict[str, pd.DataFrame]
) -> None:
    start = FIRST + timedelta(days=int(np.random.default_rng(seed).integers(DAYS)))
    deadline = start + year.usecase.spec.policy.detection_deadline * timedelta(days=1)
    world = Year(real, factor=factor, start=start)
    cases = then(live(year, start - timedelta(days=4), start), world.cases_of(start, 7))
    found = list(verdicts(world, cases, champions[family], told=shifted(year.conditions, factor, start), until=deadline))
    decided = [(origin, verdict) for origin, verdict in found if verdict.action != "hold"]
    assert decided, [verdict.reasons for _, verdict in found]
    origin, verdict = decided[0]
    assert origin >= start
    assert verdict.action == "retrain"
    assert verdict.since is not None
    assert abs(verdict.since - start) <= timedelta(days=2)


@pytest.mark.parametrize("wrong_by", [0.5, 1.2, 1000.0])
def test_decide__rolls_back_a_release_that_is_only_consistent_with_itself(
    wrong_by: float, year: Year, champions: dict[str, Champion]
) -> None:
    released = FIRST + timedelta(days=int(np.random.default_rng(3).integers(DAYS)))
    bad = year.champion("ridge", released, wrong_by)
    cases = live(year, released, released + timedelta(days=4))
    found = list(verdicts(year, cases, bad, told=year.conditions, previous=champions["ridge"], released=released))
    decided = [(origin, verdict) for origin, verdict in found if verdict.action != "hold"]
    origin, verdict = decided[0]
    assert (verdict.action, verdict.to_version) == ("rollback", "1")
    assert origin - released <= timedelta(days=2)
