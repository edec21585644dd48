"""Changes put into real weeks: drawn by the registered seed, lasting from a week's first hour on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.drift.counted import Counted
from benchmarks.drift.panels import Panel
from benchmarks.drift.registered import registration
from model_code.faults.grid import DayGrid

KINDS = ("level", "scale", "stuck", "swapped", "clock")
WEEKS = 2
YEAR = 365


@dataclass(frozen=True)
class Injection:
    """One change: `first` is the index of its first day, `sign` up or down (late or early)."""

    kind: str
    panel: str
    place: int
    first: int
    sign: int
    partner: int | None = None


def drawn(panels: Mapping[str, Panel], weeks: Mapping[str, Counted], count: int | None = None) -> list[Injection]:
    """The registered injections (or the first `count` of them)."""
    plan = registration()["injections"]
    chance = np.random.default_rng(plan["seed"])
    places = [
        (name, place, last)
        for name, found in weeks.items()
        for place, last in found.weeks
        if (place, last + 7) in set(found.weeks)
    ]
    chosen = chance.choice(len(places), plan["count"], replace=False)
    found = []
    for number, index in enumerate(chosen):
        name, place, last = places[index]
        kind, first = KINDS[number % len(KINDS)], last - 6
        partner = _nearest(panels[name].grid, place, first) if kind == "swapped" else None
        found.append(Injection(kind, name, place, first, int(chance.choice([-1, 1])), partner))
    return found[:count]


def injected(grid: DayGrid, change: Injection, first: int) -> DayGrid:
    """A grid with the change from its row `first` on."""
    values = grid.values.copy()
    later, place = values[first:], change.place
    plan = registration()["injections"]["kinds"]
    if change.kind == "level":
        later[:, :, place] *= 1 + change.sign * plan["level"]
    elif change.kind == "scale":
        mean = np.nanmean(later[:, :, place], axis=1, keepdims=True)
        later[:, :, place] = mean + (1 + change.sign * plan["scale"]) * (later[:, :, place] - mean)
    elif change.kind == "stuck":
        before = values[:first, :, place].ravel()
        later[:, :, place] = before[np.isfinite(before)][-1]
    elif change.kind == "swapped":
        later[:, :, [place, change.partner]] = later[:, :, [change.partner, place]]
    else:
        flat = values[:, :, place].ravel()
        moved = np.roll(flat, change.sign * plan["clock_hours"])
        later[:, :, place] = moved.reshape(values.shape[:2])[first:]
        if change.sign < 0:
            values[-1, -1, place] = flat[-1]  # what would come from after the end stays
    return DayGrid(grid.days, grid.entities, values)


def _nearest(grid: DayGrid, place: int, first: int) -> int:
    means = np.nanmean(grid.values[max(0, first - YEAR) : first], axis=(0, 1))
    away = np.abs(np.log(means / means[place]))
    away[place] = np.inf
    return int(np.nanargmin(away))
