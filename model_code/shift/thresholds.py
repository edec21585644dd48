"""Thresholds of all tests together, from what ordinary windows of the history did: one false-alarm budget for the family."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from model_code.errors import TooLittleData
from model_code.shift.profile import Fixed

if TYPE_CHECKING:
    from model_code.shift.measure import Shift

LEAST_WINDOWS = 8
RESAMPLES = 400  # bootstrap samples of the windows
SURE = 0.95  # of the bootstrapped factors that lie below the one taken
USUAL = 0.95  # quantile of a test's values over ordinary windows that is its yardstick
FLOORS = {"missing": 0.02, "psi": 0.1, "ks": 0.02, "wasserstein": 0.05, "new": 0.01, "auc": 0.05, "reconstruction": 0.05}
# Each test on a scale on which twice the change is about twice the value, so that one factor suits all of them.
SCALES: dict[str, Callable[[float], float]] = {
    "psi": lambda value: math.sqrt(max(0.0, value)),
    "auc": lambda value: math.sqrt(2) * NormalDist().inv_cdf(min(max(value, 0.5), 1 - 1e-12)),
    "reconstruction": lambda value: math.log(max(value, 1e-9)),
}


class ShiftThresholds(Fixed):
    """Test -> column -> threshold on the test's scale (`scaled`); the joint tests under the column ''.

    Attributes:
        constant: Columns that hold one value in some ordinary windows, so that it is no news there.
        windows: How many windows of the history they were calibrated on.
        false_alarms_per_year: The budget of all tests and columns together.
        factor: What every yardstick was multiplied by to keep the budget.
    """

    limits: dict[str, dict[str, float]]
    constant: tuple[str, ...] = ()
    windows: int
    false_alarms_per_year: float
    factor: float

    def above(self, test: str, column: str, value: float | None) -> bool:
        """Whether a value is above its threshold; a value that is not there is not, its absence is told by `missing`."""
        return value is not None and self.ratio(test, column, value) > 1.0

    def ratio(self, test: str, column: str, value: float) -> float:
        """The value over its threshold, on the test's scale; above 1 is drifted."""
        return scaled(test, value) / self.limits[test][column]


def scaled(test: str, value: float) -> float:
    """A test's value on the scale of its threshold: the root of the stability index, the distance of the means that an
    AUC stands for, the logarithm of the reconstruction's ratio; the others as they are.
    """
    return SCALES[test](value) if test in SCALES else value


def calibrate_thresholds(
    windows: Sequence["Shift"], *, false_alarms_per_year: float, windows_per_year: float, block: int, seed: int
) -> ShiftThresholds:
    """The least thresholds that keep the budget on ordinary windows, by block bootstrap.

    Each test and column has a yardstick, the 95 % quantile of its values over the windows. One factor multiplies all
    of them: that above which no more than the budget's share of the windows has any value. Windows that overlap are
    resampled in blocks; nineteen of twenty resamples need a lower factor.

    Args:
        windows: Measured over the history, in order, each against its own reference.
        false_alarms_per_year: The budget.
        windows_per_year: How many windows are judged in a year.
        block: Windows that overlap, which are resampled together.
        seed: Of the bootstrap.

    Raises:
        TooLittleData: Fewer than eight windows.
    """
    if len(windows) < LEAST_WINDOWS:
        raise TooLittleData(f"{len(windows)} windows to calibrate on, {LEAST_WINDOWS} are the least", hint="keep more history")
    values = {key: np.array(column) for key, column in _table(windows).items()}
    yardsticks = {(test, column): max(float(np.quantile(found, USUAL)), FLOORS[test]) for (test, column), found in values.items()}
    worst = np.max([found / yardsticks[key] for key, found in values.items()], axis=0)
    factor = max(1.0, bound(worst, min(1.0, false_alarms_per_year / windows_per_year), block, seed))
    limits: dict[str, dict[str, float]] = {}
    for (test, column), yardstick in yardsticks.items():
        limits.setdefault(test, {})[column] = factor * yardstick
    return ShiftThresholds(
        limits=limits,
        constant=tuple(sorted({column.column for window in windows for column in window.columns if column.constant})),
        windows=len(windows),
        false_alarms_per_year=false_alarms_per_year,
        factor=factor,
    )


def bound(worst: np.ndarray, share: float, block: int, seed: int) -> float:
    """What no more than a share of the values lies above, in nineteen of twenty resamples by blocks.

    Args:
        worst: Values in order (n,), neighbours alike.
        share: Of the values, 0 to 1.
        block: How many neighbours are drawn together.
        seed: Of the resamples.
    """
    chance = np.random.default_rng(seed)
    block = max(1, min(block, len(worst)))
    starts = chance.integers(0, len(worst), (RESAMPLES, -(-len(worst) // block)))
    drawn = (starts[:, :, None] + np.arange(block)) % len(worst)
    resampled = worst[drawn.reshape(RESAMPLES, -1)[:, : len(worst)]]
    return float(np.quantile(np.quantile(resampled, 1 - share, axis=1), SURE))


def _table(windows: Sequence["Shift"]) -> Mapping[tuple[str, str], list[float]]:
    """(test, column) -> what each window showed, on the test's scale."""
    table: dict[tuple[str, str], list[float]] = {}
    for window in windows:
        for key, value in _values(window):
            table.setdefault(key, []).append(max(0.0, scaled(key[0], value)))
    return table


def _values(window: "Shift") -> Iterable[tuple[tuple[str, str], float]]:
    for column in window.columns:
        for test in ("missing", "psi", "ks", "wasserstein"):
            yield (test, column.column), getattr(column, test) or 0.0
        yield ("new", column.column), column.new_share
    yield ("auc", ""), window.joint.auc
    yield ("reconstruction", ""), 1.0 if window.joint.reconstruction is None else window.joint.reconstruction
