"""Our tests walked forward: learned anew every quarter from what was known then, judged day by day."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.drift.panels import Panel
from benchmarks.drift.registered import Part, registration
from model_code.faults.filters import KINDS
from model_code.faults.grid import DayGrid
from model_code.faults.profile import WINDOWS, ColumnProfile, learn_column
from model_code.faults.steps import REACH
from model_code.faults.stuck import limit, runs
from model_code.faults.thresholds import Kind, Thresholds

WARM_UP = REACH  # days before a window that its scores look at


@dataclass(frozen=True)
class Test:
    """One kind of change in windows of so many days, or (without a kind) a run of one value."""

    kind: Kind | None
    days: int
    __test__ = False  # nothing for pytest

    @property
    def name(self) -> str:
        """As the registration and the pages call it."""
        return f"{self.kind}-{self.days}" if self.kind else "stuck"

    def needs(self, limits: Thresholds, told: np.ndarray) -> np.ndarray:
        """The statistic beyond which it is a verdict, by what a change by the whole makes (as the product's rule has it)."""
        kind = self.kind
        if kind is None:
            return np.full(told.shape, limits.stuck)
        return np.asarray(np.vectorize(lambda one: limits.of(kind, self.days, one), otypes=[float])(told))


TESTS = (*(Test(kind, days) for kind in KINDS for days in WINDOWS), Test(None, 7))


@dataclass(frozen=True)
class Fold:
    """A profile, and the days [begin, end) of the panel's grid that it judges."""

    profile: ColumnProfile
    begin: int
    end: int


def folds(panel: Panel, part: Part, nth: int = 1) -> Iterator[Fold]:
    """One profile a quarter over the part's years, or for every n-th quarter only."""
    days, every = panel.grid.days, registration()["refit_days"]
    begin, end = (int(np.searchsorted(days, moment)) for moment in (part.years[0][0], part.years[-1][1]))
    for start in range(begin, min(end + 1, len(days)), nth * every):
        profile = learn_column(cut(panel.grid, 0, start), panel.conditions[:start])
        yield Fold(profile, start, min(start + every, len(days)))


def cut(grid: DayGrid, begin: int, end: int) -> DayGrid:
    return DayGrid(grid.days[begin:end], grid.entities, grid.values[begin:end])


@dataclass(frozen=True)
class Told:
    """What one test says.

    Attributes:
        score: (D, C) its statistic for the windows that end with each day, against no threshold yet; NaN: not known. Of a kind:
            the standard score, signed. Of `stuck`: the longest run of the latest week over its limit.
        whole: (C,) or (D, C) what a change by the whole makes of it; 0 where not known.
    """

    score: np.ndarray
    whole: np.ndarray = field(repr=False)

    def ratios(self, test: Test, limits: Thresholds) -> np.ndarray:
        """(D, C) over what is needed; 0 where not known."""
        return np.asarray(np.abs(np.nan_to_num(self.score)) / test.needs(limits, self.whole))


def statistics(profile: ColumnProfile, grid: DayGrid, conditions: np.ndarray) -> dict[Test, Told]:
    """What each test says of a grid."""
    shape, stuck = (len(grid.days), len(grid.entities)), TESTS[-1]
    found = {test: Told(np.full(shape, np.nan), np.zeros(shape[1])) for test in TESTS}
    scores = profile.scores(grid, conditions)
    for place, area in enumerate(grid.entities):
        for days, kinds in scores.get(area, {}).items():
            for kind, values in kinds.items():
                told = found[Test(kind, days)]
                told.score[:, place] = values
                told.whole[place] = profile.filters[area][days].told(kind, days, profile.normal.transform)
        daily = runs(grid, place).reshape(shape[0], -1).max(axis=1)
        week = np.lib.stride_tricks.sliding_window_view(np.r_[np.zeros(6), daily], 7).max(axis=1)
        found[stuck].score[:, place] = week / limit(profile.runs[area], grid.slots)
    return found


def walked(panel: Panel, part: Part, nth: int = 1) -> tuple[dict[Test, Told], list[Fold]]:
    """What each test says of every day of the part's years (of every n-th quarter), and the folds that gave it."""
    shape = (len(panel.grid.days), len(part.areas))
    found, used = {test: Told(np.full(shape, np.nan), np.zeros(shape)) for test in TESTS}, []
    for fold in folds(panel, part, nth):
        first = max(0, fold.begin - WARM_UP)
        told = statistics(fold.profile, cut(panel.grid, first, fold.end), panel.conditions[first : fold.end])
        for test, one in told.items():
            found[test].score[fold.begin : fold.end] = one.score[fold.begin - first :]
            found[test].whole[fold.begin : fold.end] = one.whole
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
