"""Days in rows, times of the local day in columns: what daily shapes are judged on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

BRIDGED = 8  # gaps up to this part of a day are interpolated: 3 hours


@dataclass(frozen=True)
class DayGrid:
    """One column of a feed, by local day.

    Attributes:
        days: (D,) datetime64[D], every day from the first to the last.
        entities: The C entities.
        values: (D, S, C) by day, time of the day and entity; NaN where nothing is known.
    """

    days: np.ndarray
    entities: tuple[str, ...]
    values: np.ndarray

    @property
    def slots(self) -> int:
        """Values of a day."""
        return int(self.values.shape[1])

    def last(self, count: int) -> "DayGrid":
        """The latest `count` days."""
        return DayGrid(self.days[-count:], self.entities, self.values[-count:])


def day_grid(rows: pd.DataFrame, column: str, entities: Sequence[str], timezone: str, step: timedelta) -> DayGrid:
    """Arrange observations by local day; short gaps (3 hours) are bridged, an hour that a clock change doubled is averaged.

    Args:
        rows: entity, time (aware) and `column`; any order.
        column: Which value.
        entities: Which entities, in the order of the result.
        timezone: IANA zone whose days these are.
        step: Spacing of the rows; the day must be a multiple of it.

    Raises:
        ValueError: A day is no multiple of `step`.
    """
    slots, rest = divmod(timedelta(days=1), step)
    if rest:
        raise ValueError(f"a day is no multiple of {step}")
    local = pd.DatetimeIndex(rows["time"]).tz_convert(timezone).tz_localize(None)
    day = local.to_numpy().astype("datetime64[D]")
    which = pd.Categorical(rows["entity"], categories=list(entities)).codes
    known = rows[column].notna().to_numpy() & (which >= 0)
    if not known.any():
        return DayGrid(np.empty(0, "datetime64[D]"), tuple(entities), np.empty((0, slots, len(entities))))
    first = day[known].min()
    count = int((day[known].max() - first).astype(int)) + 1
    slot = ((local - local.normalize()) // step).to_numpy()
    cell = (((day - first).astype(int) * slots + slot) * len(entities) + which)[known]
    size = count * slots * len(entities)
    total = np.bincount(cell, rows[column].to_numpy(float)[known], size)
    seen = np.bincount(cell, minlength=size)
    values = np.where(seen > 0, total / np.maximum(seen, 1), np.nan).reshape(count * slots, len(entities))
    bridged = pd.DataFrame(values).interpolate(limit=max(1, slots // BRIDGED), limit_area="inside").to_numpy()
    return DayGrid(first + np.arange(count), tuple(entities), bridged.reshape(count, slots, len(entities)))
