"""What each time of a day should give: the calendar and the conditions of the day, then what the other entities say of it.

Entities near each other share their weather, their holidays and their habits. What is left of one after the others have
spoken is small, so that five per cent stand out where they would drown in the weather.
"""

from collections.abc import Collection
from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from model_code.arrays import Array
from model_code.faults.grid import DayGrid
from model_code.faults.regression import robust_ridge

NEIGHBOURS = 10  # entities that may speak for another: those whose days resemble its own most
BELIEVED = 5.0  # a neighbour is believed up to so many standard deviations: its fault must not become everybody's
OWN_PENALTY, NEIGHBOUR_PENALTY = 1.0, 20.0
MIN_DAYS = 365  # complete days to learn from: the season has to be among them
FOLDS = 5  # parts of the history, each told by what the others teach
YEAR = 365.25


class ColumnNormal(BaseModel):
    """What is normal for one entity.

    Attributes:
        own: (S, k + 1): weights of the calendar and the conditions, the intercept last.
        spread: (S,): usual size of what the calendar leaves.
        neighbours: The n entities that speak for it.
        shared: (S, 2n + 1): weights of the neighbours at the same time of the day, of their day's mean, the intercept last.
        usual: (S,): usual size of what remains.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    own: Array
    spread: Array
    neighbours: tuple[str, ...]
    shared: Array | None
    usual: Array


class PanelNormal(BaseModel):
    """What is normal for one column of a feed, entity by entity."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transform: Literal["log", "plain"]
    entities: dict[str, ColumnNormal]

    def remainders(
        self, grid: DayGrid, conditions: np.ndarray | None = None, unheard: Collection[str] = ()
    ) -> dict[str, np.ndarray]:
        """What each known entity's days are beyond what is normal: (D, S) each, NaN on incomplete days.

        Args:
            grid: Days to judge.
            conditions: (D, C, k) as told to `fit_normal`; days that they are NaN of are as incomplete ones.
            unheard: Entities known to be at fault, which the others must not listen to.
        """
        shape = transformed(grid.values, self.transform)
        left = {
            name: shape[:, :, place] - _own(normal, _inputs(grid, place, conditions))
            for place, name in enumerate(grid.entities)
            if (normal := self.entities.get(name)) is not None
        }
        said = {name: _said(left[name], self.entities[name].spread) for name in left if name not in unheard}
        silent = np.zeros(shape.shape[:2])
        return {name: left[name] - _spoken(self.entities[name], said, silent) for name in left}


def fit_normal(
    grid: DayGrid,
    conditions: np.ndarray | None = None,
    least: int = MIN_DAYS,
    transform: Literal["log", "plain"] | None = None,
) -> PanelNormal:
    """Learn it; entities with fewer than so many complete days are left out.

    Args:
        grid: History.
        conditions: (D, C, k) what else each day was like (temperature, day type); days that they are NaN of are left out.
        least: Complete days.
        transform: By the values where not given.
    """
    transform = transform or transform_of(grid.values)
    shape = transformed(grid.values, transform)
    own, left = {}, {}
    for place, name in enumerate(grid.entities):
        inputs = _inputs(grid, place, conditions)
        whole = np.isfinite(shape[:, :, place]).all(axis=1) & np.isfinite(inputs).all(axis=1)
        if whole.sum() < least:
            continue
        weights, intercept = robust_ridge(inputs[whole][:, None, :], shape[whole, :, place], OWN_PENALTY)
        own[name] = np.column_stack([weights, intercept])
        left[name] = shape[:, :, place] - inputs @ weights.T - intercept
    spread = {name: spread_of(left[name]) for name in left}
    said = {name: _said(left[name], spread[name]) for name in left}
    return PanelNormal(
        transform=transform, entities={name: _with_neighbours(name, own[name], left[name], said, spread[name]) for name in left}
    )


def foretold_remainders(grid: DayGrid, conditions: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """The remainders (D, S) of days that the normal day was not fitted on: each fifth of the history by what the others teach.

    A regression leaves less of the days that it was fitted on than it will leave of those to come; thresholds in units of the
    former would be broken by chance.
    """
    found = {name: np.full(grid.values.shape[:2], np.nan) for name in grid.entities}
    edges, transform = np.linspace(0, len(grid.days), FOLDS + 1).astype(int), transform_of(grid.values)
    for begin, end in pairwise(edges):
        values = grid.values.copy()
        values[begin:end] = np.nan
        others = fit_normal(DayGrid(grid.days, grid.entities, values), conditions, MIN_DAYS // 2, transform)
        told = None if conditions is None else conditions[begin:end]
        part = DayGrid(grid.days[begin:end], grid.entities, grid.values[begin:end])
        for name, left in others.remainders(part, told).items():
            found[name][begin:end] = left
    return found


def transform_of(values: np.ndarray) -> Literal["log", "plain"]:
    """Differences are judged on the log where all values are positive."""
    return "log" if np.nanmin(values, initial=np.inf) > 0 else "plain"


def transformed(values: np.ndarray, transform: str) -> np.ndarray:
    """(D, S, C) on the scale on which differences are judged; NaN on days that are incomplete."""
    whole = np.isfinite(values).all(axis=1, keepdims=True) & ((values > 0).all(axis=1, keepdims=True) | (transform == "plain"))
    safe = np.where(whole, values, 1.0)
    return np.where(whole, np.log(safe) if transform == "log" else safe, np.nan)


def spread_of(values: np.ndarray) -> np.ndarray:
    """Robust standard deviation of each time of the day (S,) around zero."""
    found = 1.4826 * np.nanmedian(np.abs(values), axis=0)
    return np.asarray(np.maximum(found, 1e-9))


def _with_neighbours(
    name: str, own: np.ndarray, left: np.ndarray, said: dict[str, np.ndarray], spread: np.ndarray
) -> ColumnNormal:
    whole = np.isfinite(left).all(axis=1)
    daily = {other: values.mean(axis=1)[whole] for other, values in said.items() if other != name}
    alike = {
        other: abs(float(np.corrcoef(values, left[whole].mean(axis=1))[0, 1]))
        for other, values in daily.items()
        if values.std() > 0
    }
    neighbours = tuple(sorted(sorted(alike, key=lambda other: -alike[other])[:NEIGHBOURS]))
    if not neighbours:
        return ColumnNormal(own=own, spread=spread, neighbours=(), shared=None, usual=spread)
    heard = _heard(neighbours, said, left)
    weights, intercept = robust_ridge(heard[whole], left[whole], NEIGHBOUR_PENALTY)
    remains = left - np.einsum("dsn,sn->ds", heard, weights) - intercept
    shared = np.column_stack([weights, intercept])
    return ColumnNormal(own=own, spread=spread, neighbours=neighbours, shared=shared, usual=spread_of(remains))


def _inputs(grid: DayGrid, place: int, conditions: np.ndarray | None) -> np.ndarray:
    calendar = calendar_of(grid.days)
    return calendar if conditions is None else np.column_stack([calendar, conditions[:, place]])


def calendar_of(days: np.ndarray) -> np.ndarray:
    """Season (two harmonics) and day of the week (D, 10)."""
    since = days.astype("datetime64[D]").astype(int)
    angle = 2 * np.pi * since / YEAR
    weekday = (since + 3) % 7  # 1970-01-01 was a Thursday
    waves = [wave(times * angle) for times in (1, 2) for wave in (np.sin, np.cos)]
    return np.column_stack([*waves, *(weekday == day for day in range(6))]).astype(float)


def _own(normal: ColumnNormal, inputs: np.ndarray) -> np.ndarray:
    return np.asarray(inputs @ normal.own[:, :-1].T + normal.own[:, -1])


def _said(left: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """What an entity tells its neighbours (D, S): nothing where it is silent, no more than is believed."""
    return np.asarray(np.clip(np.nan_to_num(left / spread), -BELIEVED, BELIEVED))


def _heard(neighbours: tuple[str, ...], said: dict[str, np.ndarray], like: np.ndarray) -> np.ndarray:
    voices = np.stack([said.get(other, np.zeros(like.shape)) for other in neighbours], axis=2)
    return np.concatenate([voices, np.broadcast_to(voices.mean(axis=1, keepdims=True), voices.shape)], axis=2)


def _spoken(normal: ColumnNormal, said: dict[str, np.ndarray], silent: np.ndarray) -> np.ndarray:
    if normal.shared is None:
        return silent
    heard = _heard(normal.neighbours, said, silent)
    return np.asarray(np.einsum("dsn,sn->ds", heard, normal.shared[:, :-1]) + normal.shared[:, -1])
