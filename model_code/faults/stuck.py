"""One value over and over: how long it lasts, against the longest that it ever lasted before."""

import numpy as np

from model_code.faults.grid import DayGrid

MARGIN = 1.5  # times the longest run of the history
LEAST = 0.25  # of a day: no shorter run is a fault


def longest_runs(grid: DayGrid) -> dict[str, int]:
    """Entity -> longest run of one and the same value in a grid, in steps; 0 where nothing is known."""
    return {name: int(runs(grid, place).max(initial=0)) for place, name in enumerate(grid.entities)}


def runs(grid: DayGrid, place: int) -> np.ndarray:
    """How many values in a row, up to each one, are the same (D·S,); 0 where nothing is known."""
    values = grid.values[:, :, place].ravel()
    known = np.isfinite(values)
    begins = ~known | np.r_[True, values[1:] != values[:-1]]
    index = np.arange(len(values))
    started = np.maximum.accumulate(np.where(begins, index, 0))
    return np.where(known, index - started + 1, 0)


def limit(usual: int, slots: int) -> float:
    """A run longer than this many steps is a fault."""
    return max(MARGIN * usual, LEAST * slots)
