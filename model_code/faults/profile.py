"""What a bundle keeps to tell data faults: the normal day of each entity, the filters, how long values usually stay the same."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from model_code.data.known import KnownHistory
from model_code.faults.conditions import Days, usable
from model_code.faults.earlier import EarlierFilter
from model_code.faults.filters import Filter, learn_filter
from model_code.faults.grid import DayGrid, day_grid
from model_code.faults.innovation import clipped
from model_code.faults.normal import PanelNormal, fit_normal, foretold_remainders, spread_of
from model_code.faults.stuck import longest_runs
from model_code.faults.thresholds import KeptThresholds, Kind, Thresholds, kept_thresholds, thresholds_of_before
from model_code.usecase import UseCaseSpec

WINDOWS = (7, 14)  # days: a week tells a large fault at once, two weeks tell a small one
HISTORY = 1826  # days: five years; older habits are not those of today
DAY, COARSEST = timedelta(days=1), timedelta(hours=6)  # fewer values than four do not make the shape of a day
AnyFilter = Annotated[Filter | EarlierFilter, Field(union_mode="left_to_right")]


class ColumnProfile(BaseModel):
    """What is normal for one column of a feed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    normal: PanelNormal
    filters: dict[str, dict[int, AnyFilter]] = Field(description="Entity -> days of the window -> its filters.")
    runs: dict[str, int] = Field(description="Entity -> the longest run of one value in its history.")
    conditions: tuple[str, ...] = Field((), description="What of the use case's `context` its normal days rest on.")

    def scores(
        self, grid: DayGrid, conditions: np.ndarray | None = None, unheard: Collection[str] = ()
    ) -> dict[str, dict[int, dict[Kind, np.ndarray]]]:
        """Entity -> window -> kind -> standard scores (D,) of the windows that end with each day; NaN where too little is known."""
        remainders = self.normal.remainders(grid, conditions, unheard)
        found: dict[str, dict[int, dict[Kind, np.ndarray]]] = {}
        for name, filters in self.filters.items():
            if name not in remainders:
                continue
            heard = clipped(remainders[name], self.normal.entities[name].usual)
            values = grid.values[:, :, grid.entities.index(name)]
            found[name] = {window: self._scores(one, heard, values, window) for window, one in filters.items()}
        return found

    def limit(self, entity: str, kind: Kind, window: int, limits: Thresholds) -> float:
        """The score beyond which a window of an entity shows a change."""
        return limits.of(kind, window, self.filters[entity][window].told(kind, window, self.normal.transform))

    def _scores(self, one: Filter | EarlierFilter, heard: np.ndarray, values: np.ndarray, window: int) -> dict[Kind, np.ndarray]:
        if isinstance(one, EarlierFilter):
            return one.scores(heard, window)
        return one.scores(heard, values, window, self.normal.transform)


class FaultProfile(BaseModel):
    """Feed -> column -> what is normal, and what is no chance any more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feeds: dict[str, dict[str, ColumnProfile]] = Field(default_factory=dict)
    thresholds: KeptThresholds | None = Field(None, description="Of the version that learned it; None in bundles of before.")

    @property
    def limits(self) -> Thresholds:
        """The thresholds that it is judged by."""
        return thresholds_of_before() if self.thresholds is None else self.thresholds.values


def learn(history: KnownHistory, spec: UseCaseSpec, now: datetime, days: Days | None = None) -> FaultProfile:
    """Learn the profile of every regular feed; an open set of entities (people, machines) has none.

    Args:
        history: The use case's observations.
        spec: The use case.
        now: What is known now is learned from (aware).
        days: Tells what the days of the target were like, where the use case does.
    """
    feeds = {}
    for name, feed in spec.feeds.items():
        if spec.entities is None or feed.step is None or feed.step > COARSEST or DAY % feed.step:
            continue
        rows = history.observations(name, now)
        past = rows[rows["time"] <= now]
        entities = sorted(map(str, past["entity"].unique()))
        grids = {column: day_grid(past, column, entities, spec.timezone, feed.step) for column in feed.columns}
        target = spec.target.column if name == spec.target.feed else None
        feeds[name] = {
            column: learn_column(grid, *_conditions(grid, days if column == target else None, now))
            for column, grid in grids.items()
            if len(grid.days)
        }
    return FaultProfile(feeds=feeds, thresholds=kept_thresholds()) if feeds else FaultProfile()


def _conditions(grid: DayGrid, days: Days | None, now: datetime) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Those (D, C, k) of the latest five years that a normal day may rest on, and their names."""
    recent = grid.last(HISTORY)
    if days is None or not (names := days.names(recent, now)):
        return None, ()
    told = days.told(recent, names, now)
    chosen = usable(told, recent)
    if not chosen.any():
        return None, ()
    return told[:, :, chosen], tuple(name for name, use in zip(names, chosen, strict=True) if use)


def learn_column(grid: DayGrid, conditions: np.ndarray | None = None, names: tuple[str, ...] = ()) -> ColumnProfile:
    """Learn one column; entities with less than a year of complete days only keep how long their values stay the same.

    Args:
        grid: History; the latest five years count.
        conditions: (D, C, k) what else each of those days was like; days that they are NaN of are as incomplete ones.
        names: Of the k conditions.
    """
    told = None if conditions is None else conditions[-HISTORY:]
    recent = grid.last(HISTORY)
    normal = fit_normal(recent, told)
    unseen = {name: left for name, left in foretold_remainders(recent, told).items() if name in normal.entities}
    usual = {name: spread_of(left) for name, left in unseen.items() if np.isfinite(left).any()}
    entities = {name: one.model_copy(update={"usual": usual.get(name, one.usual)}) for name, one in normal.entities.items()}
    filters = {}
    for name, left in unseen.items():
        values = recent.values[:, :, recent.entities.index(name)]
        heard = clipped(left, entities[name].usual)
        found = {window: learn_filter(heard, values, window, normal.transform) for window in WINDOWS}
        filters[name] = {window: one for window, one in found.items() if one is not None}
    normal = normal.model_copy(update={"entities": entities})
    return ColumnProfile(normal=normal, filters=filters, runs=longest_runs(grid), conditions=names)
