"""One entity's values of one column by time, as plain arrays: what features are computed from."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True)
class Observed:
    """Values as known at one moment.

    Attributes:
        stamps: (n,) times in microseconds since 1970 (UTC), ascending, each one once.
        values: (n,) float64 in the column's unit, NaN where the row is there but its value is not.
    """

    stamps: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, values: pd.Series) -> Self:
        """A series by time (aware index, sorted), as plain arrays."""
        return cls(microseconds(pd.DatetimeIndex(values.index)), values.to_numpy(float))

    def at(self, stamps: np.ndarray) -> np.ndarray:
        """The values at times (m,) in microseconds, NaN where there is none.

        Example:
            >>> Observed(np.array([0, 10]), np.array([1.0, 2.0])).at(np.array([10, 5])).tolist()
            [2.0, nan]
        """
        if not len(self.stamps):
            return np.full(len(stamps), np.nan)
        place = np.minimum(self.stamps.searchsorted(stamps), len(self.stamps) - 1)
        found: np.ndarray = self.values[place]
        found[self.stamps[place] != stamps] = np.nan
        return found

    def after(self, stamp: int) -> np.ndarray:
        """The values that are known of times after `stamp` (microseconds), in the order of time."""
        values: np.ndarray = self.values[self.stamps.searchsorted(stamp, side="right") :]
        known: np.ndarray = values[~np.isnan(values)]
        return known


def microseconds(times: pd.DatetimeIndex) -> np.ndarray:
    """Microseconds since 1970 (UTC) of aware times."""
    return np.asarray(times.as_unit("us").asi8)
