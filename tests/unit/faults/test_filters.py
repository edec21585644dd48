"""What weighs days and hours: steps in daily series, shapes of the days before, remainders that nothing was fitted on."""

import numpy as np
import pytest

from model_code.faults.departures import departures
from model_code.faults.earlier import LIMITS, EarlierFilter
from model_code.faults.filters import KINDS, Filter, learn_filter, shapes
from model_code.faults.grid import DayGrid
from model_code.faults.innovation import foretell, innovations
from model_code.faults.normal import MIN_DAYS, fit_normal, foretold_remainders
from model_code.faults.profile import ColumnProfile, learn_column
from model_code.faults.steps import REACH, sized, step_weights, stretches
from model_code.faults.thresholds import thresholds

DAYS = 900
HOURS = 1.0 + 0.3 * np.sin((np.arange(24) - 8) * np.pi / 12)


def wandering(seed: int = 1) -> np.ndarray:
    """A daily series that remembers yesterday."""
    chance, found = np.random.default_rng(seed), np.zeros(DAYS)
    for day in range(1, DAYS):
        found[day] = 0.7 * found[day - 1] + chance.normal()
    return found


def panel(days: int = 800) -> DayGrid:
    chance = np.random.default_rng(4)
    weather = np.convolve(chance.normal(scale=0.05, size=days + 4), np.ones(5) / 5, "valid")[:, None]
    noise = [0.01 * chance.normal(size=(days, 24)) + 0.01 * chance.normal(size=(days, 1)) for _ in "ABC"]
    values = np.stack([1000 * HOURS * np.exp((1 + number / 4) * weather + left) for number, left in enumerate(noise)], axis=2)
    return DayGrid(np.datetime64("2020-01-01") + np.arange(days), ("A", "B", "C"), values)


@pytest.mark.parametrize("window", [7, 14])
def test_step_weights__tell_the_size_of_a_step_and_of_nothing_else(window: int) -> None:
    weights = step_weights(wandering(), window)
    assert weights is not None
    step = np.r_[np.zeros(REACH - window), np.full(window, 3.0)]
    assert sized(step[None], weights, window) == pytest.approx(3.0)
    assert abs(weights[-window:].sum() - 1) < 1e-9
    assert weights[: REACH - window].sum() < 0


def test_step_weights__are_surer_than_the_plain_difference_of_means() -> None:
    weights = step_weights(wandering(), 14)
    assert weights is not None
    later = stretches(wandering(seed=2))[REACH:]
    plain = later[:, -14:].mean(axis=1) - later[:, :-14].mean(axis=1)
    assert sized(later, weights, 14).std() < 0.95 * plain.std()


def test_step_weights__nothing_that_differs_has_none() -> None:
    assert step_weights(np.zeros(300), 7) is None
    assert step_weights(np.full(300, np.nan), 7) is None


def test_sized__too_few_known_days_tell_nothing() -> None:
    weights = step_weights(wandering(), 7)
    assert weights is not None
    stretch = np.ones((3, REACH))
    stretch[1, -4:], stretch[2, :30] = np.nan, np.nan
    assert list(np.isfinite(sized(stretch, weights, 7))) == [True, False, False]


def test_stretches__end_with_their_day() -> None:
    found = stretches(np.arange(100.0))
    assert found.shape == (100, REACH)
    assert list(found[:, -1]) == list(range(100))
    assert np.isnan(found[10, : REACH - 11]).all()


def test_shapes__are_those_of_the_weeks_before_and_the_typical_days_where_those_are_unknown() -> None:
    flat, wide = np.ones(24), 1 + 2 * (HOURS - 1)
    values = np.concatenate([np.tile(wide, (50, 1)), np.full((7, 24), 9.0)])
    told = shapes(values, flat, 7, "log")["scale"]
    assert np.allclose(told[-1], (wide - wide.mean()) / wide)
    assert np.allclose(told[5], 0)


def test_learn_filter__scores_are_standard_and_a_shift_stands_out() -> None:
    chance = np.random.default_rng(3)
    left = 0.02 * chance.normal(size=(DAYS, 24)) + 0.02 * wandering()[:, None]
    values = 1000 * np.tile(HOURS, (DAYS, 1)) * np.exp(left)
    one = learn_filter(left, values, 14, "log")
    assert one is not None
    calm = one.scores(left, values, 14, "log")
    assert set(calm) == set(KINDS)
    assert all(0.6 < np.nanstd(scores) < 1.4 for scores in calm.values())
    moved = left.copy()
    moved[-14:] += 0.2
    assert one.scores(moved, values, 14, "log")["level"][-1] > calm["level"][-1] + 3
    assert Filter.model_validate_json(one.model_dump_json()).kinds.keys() == one.kinds.keys()


@pytest.mark.parametrize("window", [7, 14])
def test_filter__told_is_what_a_change_by_the_whole_adds_to_the_score(window: int) -> None:
    chance = np.random.default_rng(3)
    left = 0.02 * chance.normal(size=(DAYS, 24)) + 0.02 * wandering()[:, None]
    values = 1000 * np.tile(HOURS, (DAYS, 1)) * np.exp(left)
    one = learn_filter(left, values, window, "log")
    assert one is not None
    moved = left.copy()
    moved[-window:] += 0.01
    gained = one.scores(moved, values, window, "log")["level"][-1] - one.scores(left, values, window, "log")["level"][-1]
    assert gained == pytest.approx(0.01 * one.told("level", window, "log"), rel=0.05)
    assert one.told("level", window, "plain") == 0


def test_thresholds__a_quiet_entity_needs_a_change_that_matters() -> None:
    limits = thresholds().model_copy(update={"level": {7: 4.0, 14: 3.0}, "least": {"level": 0.02}})
    assert [limits.of("level", days) for days in (7, 14)] == [4.0, 3.0]
    assert limits.of("level", 14, told=100) == 3.0
    assert limits.of("level", 14, told=400) == 8.0
    half = limits.part("level", 0.5)
    assert [half.of("level", 14, told) for told in (0, 400)] == [1.5, 4.0]
    assert half.of("scale", 14) == limits.of("scale", 14)


def test_departures__a_sure_change_that_is_too_small_to_matter_is_none() -> None:
    grid = panel()
    profile = learn_column(grid.last(800))
    limits = thresholds().model_copy(update={"least": {"level": 0.03}})
    told = profile.filters["A"][14].told("level", 14, "log")
    small, large = (shifted(grid, 1 + share) for share in (0.8 * 0.03, 1.5 * 0.03))
    assert 0.5 * 0.03 * told > limits.of("level", 14)
    assert departures(profile, small, limits) == ()
    assert [one.entity for one in departures(profile, small, limits.model_copy(update={"least": {}}))] == ["A"]
    one = departures(profile, large, limits)[0]
    assert (one.entity, one.kind) == ("A", "level")
    assert one.threshold == pytest.approx(profile.limit("A", "level", one.days, limits))


def shifted(grid: DayGrid, factor: float) -> DayGrid:
    values = grid.values.copy()
    values[-14:, :, 0] *= factor
    return DayGrid(grid.days, grid.entities, values)


def test_foretold_remainders__are_larger_than_what_the_regression_leaves_of_its_own_days() -> None:
    grid = panel()
    unseen, seen = foretold_remainders(grid), fit_normal(grid).remainders(grid)
    for name in grid.entities:
        assert np.isfinite(unseen[name]).all()
        assert unseen[name].std() > seen[name].std()


def test_foretold_remainders__little_history_is_foretold_where_it_can_be() -> None:
    found = foretold_remainders(panel(MIN_DAYS + 5))
    assert all(np.isfinite(left).mean() > 0.9 for left in found.values())


def test_column_profile__of_an_earlier_bundle_judges_as_it_did() -> None:
    grid = panel()
    today = learn_column(grid)
    left = today.normal.remainders(grid)["A"]
    weights = np.full(24, 40.0)
    before = foretell(left, 14)
    old = EarlierFilter(foretold=before, kinds={"level": weights})
    profile = ColumnProfile.model_validate(
        {**today.model_dump(mode="json"), "filters": {"A": {"14": old.model_dump(mode="json")}}}
    )
    again = ColumnProfile.model_validate_json(profile.model_dump_json())
    heard = np.clip(left, -2.5 * today.normal.entities["A"].usual, 2.5 * today.normal.entities["A"].usual)
    own = innovations(heard, 14, before) @ weights
    told = again.scores(grid)["A"][14]["level"]
    assert np.allclose(told / thresholds().of("level", 14), own / LIMITS["level"], rtol=1e-3, atol=1e-3, equal_nan=True)
    assert np.isfinite(told[-1])
    assert again.limit("A", "level", 14, thresholds()) == thresholds().of("level", 14)
