"""Our verdicts on every counted week and on every injection, with the thresholds as fixed."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.drift.counted import Counted, counted
from benchmarks.drift.injections import WEEKS, Injection, drawn, injected
from benchmarks.drift.panels import Panel, load
from benchmarks.drift.registered import parts
from benchmarks.drift.walk import TESTS, WARM_UP, Fold, Test, Told, cut, remainders, statistics, walked
from model_code.faults.thresholds import Thresholds

DAYS = 7 * WEEKS


@dataclass(frozen=True)
class World:
    """One panel of the scoring part, judged.

    Attributes:
        ratios: (D, C) largest statistic over its threshold.
        tests: Test -> (D, C) the same of each.
        told: What each test said, against no threshold.
        left: (D, S, C) remainders, what the peers are also given.
    """

    panel: Panel
    weeks: Counted
    folds: list[Fold]
    tests: dict[Test, np.ndarray]
    ratios: np.ndarray
    told: dict[Test, Told]
    left: np.ndarray


@dataclass(frozen=True)
class Changed:
    """One injection, judged: `ratios` (days since it began,), each test's last score, and the changed values for the peers."""

    change: Injection
    ratios: np.ndarray
    last: dict[Test, float]
    load: np.ndarray
    left: np.ndarray


def worlds(limits: Thresholds) -> dict[str, World]:
    found = {}
    for part in parts("scoring"):
        panel = load(part)
        told, used = walked(panel, part)
        tests = {test: told[test].ratios(test, limits) for test in TESTS}
        ratios = np.max(list(tests.values()), axis=0)
        found[part.panel] = World(panel, counted(panel, part), used, tests, ratios, told, remainders(panel, used))
    return found


def changed(found: Mapping[str, World], limits: Thresholds, count: int | None) -> list[Changed]:
    changes = drawn(
        {name: world.panel for name, world in found.items()}, {name: world.weeks for name, world in found.items()}, count
    )
    return [_judged(found[change.panel], change, limits) for change in changes]


def _judged(world: World, change: Injection, limits: Thresholds) -> Changed:
    panel, first = world.panel, max(0, change.first - WARM_UP - 1)
    fold = next(fold for fold in world.folds if fold.begin <= change.first < fold.end)
    begun = change.first - first
    grid = injected(cut(panel.grid, first, change.first + DAYS), change, begun)
    conditions = panel.conditions[first : change.first + DAYS]
    told = statistics(fold.profile, grid, conditions)
    each = {test: told[test].ratios(test, limits)[begun:, change.place] for test in TESTS}
    area = panel.grid.entities[change.place]
    left = fold.profile.normal.remainders(grid, conditions).get(area, np.full(grid.values.shape[:2], np.nan))[begun:]
    last = {test: float(told[test].score[-1, change.place]) for test in TESTS}
    ratios = np.max(list(each.values()), axis=0)
    return Changed(change, ratios, last, grid.values[begun:, :, change.place], left)
