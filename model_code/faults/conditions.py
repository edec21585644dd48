"""What each day was like for each entity, by the use case's `context`: what normal days are told beside calendar and neighbours.

Entities near each other share their weather and cancel it for each other. Those far apart do not: of balancing authorities'
levels that moved by 5 %, three in four are found with their weather, and hardly more than half without it (docs/drift.md).
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from model_code.data.known import Known, KnownHistory
from model_code.faults.grid import DayGrid
from model_code.usecase import UseCase, UseCaseSpec

Context = Callable[[Known, pd.Timestamp, str, UseCaseSpec], Mapping[str, float]]
Faulty = Callable[[pd.DataFrame], np.ndarray]
DAY = timedelta(days=1)
TOLD = 0.9  # share of the complete days that must be told: a normal day that rests on rare weather data would judge rarely


class Days:
    """Tells what local days were like, looked back at from a moment.

    Args:
        context: The use case's `context`; of each day it is asked about what begins at local midnight.
        history: The use case's observations.
        faulty: Of days (origin, series) those that rest on data known to be faulty (n,); they are not told. Default: none.
    """

    def __init__(self, context: Context, history: KnownHistory, faulty: Faulty | None = None) -> None:
        self._context, self._history, self._faulty = context, history, faulty
        self._asked: dict[tuple[datetime, pd.Timestamp, str], Mapping[str, float]] = {}
        # The latest read: a day's entities come one after another.
        self._after: tuple[datetime, pd.Timestamp, Known] | None = None

    @classmethod
    def of(cls, usecase: UseCase, history: KnownHistory, faulty: Faulty | None = None) -> "Days | None":
        """None where the use case explains nothing afterwards, or looks ahead less than a day, so that no day would be told whole."""
        spec, context = usecase.spec, getattr(usecase.features, "context", None)
        if context is None or spec.entities is None or spec.horizon.end < DAY:
            return None
        return cls(context, history, faulty)

    def names(self, grid: DayGrid, at: datetime) -> tuple[str, ...]:
        """What is told of the grid's latest day; none where it has no days."""
        if not len(grid.days) or not grid.entities:
            return ()
        return tuple(self._told(_midnight(grid.days[-1], self._history.spec), grid.entities[0], at))

    def told(self, grid: DayGrid, names: tuple[str, ...], at: datetime) -> np.ndarray:
        """The conditions (D, C, k) of each day and entity; NaN where they are not known, or rest on faulty data.

        Args:
            grid: Days of the use case's time zone.
            names: Which k conditions.
            at: The moment of looking back (aware).
        """
        origins = [_midnight(day, self._history.spec) for day in grid.days]
        values = np.full((len(origins), len(grid.entities), len(names)), np.nan)
        for row, origin in enumerate(origins):
            for place, entity in enumerate(grid.entities):
                found = self._told(origin, entity, at)
                values[row, place] = [found.get(name, np.nan) for name in names]
        if self._faulty is not None:
            pairs = pd.MultiIndex.from_product([origins, grid.entities], names=["origin", "series"]).to_frame(index=False)
            values[np.asarray(self._faulty(pairs)).reshape(values.shape[:2])] = np.nan
        return values

    def _told(self, origin: pd.Timestamp, entity: str, at: datetime) -> Mapping[str, float]:
        key = (at, origin, entity)
        if key not in self._asked:
            if self._after is None or self._after[:2] != (at, origin):
                self._after = (at, origin, self._history.at(origin, seen_from=at))
            self._asked[key] = self._context(self._after[2], origin, entity, self._history.spec)
        return self._asked[key]


def usable(values: np.ndarray, grid: DayGrid) -> np.ndarray:
    """Which of the conditions (k,) a normal day may rest on: they vary, and of nine complete days in ten they are told.

    Args:
        values: (D, C, k), NaN where not told.
        grid: The days.
    """
    whole = np.isfinite(grid.values).all(axis=1)  # (D, C)
    told = np.isfinite(values) & whole[:, :, None]
    often = (told.sum(axis=0) >= TOLD * whole.sum(axis=0)[:, None]).all(axis=0)
    known = np.where(told, values, np.nan)
    spans = np.nanmax(known, axis=0, initial=-np.inf) - np.nanmin(known, axis=0, initial=np.inf)
    return np.asarray(often & (spans > 0).any(axis=0))


def _midnight(day: np.datetime64, spec: UseCaseSpec) -> pd.Timestamp:
    local = pd.Timestamp(day).tz_localize(spec.timezone, ambiguous=True, nonexistent="shift_forward")
    return local.tz_convert("UTC")
