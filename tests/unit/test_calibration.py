"""Conformal intervals: coverage on data they have not seen, finite samples, pooling, JSON."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_code.calibration import Calibration
from model_code.errors import DataError, InvalidRequest, TooLittleData
from model_code.specification import Interval

STEPS = 12


def residuals(n: int, seed: int, *, bias: float = 0.0, relative: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lead steps, residuals that grow with lead time and are skewed, and predicted values."""
    chance = np.random.default_rng(seed)
    steps = np.arange(n) % STEPS
    value = chance.lognormal(3, 1.0, size=n)
    skewed = chance.gamma(2.0, size=n) - 2.0
    spread = (1 + steps) * (value * 0.02 if relative else 1.0)
    return steps, (skewed + bias) * spread, value


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_calibration__covers_unseen_residuals(coverage: float, relative: bool, bias: float) -> None:
    interval = Interval(coverage=coverage, group_steps=4)
    calibration = Calibration.fit(interval, *residuals(6_000, 1, bias=bias, relative=relative))
    steps, residual, value = residuals(24_000, 2, bias=bias, relative=relative)
    lower, upper = calibration.apply(value, steps)
    truth = value + residual
    inside = (truth >= lower) & (truth <= upper)
    assert inside.mean() >= coverage - 0.02
    if bias == 0:  # a bound that has to contain the value itself may cover more than it should
        assert inside.mean() <= coverage + 0.02
        below, above = (truth < lower).mean(), (truth > upper).mean()
        assert below == pytest.approx((1 - coverage) / 2, abs=0.015)
        assert above == pytest.approx((1 - coverage) / 2, abs=0.015)
    for group in range(STEPS // 4):
        assert inside[steps // 4 == group].mean() >= coverage - 0.035


def test_calibration__covers_on_average_when_calibrated_on_few() -> None:
    chance, interval, inside = np.random.default_rng(5), Interval(coverage=0.9, group_steps=1), []
    for _ in range(400):
        sample = chance.normal(size=(2, 39))
        calibration = Calibration.fit(interval, np.zeros(39, int), sample[0], np.full(39, -1.0))
        lower, upper = calibration.apply(np.zeros(39), np.zeros(39, int))
        inside.append(np.mean((sample[1] >= lower) & (sample[1] <= upper)))
    # 39 residuals: the second smallest and the second largest, exactly 90 % in expectation; plain quantiles would give 87 %
    assert np.mean(inside) == pytest.approx(0.90, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(19, 300), st.integers(1, STEPS), st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_calibration__interval_is_ordered_finite_and_contains_the_value(
    seed: int, n: int, group_steps: int, shift: float, scale: float
) -> None:
    steps, residual, value = residuals(n, seed)
    calibration = Calibration.fit(Interval(coverage=0.9, group_steps=group_steps), steps, residual * scale, value + shift)
    asked = np.concatenate([value + shift, [-5.0, 0.0, 1e9]])
    lower, upper = calibration.apply(asked, np.arange(len(asked)) % STEPS)
    assert np.isfinite(lower).all()
    assert np.isfinite(upper).all()
    assert (lower <= asked).all()
    assert (asked <= upper).all()


def test_calibration__widens_with_lead_time_where_residuals_do() -> None:
    calibration = Calibration.fit(Interval(coverage=0.9, group_steps=4), *residuals(6_000, 1))
    widths = [group.upper - group.lower for group in calibration.groups]
    assert len(widths) == STEPS // 4
    assert widths[0] < widths[1] < widths[2]


@pytest.mark.parametrize("relative", [False, True])
def test_calibration__is_relative_only_where_residuals_are(relative: bool) -> None:
    calibration = Calibration.fit(Interval(), *residuals(2_000, 3, relative=relative))
    assert (calibration.smallest_value is not None) == relative


def test_calibration__is_absolute_where_values_are_not_all_positive() -> None:
    steps, residual, value = residuals(2_000, 3, relative=True)
    value[0] = 0.0
    assert Calibration.fit(Interval(), steps, residual, value).smallest_value is None


def test_calibration__relative_interval_keeps_its_width_below_the_smallest_value() -> None:
    steps, residual, value = residuals(2_000, 3, relative=True)
    calibration = Calibration.fit(Interval(), steps, residual, value)
    lower, upper = calibration.apply(np.array([-3.0, 0.0, value.min()]), np.zeros(3, int))
    np.testing.assert_allclose(upper - lower, (upper - lower)[2])
    assert (upper > lower).all()


def test_calibration__pools_neighbours_where_a_group_has_too_few() -> None:
    steps = np.repeat([0, 1, 2], [200, 3, 200])
    residual = np.concatenate([np.linspace(-1, 1, 200), [0.0] * 3, np.linspace(-3, 3, 200)])
    calibration = Calibration.fit(Interval(coverage=0.9, group_steps=1), steps, residual, np.zeros(403))
    assert [group.residuals for group in calibration.groups] == [200, 403, 200]
    assert calibration.groups[0].upper == pytest.approx(0.9, abs=0.02)
    assert calibration.groups[1].upper == pytest.approx(2.4, abs=0.1)


def test_calibration__an_empty_group_takes_its_neighbours() -> None:
    steps = np.repeat([0, 3], 60)
    residual = np.concatenate([np.linspace(-1, 1, 60), np.linspace(-2, 2, 60)])
    calibration = Calibration.fit(Interval(coverage=0.8, group_steps=1), steps, residual, np.zeros(120))
    assert [group.residuals for group in calibration.groups] == [60, 60, 60, 60]
    assert calibration.groups[1] == calibration.groups[0]
    assert calibration.groups[2] == calibration.groups[3]


def test_calibration__refuses_fewer_residuals_than_the_coverage_needs() -> None:
    interval = Interval(coverage=0.9)
    enough = residuals(19, 1)
    assert Calibration.fit(interval, *enough).groups[0].residuals == 19
    with pytest.raises(TooLittleData, match="at least 19"):
        Calibration.fit(interval, *(array[:18] for array in enough))
    with pytest.raises(TooLittleData):
        Calibration.fit(interval, *(array[:0] for array in enough))


@pytest.mark.parametrize("spoilt", [0, 1, 2])
def test_calibration__refuses_what_is_no_residual(spoilt: int) -> None:
    arrays = [array.copy() for array in residuals(60, 1)]
    arrays[spoilt][7] = -1 if spoilt == 0 else np.nan
    with pytest.raises(DataError, match="not finite, or a lead time is negative"):
        Calibration.fit(Interval(), *arrays)
    with pytest.raises(DataError, match="one of each"):
        Calibration.fit(Interval(), *(array[: 60 - (i == spoilt)] for i, array in enumerate(residuals(60, 1))))


def test_calibration__lead_time_beyond_the_last_group_takes_the_last() -> None:
    calibration = Calibration.fit(Interval(group_steps=4), *residuals(2_000, 1))
    far, last = calibration.apply(np.zeros(1), np.array([10_000])), calibration.apply(np.zeros(1), np.array([STEPS - 1]))
    assert far == last
    with pytest.raises(InvalidRequest, match="-1 steps"):
        calibration.apply(np.zeros(1), np.array([-1]))


@pytest.mark.parametrize("relative", [False, True])
def test_calibration__json_round_trip_is_exact(relative: bool) -> None:
    calibration = Calibration.fit(Interval(), *residuals(2_000, 4, relative=relative))
    assert Calibration.model_validate_json(calibration.model_dump_json()) == calibration


def test_calibration__none_gives_no_interval() -> None:
    lower, upper = Calibration.none().apply(np.array([0.2, 0.7]), np.zeros(2, int))
    assert np.isnan([lower, upper]).all()
    assert lower.shape == upper.shape == (2,)
