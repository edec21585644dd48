"""What a bundle keeps to tell data faults: the normal day of each entity, the filters, how long values usually stay the same."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from model_code.arrays import Array
from model_code.data.known import KnownHistory
from model_code.faults.filters import KINDS, Kind, matched, templates
from model_code.faults.grid import DayGrid, day_grid
from model_code.faults.innovation import clipped, foretell, innovations
from model_code.faults.normal import PanelNormal, fit_normal
from model_code.faults.stuck import longest_runs
from model_code.usecase import UseCaseSpec

WINDOWS = (7, 14)  # days: a week tells a large fault at once, two weeks tell a small one
HISTORY = 1095  # days: older habits are not those of today
DAY, COARSEST = timedelta(days=1), timedelta(hours=6)  # fewer values than four do not make the shape of a day
TYPICAL = 365  # latest days whose median is the typical day


class Filter(BaseModel):
    """One window of one entity: what foretells it, and the filter of each kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    foretold: Array
    kinds: dict[Kind, Array]


class ColumnProfile(BaseModel):
    """What is normal for one column of a feed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    normal: PanelNormal
    filters: dict[str, dict[int, Filter]] = Field(description="Entity -> days of the window -> its filters.")
    runs: dict[str, int] = Field(description="Entity -> the longest run of one value in its history.")

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
            found[name] = {}
            for window, one in filters.items():
                new = innovations(heard, window, one.foretold)
                found[name][window] = {kind: new @ weights for kind, weights in one.kinds.items()}
        return found


class FaultProfile(BaseModel):
    """Feed -> column -> what is normal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feeds: dict[str, dict[str, ColumnProfile]] = Field(default_factory=dict)


def learn(history: KnownHistory, spec: UseCaseSpec, now: datetime) -> FaultProfile:
    """Learn the profile of every regular feed; an open set of entities (people, machines) has none.

    Args:
        history: The use case's observations.
        spec: The use case.
        now: What is known now is learned from (aware).
    """
    feeds = {}
    for name, feed in spec.feeds.items():
        if spec.entities is None or feed.step is None or feed.step > COARSEST or DAY % feed.step:
            continue
        rows = history.observations(name, now)
        past = rows[rows["time"] <= now]
        entities = sorted(map(str, past["entity"].unique()))
        grids = {column: day_grid(past, column, entities, spec.timezone, feed.step) for column in feed.columns}
        feeds[name] = {column: learn_column(grid) for column, grid in grids.items() if len(grid.days)}
    return FaultProfile(feeds=feeds)


def learn_column(grid: DayGrid, conditions: np.ndarray | None = None) -> ColumnProfile:
    """Learn one column; entities with less than a year of complete days only keep how long their values stay the same.

    Args:
        grid: History; the latest three years count.
        conditions: (D, C, k) what else each day was like, finite.
    """
    told = None if conditions is None else conditions[-HISTORY:]
    recent = grid.last(HISTORY)
    normal = fit_normal(recent, told)
    remainders = normal.remainders(recent, told)
    filters = {}
    for name, left in remainders.items():
        typical = np.nanmedian(recent.values[-TYPICAL:, :, recent.entities.index(name)], axis=0)
        shapes = templates(typical, normal.transform)
        heard = clipped(left, normal.entities[name].usual)
        filters[name] = {window: _filter(heard, window, shapes) for window in WINDOWS}
    return ColumnProfile(normal=normal, filters=filters, runs=longest_runs(grid))


def _filter(heard: np.ndarray, window: int, shapes: Mapping[Kind, np.ndarray]) -> Filter:
    weights = foretell(heard, window)
    windows = innovations(heard, window, weights)
    found = {kind: matched(windows, shapes[kind]) for kind in KINDS}
    return Filter(foretold=weights, kinds={kind: one for kind, one in found.items() if one is not None})
