"""What is new in a window of days: its mean remainder against what the weeks before it make one expect.

Slow changes (a season that the calendar misses, customers who come and go) are in the weeks before too; a step is not.
"""

import numpy as np

EARLIER = ((0, 7), (7, 21), (21, 49))  # days before the window whose means foretell it
SPAN = EARLIER[-1][1]
HEARD = 2.5  # a day counts up to so many usual remainders: wild days, holidays above all, decide nothing alone
TOLD = 0.6  # share of a window's days that must be complete
SHRINK = 0.02
THIRD = 1.0 / len(EARLIER)
ROUNDS = 3
HUBER = 1.5


def clipped(remainders: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Remainders (D, S) cut at two and a half times their usual size."""
    return np.asarray(np.clip(remainders, -HEARD * usual, HEARD * usual))


def foretell(days: np.ndarray, window: int) -> np.ndarray:
    """Weights (3,) of the means of the weeks before, such that they tell a window's mean best; by robust regression.

    Args:
        days: (D, S) clipped remainders of normal times.
        window: Days.
    """
    now, before = means(days, 0, window), _before(days, window)
    known = np.isfinite(before).all(axis=(1, 2)) & np.isfinite(now).all(axis=1)
    inputs, wanted = before[known].reshape(-1, len(EARLIER)), now[known].ravel()
    if not len(wanted):
        return np.full(len(EARLIER), THIRD)
    usual, trust = 1.4826 * np.median(np.abs(wanted)) + 1e-12, np.ones(len(wanted))
    for _ in range(ROUNDS):
        weighted = (inputs * trust[:, None]).T
        square = weighted @ inputs
        pull = (SHRINK * np.trace(square) / len(EARLIER) + 1e-12) * np.eye(len(EARLIER))
        found = np.linalg.solve(square + pull, weighted @ wanted + pull @ np.full(len(EARLIER), THIRD))
        trust = np.minimum(1.0, HUBER * usual / np.maximum(np.abs(wanted - inputs @ found), 1e-12))
    return np.asarray(found)


def innovations(days: np.ndarray, window: int, weights: np.ndarray) -> np.ndarray:
    """For each day the window that ends with it: its mean (D, S) less what was foretold; NaN where too little is known."""
    return np.asarray(means(days, 0, window) - _before(days, window) @ weights)


def means(days: np.ndarray, late: int, early: int) -> np.ndarray:
    """Mean of the days t - early + 1 … t - late for each t (D, S); NaN where too few of them are known."""
    result = np.full(days.shape, np.nan)
    if len(days) < early:
        return result
    known = np.isfinite(days)
    empty = np.zeros((1, days.shape[1]))
    total = np.vstack([empty, np.cumsum(np.where(known, days, 0.0), axis=0)])
    count = np.vstack([empty, np.cumsum(known, axis=0)])
    ends = np.arange(early - 1, len(days))
    told = count[ends - late + 1] - count[ends - early + 1]
    summed = total[ends - late + 1] - total[ends - early + 1]
    result[early - 1 :] = np.where(told >= TOLD * (early - late), summed / np.maximum(told, 1), np.nan)
    return result


def _before(days: np.ndarray, window: int) -> np.ndarray:
    return np.stack([means(days, window + late, window + early) for late, early in EARLIER], axis=2)
