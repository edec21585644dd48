"""Our tests walked forward: learned anew every quarter from what was known then, judged day by day."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.drift.panels import Panel
from benchmarks.drift.registered import Part, registration
from model_code.faults.filters import KINDS
from model_code.faults.grid import DayGrid
from model_code.faults.profile import ColumnProfile, learn_column
from model_code.faults.steps import REACH
from model_code.faults.stuck import limit, runs

WARM_UP = REACH  # days before a window that its scores look at
TESTS = (*KINDS, "stuck")


@dataclass(frozen=True)
class Fold:
    """A profile, and the days [begin, end) of the panel's grid that it judges."""

    profile: ColumnProfile
    begin: int
    end: int


def folds(panel: Panel, part: Part) -> Iterator[Fold]:
    """One profile a quarter over the part's years."""
    days, every = panel.grid.days, registration()["refit_days"]
    begin, end = (int(np.searchsorted(days, moment)) for moment in (part.years[0][0], part.years[-1][1]))
    for start in range(begin, min(end + 1, len(days)), every):
        profile = learn_column(cut(panel.grid, 0, start), panel.conditions[:start])
        yield Fold(profile, start, min(start + every, len(days)))


def cut(grid: DayGrid, begin: int, end: int) -> DayGrid:
    return DayGrid(grid.days[begin:end], grid.entities, grid.values[begin:end])


def statistics(profile: ColumnProfile, grid: DayGrid, conditions: np.ndarray) -> dict[str, np.ndarray]:
    """Test -> its statistic (D, C) for the windows that end with each day, against no threshold yet; NaN: not known.

    Of a kind: the largest standard score of the windows. Of `stuck`: the longest run of the latest week over its limit.
    """
    shape = (len(grid.days), len(grid.entities))
    found = {test: np.full(shape, np.nan) for test in TESTS}
    scores = profile.scores(grid, conditions)
    for place, area in enumerate(grid.entities):
        for window in scores.get(area, {}).values():
            for kind, values in window.items():
                found[kind][:, place] = np.fmax(found[kind][:, place], np.abs(values))
        daily = runs(grid, place).reshape(shape[0], -1).max(axis=1)
        week = np.lib.stride_tricks.sliding_window_view(np.r_[np.zeros(6), daily], 7).max(axis=1)
        found["stuck"][:, place] = week / limit(profile.runs[area], grid.slots)
    return found


def walked(panel: Panel, part: Part) -> tuple[dict[str, np.ndarray], list[Fold]]:
    """The statistics of every day of the part's years, and the folds that gave them."""
    shape = (len(panel.grid.days), len(part.areas))
    found, used = {test: np.full(shape, np.nan) for test in TESTS}, []
    for fold in folds(panel, part):
        first = max(0, fold.begin - WARM_UP)
        told = statistics(fold.profile, cut(panel.grid, first, fold.end), panel.conditions[first : fold.end])
        for test, values in told.items():
            found[test][fold.begin : fold.end] = values[fold.begin - first :]
        used.append(fold)
    return found, used


def remainders(panel: Panel, used: list[Fold]) -> np.ndarray:
    """What our own normal leaves (D, S, C): of the first fold's past as learned, from then on as told by each fold."""
    found = np.full(panel.grid.values.shape, np.nan)
    for number, fold in enumerate(used):
        first = 0 if number == 0 else fold.begin
        told = fold.profile.normal.remainders(cut(panel.grid, first, fold.end), panel.conditions[first : fold.end])
        for area, values in told.items():
            found[first : fold.end, :, panel.grid.entities.index(area)] = values
    return found
