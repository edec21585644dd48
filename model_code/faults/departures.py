"""Entities whose latest windows are beyond chance, and what explains them best: the level, the amplitude or the clock."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from model_code.faults.filters import KINDS
from model_code.faults.grid import DayGrid
from model_code.faults.profile import ColumnProfile
from model_code.faults.thresholds import Kind, Thresholds

HALF = 0.5  # exchanged, both of two swapped entities must be less than half as far off


@dataclass(frozen=True)
class Departure:
    """One entity's worst window.

    Attributes:
        kind: What explains it best.
        score: Standard score, signed: positive when too high, too wide, too late.
        threshold: That it is beyond.
        days: Of the window.
        surprise: Score over the window's threshold, whatever the size of the change: who is at fault is the most surprising.
    """

    entity: str
    kind: Kind
    score: float
    threshold: float
    days: int
    surprise: float

    @property
    def ratio(self) -> float:
        """How far beyond its threshold."""
        return abs(self.score) / self.threshold


def departures(
    profile: ColumnProfile, grid: DayGrid, limits: Thresholds, conditions: np.ndarray | None = None
) -> tuple[Departure, ...]:
    """Entities whose windows that end with the grid's last complete day are beyond chance; the worst window of each.

    An entity is listened to by its neighbours, so that its fault shows in them too: the worst is silenced first, and who is
    beyond its threshold only while the worst speaks is not at fault. A sure change that is too small to matter is silenced too,
    and not told.

    Args:
        profile: What is normal.
        grid: At least the latest 63 days.
        limits: The calibrated thresholds.
        conditions: (D, C, k) as the profile was learned with.
    """
    beyond = _beyond(profile, grid, limits, conditions, ())
    found: list[Departure] = []
    while beyond:
        found.append(max(beyond.values(), key=lambda one: one.surprise))
        unheard = {one.entity for one in found}
        still = _beyond(profile, grid, limits, conditions, unheard)
        beyond = {name: one for name, one in beyond.items() if name in still and name not in unheard}
    return tuple(one for one in found if one.ratio > 1)


def swapped(
    profile: ColumnProfile,
    grid: DayGrid,
    limits: Thresholds,
    departed: tuple[Departure, ...],
    conditions: np.ndarray | None = None,
) -> tuple[tuple[Departure, Departure], ...]:
    """Pairs of departed entities that fit each other's place: both come back to normal once their latest days are exchanged."""
    pairs: list[tuple[Departure, Departure]] = []
    for number, first in enumerate(departed):
        for second in departed[number + 1 :]:
            taken = {one.entity for pair in pairs for one in pair}
            if first.entity in taken or second.entity in taken:
                continue
            exchanged = _exchanged(grid, first, second)
            still = {one.entity: one.ratio for one in departures(profile, exchanged, limits, conditions)}
            if all(still.get(one.entity, 0.0) < HALF * one.ratio for one in (first, second)):
                pairs.append((first, second) if first.entity < second.entity else (second, first))
    return tuple(pairs)


def _beyond(
    profile: ColumnProfile, grid: DayGrid, limits: Thresholds, conditions: np.ndarray | None, unheard: Collection[str]
) -> dict[str, Departure]:
    found = {}
    for entity, windows in profile.scores(grid, conditions, unheard).items():
        worst = max(_explained(profile, entity, windows, limits), key=lambda one: one.ratio, default=None)
        if worst is not None:
            found[entity] = worst
    return found


def _explained(
    profile: ColumnProfile, entity: str, windows: Mapping[int, Mapping[Kind, np.ndarray]], limits: Thresholds
) -> Iterator[Departure]:
    """Each window that is beyond its threshold, with the kind that has the largest score: the likeliest of the three.

    Kinds whose change is large enough to matter come first.
    """
    for days, kinds in windows.items():
        latest = {kind: _latest(kinds[kind]) for kind in KINDS if kind in kinds}
        sure = {kind: abs(score) / limits.of(kind, days) for kind, score in latest.items() if abs(score) > limits.of(kind, days)}
        if sure:
            needed = {kind: profile.limit(entity, kind, days, limits) for kind in sure}
            best = max(sure, key=lambda kind: (abs(latest[kind]) > needed[kind], abs(latest[kind])))
            yield Departure(entity, best, latest[best], needed[best], days, sure[best])


def _latest(scores: np.ndarray) -> float:
    """The last day's score, or that of the day before where the last one is still incomplete."""
    known = scores[-2:][np.isfinite(scores[-2:])]
    return float(known[-1]) if len(known) else float("nan")


def _exchanged(grid: DayGrid, first: Departure, second: Departure) -> DayGrid:
    places = [grid.entities.index(first.entity), grid.entities.index(second.entity)]
    values, begin = grid.values.copy(), max(0, len(grid.days) - max(first.days, second.days))
    values[begin:, :, places] = grid.values[begin:, :, places[::-1]]
    return DayGrid(grid.days, grid.entities, values)
