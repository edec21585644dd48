"""A step in a daily series: the weights of the latest nine weeks that tell its size best, given how days resemble each other.

Days that follow each other are alike, and slow changes are no step. Generalised least squares weighs the window against the
weeks before it accordingly; what weather leaves for two weeks counts less than what has been quiet for two months.
"""

import numpy as np

REACH = 63  # days looked at: a fortnight, and seven weeks before it
TOLD = 0.6  # share of the days of the window, and of those before it, that must be known
FADE = 1.5 * REACH  # days at which what two days have in common is taken for nothing
OWN = 0.03  # of a day's variance that is its own, beyond what history shows: no weights live on differences alone


def step_weights(daily: np.ndarray, window: int) -> np.ndarray | None:
    """Weights (REACH,), oldest day first, whose product with nine weeks is the size of a step in the latest `window` days.

    Args:
        daily: (D,) of normal times, around zero; NaN where unknown.
        window: Days.

    Returns:
        None where the days never differ, or none is known.
    """
    lags = np.arange(REACH)
    alike = _autocovariance(daily, REACH) * np.clip(1 - lags / FADE, 0.0, 1.0)
    if not alike[0] > 0:
        return None
    alike[0] *= 1 + OWN
    step = (lags >= REACH - window).astype(float)
    weighed = np.linalg.solve(alike[np.abs(lags[:, None] - lags)], step)
    return np.asarray(weighed / (weighed @ step))


def stretches(days: np.ndarray) -> np.ndarray:
    """The REACH days that end with each day (D, REACH, ...); before the first day nothing is known."""
    before = np.full((REACH - 1, *days.shape[1:]), np.nan)
    return np.moveaxis(np.lib.stride_tricks.sliding_window_view(np.concatenate([before, days]), REACH, axis=0), -1, 1)


def sized(stretch: np.ndarray, weights: np.ndarray, window: int) -> np.ndarray:
    """Size of the step in each stretch (N,); NaN where too few days are known.

    Args:
        stretch: (N, REACH).
        weights: As told by `step_weights`.
        window: Days.
    """
    known = np.isfinite(stretch)
    told = (known[:, :-window].mean(axis=1) >= TOLD) & (known[:, -window:].mean(axis=1) >= TOLD)
    return np.where(told, np.nan_to_num(stretch) @ weights, np.nan)


def _autocovariance(daily: np.ndarray, count: int) -> np.ndarray:
    known = np.isfinite(daily)
    values = np.where(known, daily, 0.0)
    found = np.zeros(count)
    for lag in range(min(count, len(daily))):
        both = known[: len(known) - lag] & known[lag:]
        found[lag] = (values[: len(values) - lag] * values[lag:]).sum() / max(1, both.sum())
    return found
