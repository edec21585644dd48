"""Faults of columns in a made-up panel that shares its weather: found, named, and not blamed on the others."""

import json
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from model_code.drift import DriftProfile
from model_code.evidence import DataFault, OriginEvidence, SeriesEvidence
from model_code.faults import FaultProfile, find_faults, learn
from model_code.faults.departures import departures
from model_code.faults.grid import DayGrid, day_grid
from model_code.faults.levels import LevelShift, alarmed, shifted_levels
from model_code.faults.profile import ColumnProfile, learn_column
from model_code.faults.thresholds import thresholds
from model_code.usecase import UseCaseSpec
from tests.unit.faults.panel import LEARNED, NAMES, NOW, START, ZONE, known, last

Change = Callable[[pd.DataFrame], None]


def found_after(change: Change, profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame) -> tuple[DataFault, ...]:
    """Faults after a change of the two weeks before now."""
    changed = loads.copy()
    change(changed)
    return find_faults(profile, known(spec, changed), spec, NOW)


def test_find_faults__nothing_is_wrong_with_good_data(profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame) -> None:
    assert profile.feeds["demand"]["demand"].filters.keys() == set(NAMES)
    history = known(spec, loads)
    assert find_faults(profile, history, spec, NOW) == ()
    told = [find_faults(profile, history, spec, NOW - timedelta(days=7 * weeks)) for weeks in range(8)]
    assert sum(map(len, told)) <= 2  # of 40 weeks of entities: the thresholds have a false-alarm rate


@pytest.mark.parametrize("hours", [1, -1])
def test_find_faults__a_clock_off_by_an_hour(hours: int, profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame) -> None:
    def shift(table: pd.DataFrame) -> None:
        table.loc[last(table), "B"] = table["B"].shift(hours).ffill()

    (fault,) = found_after(shift, profile, spec, loads)
    assert (fault.kind, fault.entity, fault.column, fault.feed) == ("clock", "B", "demand", "demand")
    assert fault.statistic > fault.threshold
    assert fault.threshold in thresholds().clock.values()
    assert fault.since is not None
    assert timedelta(days=6) < NOW - fault.since < timedelta(days=15)
    assert f"{'+' if hours > 0 else '-'}" in fault.text


@pytest.mark.parametrize("factor", [1.2, 0.8])
def test_find_faults__an_amplitude_that_changed(
    factor: float, profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame
) -> None:
    def stretch(table: pd.DataFrame) -> None:
        days = table.index.tz_convert(ZONE).normalize()
        mean = table["C"].groupby(days).transform("mean")
        table.loc[last(table), "C"] = (mean + factor * (table["C"] - mean))[last(table)]

    (fault,) = found_after(stretch, profile, spec, loads)
    assert (fault.kind, fault.entity) == ("scale", "C")


def test_find_faults__a_level_that_shifted_is_left_to_the_level_test(
    profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame
) -> None:
    changed = loads.copy()
    changed.loc[last(changed), "D"] *= 1.05
    history = known(spec, changed)
    assert find_faults(profile, history, spec, NOW) == ()
    grid = day_grid(history.observations("demand", NOW, NOW - timedelta(days=65)), "demand", NAMES, ZONE, timedelta(hours=1))
    shift = shifted_levels(profile, history, spec, NOW, LEARNED)["D"]
    assert shift.score > 0
    assert timedelta(days=6) < NOW - shift.since < timedelta(days=15)
    (departed,) = departures(profile.feeds["demand"]["demand"], grid, thresholds())
    assert (departed.entity, departed.kind) == ("D", "level")
    assert departed.score > departed.threshold


def test_shifted_levels__what_was_going_on_at_the_release_is_no_shift_since(
    profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame
) -> None:
    changed = loads.copy()
    changed.loc[last(changed), "D"] *= 1.08
    history = known(spec, changed)
    assert shifted_levels(profile, history, spec, NOW, NOW - timedelta(days=20)).keys() == {"D"}
    assert shifted_levels(profile, history, spec, NOW, NOW - timedelta(days=4)) == {}


def test_alarmed__marks_the_origins_since_the_shift_and_no_other_series() -> None:
    origins = tuple(OriginEvidence(origin=NOW - timedelta(days=back), loss=1.0, expected_loss=1.0) for back in (9, 8, 7, 6))
    series = [SeriesEvidence(name=name, backtest_loss=1.0, origins=origins) for name in ("A", "B")]
    marked, other = alarmed(series, {"A": LevelShift(since=NOW - timedelta(days=7), score=4.5)})
    assert [point.alarm for point in marked.origins] == [False, False, True, True]
    assert marked.level_since == NOW - timedelta(days=7)
    assert other == series[1]


def test_find_faults__columns_in_each_others_place(profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame) -> None:
    def swap(table: pd.DataFrame) -> None:
        table.loc[last(table), ["A", "B"]] = table.loc[last(table), ["B", "A"]].to_numpy()

    (fault,) = found_after(swap, profile, spec, loads)
    assert (fault.kind, fault.column) == ("swapped", "A, B")


def test_find_faults__a_stuck_value_says_since_when(profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame) -> None:
    def stick(table: pd.DataFrame) -> None:
        table.loc[last(table, 2), "E"] = 4321.0

    faults = found_after(stick, profile, spec, loads)
    (stuck,) = [fault for fault in faults if fault.kind == "stuck"]
    assert stuck.entity == "E"
    assert stuck.since == last(loads, 2)[0]
    assert {fault.entity for fault in faults} == {"E"}


def test_find_faults__a_feed_that_stopped_is_missing_once_late(
    profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame
) -> None:
    stopped = NOW - timedelta(hours=20)
    history = known(spec, loads[loads.index < stopped])
    assert find_faults(profile, history, spec, NOW) == ()
    later = find_faults(profile, history, spec, NOW + timedelta(days=1))
    assert {fault.kind for fault in later} == {"missing"}
    assert [fault.entity for fault in later] == list(NAMES)
    assert later[0].since == stopped


def test_find_faults__one_entity_without_any_value_is_missing(
    profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame
) -> None:
    (fault,) = find_faults(profile, known(spec, loads.drop(columns="C")), spec, NOW)
    assert (fault.kind, fault.entity, fault.since) == ("missing", "C", None)


def test_find_faults__what_never_had_a_value_is_not_missed(spec: UseCaseSpec, loads: pd.DataFrame) -> None:
    recent = loads[loads.index >= NOW - timedelta(days=80)].assign(C=np.nan)
    history = known(spec, recent)
    young = learn(history, spec, NOW - timedelta(days=10))
    assert young.feeds["demand"]["demand"].runs["A"] == 1
    assert find_faults(young, history, spec, NOW) == ()


def test_find_faults__sees_only_what_was_known(profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame) -> None:
    changed = loads.copy()
    changed.loc[changed.index >= NOW - timedelta(days=5), "B"] = 2000.0
    history = known(spec, changed)
    assert find_faults(profile, history, spec, NOW - timedelta(days=5)) == ()
    assert [fault.kind for fault in find_faults(profile, history, spec, NOW - timedelta(days=3))][:1] == ["stuck"]


def test_find_faults__survives_holes_zeros_and_nonsense(profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame) -> None:
    changed, chance = loads.copy(), np.random.default_rng(3)
    changed = changed.mask(chance.random(changed.shape) < 0.2)
    changed.loc[last(changed, 3), "A"] = 0.0
    changed.loc[last(changed, 3), "B"] = -1e12
    for fault in find_faults(profile, known(spec, changed), spec, NOW):
        assert np.isfinite(fault.statistic)
        assert fault.statistic > fault.threshold


def test_find_faults__an_empty_profile_finds_nothing(spec: UseCaseSpec, loads: pd.DataFrame) -> None:
    assert find_faults(FaultProfile(), known(spec, loads), spec, NOW) == ()


def test_learn__a_profile_survives_json(profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame) -> None:
    text = json.dumps(profile.model_dump(mode="json"), allow_nan=False)
    again = FaultProfile.model_validate(json.loads(text))
    assert json.dumps(again.model_dump(mode="json")) == text
    changed = loads.copy()
    changed.loc[last(changed), "B"] = changed["B"].shift(1)
    history = known(spec, changed)
    one, other = (find_faults(each, history, spec, NOW)[0] for each in (profile, again))
    assert one.statistic == pytest.approx(other.statistic, rel=1e-4)


def test_learn__is_the_same_again(profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame) -> None:
    assert learn(known(spec, loads), spec, LEARNED).model_dump_json() == profile.model_dump_json()


def test_learn__less_than_a_year_only_knows_how_long_values_stay(spec: UseCaseSpec, loads: pd.DataFrame) -> None:
    young = learn(known(spec, loads), spec, START + timedelta(days=200)).feeds["demand"]["demand"]
    assert young.filters == {}
    assert young.runs == dict.fromkeys(NAMES, 1)


def test_learn__an_open_set_of_entities_has_no_profile(spec: UseCaseSpec, loads: pd.DataFrame) -> None:
    opened = spec.model_copy(update={"entities": None, "entity_feed": "demand"})
    assert learn(known(spec, loads), opened, LEARNED).feeds == {}


def test_learn_column__a_constant_column_is_no_division_by_zero() -> None:
    days = np.datetime64("2021-01-01") + np.arange(400)
    grid = DayGrid(days, ("A", "B"), np.full((400, 24, 2), 5.0))
    column = learn_column(grid)
    assert departures(column, grid.last(70), thresholds()) == ()
    assert ColumnProfile.model_validate_json(column.model_dump_json()).runs == {"A": 9600, "B": 9600}


def test_drift_profile__of_before_has_no_faults_to_tell() -> None:
    assert DriftProfile.model_validate({"series": {}}).faults == FaultProfile()


def test_day_grid__clock_changes_leave_days_of_24_hours(loads: pd.DataFrame) -> None:
    rows = loads["A"].rename_axis("time").rename("demand").reset_index().assign(entity="A")
    grid = day_grid(rows, "demand", ["A"], ZONE, timedelta(hours=1))
    assert grid.values.shape[1:] == (24, 1)
    spring, autumn = (int((np.datetime64(day) - grid.days[0]).astype(int)) for day in ("2021-03-14", "2021-11-07"))
    assert np.isfinite(grid.values[[spring, autumn]]).all()
    twice = loads["A"][["2021-11-07T08:00Z", "2021-11-07T09:00Z"]]
    assert grid.values[autumn, 1, 0] == pytest.approx(twice.mean())


def test_day_grid__bridges_three_hours_and_no_more(loads: pd.DataFrame) -> None:
    rows = loads["A"].rename_axis("time").rename("demand").reset_index().assign(entity="A").head(240)
    holes = rows.drop(index=[30, 31, 32, 60, 61, 62, 63])
    values = day_grid(holes, "demand", ["A"], ZONE, timedelta(hours=1)).values.ravel()
    assert np.isfinite(values[30:33]).all()
    assert np.isnan(values[63])


def test_day_grid__a_step_that_does_not_divide_a_day_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiple"):
        day_grid(pd.DataFrame(), "demand", ["A"], ZONE, timedelta(hours=7))
