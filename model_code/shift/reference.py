"""Which origins tell what a window should look like: the same season of earlier years, or days of the same conditions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from model_code.errors import TooLittleData

SEASON_DAYS = 21.0  # how far from a day of the year its season reaches
YEAR = 365.25
A_YEAR_AGO = 300.0  # days; what is younger belongs to this year's course
Basis = Literal["same_season", "matched_context", "recent"]
TOLD = {
    "same_season": "the same season and days of the week of earlier years",
    "matched_context": "earlier origins of the same conditions ({columns})",
    "recent": "the origins just before, since the history has neither earlier years nor conditions",
}


@dataclass(frozen=True)
class Reference:
    """The chosen origins.

    Attributes:
        origins: In order, without repetition.
        basis: How they were chosen.
        text: The same in words, for reports.
    """

    origins: tuple[pd.Timestamp, ...]
    basis: Basis
    text: str


def choose_reference(
    candidates: Sequence[pd.Timestamp],
    window: Sequence[pd.Timestamp],
    conditions: pd.DataFrame | None,
    *,
    size: int,
    timezone: str,
) -> Reference:
    """Choose what a window is compared with.

    Args:
        candidates: Earlier origins (aware), any order.
        window: The window's origins.
        conditions: What each origin's period was like: rows by origin (index), float columns; it may lack some.
            None, or no columns: there are none.
        size: How many origins are wanted.
        timezone: IANA zone in which a day has its weekday and season.

    Raises:
        TooLittleData: No candidate, or an empty window.
    """
    earlier = pd.DatetimeIndex(sorted(set(candidates) - set(window)))
    if not len(earlier) or not len(window):
        raise TooLittleData(f"{len(earlier)} earlier origins for a window of {len(window)}", hint="keep more history")
    local, days = earlier.tz_convert(timezone), pd.DatetimeIndex(list(window)).tz_convert(timezone)
    seasonal = _same_season(local, days, size)
    if seasonal is not None:
        return _reference(earlier, seasonal, "same_season", "")
    if conditions is not None and len(conditions.columns):
        matched = _matched(earlier, window, conditions, _off_days(local), _off_days(days), size)
        if matched is not None:
            return _reference(earlier, matched, "matched_context", ", ".join(map(str, conditions.columns)))
    return _reference(earlier, np.arange(max(0, len(earlier) - size), len(earlier)), "recent", "")


def _reference(earlier: pd.DatetimeIndex, chosen: np.ndarray, basis: Basis, columns: str) -> Reference:
    return Reference(tuple(earlier[np.unique(chosen)]), basis, TOLD[basis].format(columns=columns))


def _same_season(earlier: pd.DatetimeIndex, days: pd.DatetimeIndex, size: int) -> np.ndarray | None:
    """Positions of the origins of earlier years nearest in season, with the window's weekdays; None: too few."""
    middle = days[len(days) // 2]
    age = (days[0] - earlier).total_seconds().to_numpy() / 86_400
    apart = np.abs(earlier.dayofyear.to_numpy() - middle.dayofyear)
    apart = np.minimum(apart, YEAR - apart)
    fits = (age > A_YEAR_AGO) & (apart <= SEASON_DAYS) & np.isin(earlier.weekday, days.weekday)
    found = np.flatnonzero(fits)
    if len(found) < size:
        return None
    chosen: np.ndarray = found[np.argsort(apart[found], kind="stable")[:size]]
    return chosen


def _matched(
    earlier: pd.DatetimeIndex,
    window: Sequence[pd.Timestamp],
    conditions: pd.DataFrame,
    off: np.ndarray,
    off_window: np.ndarray,
    size: int,
) -> np.ndarray | None:
    """Positions of the origins whose conditions are nearest to those of each of the window's; None: not known."""
    known = conditions.reindex(earlier).to_numpy(float)
    wanted = conditions.reindex(pd.DatetimeIndex(list(window))).to_numpy(float)
    usable, told = np.isfinite(known).all(axis=1), np.isfinite(wanted).all(axis=1)
    if usable.sum() < size or not told.any():
        return None
    scale = np.where(known[usable].std(axis=0) > 0, known[usable].std(axis=0), 1.0)
    places, each = np.flatnonzero(usable), math.ceil(size / int(told.sum()))
    chosen: list[int] = []
    for row, weekend in zip(wanted[told], off_window[told], strict=True):
        distance = (((known[usable] - row) / scale) ** 2).sum(axis=1) + 4.0 * (off[usable] != weekend)
        chosen += places[np.argsort(distance, kind="stable")[:each]].tolist()
    return np.array(chosen)


def _off_days(days: pd.DatetimeIndex) -> np.ndarray:
    return np.asarray(days.weekday) >= 5
