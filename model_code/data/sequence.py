"""What only shows along time: rows off the grid, spikes, stuck sensors, gaps, days on which the clock changes."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from model_code.data.frames import ticks

Mask = npt.NDArray[np.bool_]
Ticks = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Gap:
    """Rows that are missing between two that are there.

    Attributes:
        entity: Whose rows.
        start: First time that is missing.
        end: First time that is there again.
        missing: How many rows.
    """

    entity: str
    start: datetime
    end: datetime
    missing: int


@dataclass(frozen=True)
class Jumps:
    """Steps larger than is credible; one flag for each judged row.

    Attributes:
        spike: The step came straight back.
        open: It is the entity's last row: whether it comes back, the next one will show.
    """

    spike: Mask
    open: Mask


class Sequence:
    """One value column over time, neighbour by neighbour; the latest revision stands for each time.

    Args:
        rows: `entity`, `time`, `known_at` and the column: the rows to judge.
        context: The same columns of rows that are known already, before, after or between them.
        column: Which column. Rows without a value are left out, so that the rows beside them become neighbours.
    """

    def __init__(self, rows: pd.DataFrame, context: pd.DataFrame, column: str) -> None:
        names = ["entity", "time", "known_at", column]
        both = pd.concat([context[names].assign(judged=-1), rows[names].assign(judged=np.arange(len(rows)))])
        both = both[both[column].notna()]
        self._size = len(rows)
        entity = pd.factorize(both["entity"])[0]
        # A row to judge stands above one known before of the same time; a revision without known_at is the newest.
        known_at = np.where(both["known_at"].isna(), np.iinfo(np.int64).max, ticks(both["known_at"]))
        order = np.lexsort((known_at, both["judged"].to_numpy() >= 0, ticks(both["time"]), entity))
        self._entity, self._time = entity[order], ticks(both["time"])[order]
        self._value = both[column].to_numpy(dtype=np.float64)[order]
        self._judged = both["judged"].to_numpy()[order]
        last = np.ones(len(order), dtype=bool)
        last[:-1] = (self._entity[1:] != self._entity[:-1]) | (self._time[1:] != self._time[:-1])
        self._latest = np.flatnonzero(last)
        self._group = np.cumsum(last) - last

    def jumps(self, largest: float, step: timedelta) -> Jumps:
        """Spikes, and jumps whose outcome is open.

        Args:
            largest: Largest credible difference of neighbours.
            step: How far apart neighbours are; rows with a gap between them are not compared.
        """
        series, entity, time = self._value[self._latest], self._entity[self._latest], self._time[self._latest]
        near = (np.diff(entity) == 0) & (np.diff(time) == _ticks_of(step))
        before, after = np.append(False, near), np.append(near, False)
        down, up = np.append(np.nan, series[:-1]), np.append(series[1:], np.nan)
        into, out = self._value - down[self._group], up[self._group] - self._value
        jumped = before[self._group] & (np.abs(into) > largest)
        back = after[self._group] & (np.abs(out) > largest) & (into * out < 0) & (np.abs(into + out) <= largest)
        candidate = jumped & back
        spike = _every_other(candidate[self._latest])
        ends = np.append(np.diff(entity) != 0, True)[: len(entity)]
        after_spike = np.append(False, spike[:-1])[self._group]
        found = candidate & ~after_spike
        found[self._latest] = spike
        return Jumps(self._flags(found), self._flags(jumped & ends[self._group] & ~after_spike))

    def stuck(self, longest: timedelta) -> Mask:
        """Rows that repeat their value for longer than `longest` without another one between."""
        series, entity, time = self._value[self._latest], self._entity[self._latest], self._time[self._latest]
        starts = np.append(True, (np.diff(entity) != 0) | (np.diff(series) != 0))[: len(series)]
        began = time[np.flatnonzero(starts)][np.cumsum(starts) - 1]
        stuck = time - began > _ticks_of(longest)
        return self._flags(stuck[self._group] & (self._value == series[self._group]))

    def _flags(self, mask: Mask) -> Mask:
        flags = np.zeros(self._size, dtype=bool)
        flags[self._judged[mask & (self._judged >= 0)]] = True
        return flags


def off_grid(times: pd.Series, known: pd.Series, step: timedelta, timezone: str) -> Mask:
    """Times that are not a whole number of steps from the others.

    The grid is that of `known` where there is any, else that of most of `times`; it may be one of the
    local clock (days that begin at local midnight) or of UTC, whichever fits better.
    """
    if times.empty:
        return np.zeros(0, dtype=bool)
    reference = times if known.empty else known
    masks = []
    for zone in ("UTC", timezone):
        offset = _clock(reference, zone) % _ticks_of(step)
        values, counts = np.unique(offset, return_counts=True)
        masks.append(_clock(times, zone) % _ticks_of(step) != values[np.argmax(counts)])
    return min(masks, key=lambda mask: int(mask.sum()))


def gaps(rows: pd.DataFrame, step: timedelta) -> tuple[Gap, ...]:
    """Where rows are missing between two of one entity. Days of 23 or 25 hours are none: time is counted in UTC.

    Args:
        rows: `entity` and `time`, sorted by both.
        step: Regular spacing.
    """
    if rows.empty:
        return ()
    entity, time = rows["entity"].to_numpy(), ticks(rows["time"])
    steps = np.rint(np.diff(time) / _ticks_of(step)).astype(np.int64)
    found = np.flatnonzero((entity[1:] == entity[:-1]) & (steps > 1))
    return tuple(
        Gap(
            str(entity[at]),
            rows["time"].iloc[at] + step,
            rows["time"].iloc[at + 1],
            int(steps[at] - 1),
        )
        for at in found
    )


def clock_changes(start: datetime, end: datetime, timezone: str) -> tuple[date, ...]:
    """Local days in `start <= day < end` that do not have 24 hours.

    Example:
        >>> from datetime import timezone
        >>> clock_changes(datetime(2024, 1, 1, tzinfo=timezone.utc), datetime(2025, 1, 1, tzinfo=timezone.utc), "Europe/Paris")
        (datetime.date(2024, 3, 31), datetime.date(2024, 10, 27))
    """
    zone = ZoneInfo(timezone)
    days = pd.date_range(start.astimezone(zone).date(), end.astimezone(zone).date() + timedelta(days=1), freq="D")
    midnights = days.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)
    lengths = np.diff(midnights.tz_convert("UTC").to_numpy())
    changed = days[:-1][lengths != np.timedelta64(1, "D")]
    return tuple(
        day.date() for day in changed if start <= day.tz_localize(zone, nonexistent="shift_forward", ambiguous=True) < end
    )


def _clock(times: pd.Series, zone: str) -> Ticks:
    """Microseconds as a wall clock in that zone shows them."""
    return ticks(times.dt.tz_convert(zone).dt.tz_localize(None)) if zone != "UTC" else ticks(times)


def _ticks_of(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _every_other(flags: Mask) -> Mask:
    """Of a run of flags the first, third, fifth: a good row between two spikes looks like one itself."""
    starts = flags & ~np.append(False, flags[:-1])[: len(flags)]
    position = np.arange(len(flags))
    began = np.maximum.accumulate(np.where(starts, position, 0)) if len(flags) else position
    return np.asarray(flags & ((position - began) % 2 == 0), dtype=bool)
