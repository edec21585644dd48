"""How far a window's quality may be from what the backtest makes one expect, at a known false-alarm rate."""

from typing import Literal

import numpy as np

from model_code.errors import TooLittleData
from model_code.shift.profile import Fixed
from model_code.shift.thresholds import bound

LEAST_ORIGINS = 8
LEAST_SHARE = 0.5  # of a window's origins that must be scored before it is judged


class QualityLimit(Fixed):
    """The limit of one measure over a window of origins.

    Attributes:
        measure: `mae` (target unit) or `log_loss`, as Evidently computes it.
        usual: Its mean over the backtest.
        limit: Ratio of the window's value to the one expected, above which it is a breach.
        window_origins: Origins of a window.
        origins: How many origins of the backtest it was calibrated on.
    """

    measure: Literal["mae", "log_loss"]
    usual: float
    limit: float
    window_origins: int
    origins: int

    def breach(self, value: float, expected: float, scored_origins: int) -> str | None:
        """The finding in words where the value is above the limit; None where it is not, or too little is scored.

        Args:
            value: Of the window.
            expected: What the backtest makes one expect of the window's origins; not positive: the usual value.
            scored_origins: Origins that the value rests on.

        Example:
            >>> limit = QualityLimit(measure="mae", usual=1.0, limit=1.5, window_origins=7, origins=60)
            >>> limit.breach(2.0, 1.0, 7)
            "Evidently's mae of 2 over 7 origins is 2.00 times the expected 1; limit 1.50"
            >>> limit.breach(1.4, 1.0, 7)
        """
        if scored_origins < LEAST_SHARE * self.window_origins:
            return None
        usual = expected if expected > 0 else self.usual
        if not value > self.limit * usual:
            return None
        times = value / max(usual, 1e-12)
        return (
            f"Evidently's {self.measure} of {value:.4g} over {scored_origins} origins is {times:.2f} times "
            f"the expected {usual:.4g}; limit {self.limit:.2f}"
        )


def calibrate_quality(
    measure: Literal["mae", "log_loss"],
    values: np.ndarray,
    expected: np.ndarray,
    *,
    window_origins: int,
    false_alarms_per_year: float,
    windows_per_year: float,
    least: float,
    seed: int,
) -> QualityLimit:
    """The least limit that keeps the budget on the backtest's own windows, by block bootstrap.

    Args:
        values: Mean of the measure at each origin of the backtest (n,), oldest first.
        expected: What one expected of that origin (n,), in the same unit.
        window_origins: Origins of a window.
        false_alarms_per_year: The budget.
        windows_per_year: How many windows are judged in a year.
        least: No limit lies below this ratio: the backtest holds few windows, and its expectation was fitted on it.
        seed: Of the bootstrap.

    Raises:
        TooLittleData: Fewer than eight origins.
    """
    if len(values) < LEAST_ORIGINS:
        raise TooLittleData(f"{len(values)} origins to calibrate quality on, {LEAST_ORIGINS} are the least")
    size = min(window_origins, len(values) // 2)
    kernel = np.ones(size)
    ratios = np.convolve(values, kernel, "valid") / np.maximum(np.convolve(expected, kernel, "valid"), 1e-12)
    share = min(1.0, false_alarms_per_year / windows_per_year)
    return QualityLimit(
        measure=measure,
        usual=float(values.mean()),
        limit=max(least, bound(ratios, share, size, seed)),
        window_origins=window_origins,
        origins=len(values),
    )
