"""Finds what is wrong with the data of a use case at one moment: stuck, missing, swapped, shifted or rescaled columns.

A level that shifted is no fault of the data: the world may change, and the level test sees it (`model_code/drift.py`).
What the level explains better than clock or amplitude is left to it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from model_code.data.known import KnownHistory
from model_code.evidence import DataFault
from model_code.faults.conditions import Days
from model_code.faults.departures import Departure, departures, swapped
from model_code.faults.grid import DayGrid, day_grid
from model_code.faults.profile import ColumnProfile, FaultProfile
from model_code.faults.steps import REACH
from model_code.faults.stuck import limit, runs
from model_code.faults.thresholds import Thresholds
from model_code.usecase import UseCaseSpec

LOOKBACK = timedelta(days=REACH + 2)  # what the scores of the latest complete day look at
ABSENT = timedelta(days=1)  # so long after it was due, a value is missing rather than late
HOUR = timedelta(hours=1)
WORDS = {"scale": "the amplitude of its days is", "clock": "its time of day is"}


@dataclass(frozen=True)
class JudgedColumn:
    """One column under judgement: its latest nine weeks by local day, what they were like, each entity's latest value, when one was due."""

    feed: str
    name: str
    step: timedelta
    grid: DayGrid
    profile: ColumnProfile
    conditions: np.ndarray | None
    timezone: str
    latest: Mapping[str, pd.Timestamp]
    due: pd.Timestamp

    @property
    def long_enough(self) -> bool:
        """Whether windows can be compared with the weeks before them."""
        return len(self.grid.days) >= REACH - 1

    def begin(self, days: int) -> datetime:
        """When the window of the latest so many days began."""
        return self.moment(max(0, len(self.grid.days) - days) * self.grid.slots)

    def moment(self, position: int) -> datetime:
        """Time of a position in the flattened grid."""
        day, slot = divmod(position, self.grid.slots)
        local = pd.Timestamp(self.grid.days[day]) + slot * self.step
        return local.tz_localize(self.timezone, ambiguous=True, nonexistent="shift_forward").tz_convert("UTC").to_pydatetime()

    def fault(self, text: str, entity: str, **facts: Any) -> DataFault:
        """A fault of this column; the text is preceded by where it is."""
        return DataFault(feed=self.feed, entity=entity, text=f"{self.feed}.{self.name} of {entity}: {text}", **facts)


def find_faults(
    profile: FaultProfile, history: KnownHistory, spec: UseCaseSpec, now: datetime, days: Days | None = None
) -> tuple[DataFault, ...]:
    """What is wrong with the data as known at `now`; empty where nothing is, or where too little history can tell.

    Args:
        profile: Learned with the champion, with its thresholds.
        history: The use case's observations; the latest nine weeks as known at `now` are looked at.
        spec: The use case.
        now: The moment of judging (aware).
        days: Tells what the target's days were like, for a profile that rests on that.
    """
    found: list[DataFault] = []
    for column in columns_of(profile, history, spec, now, days):
        found += [*_missing(column), *_stuck(column), *_departed(column, profile.limits)]
    return tuple(found)


def columns_of(
    profile: FaultProfile, history: KnownHistory, spec: UseCaseSpec, now: datetime, days: Days | None = None
) -> Iterator[JudgedColumn]:
    """The profile's columns with their latest nine weeks as known at `now`.

    Raises:
        ValueError: A column's normal days rest on what the days were like, and nobody tells.
    """
    moment = pd.Timestamp(now)
    for feed, columns in profile.feeds.items():
        known = spec.feeds.get(feed)
        if known is None or known.step is None:
            continue
        rows = history.observations(feed, moment, moment - LOOKBACK)
        recent = rows[rows["time"] <= moment]
        due = moment - known.publication_delay - known.step
        for name, told in columns.items():
            grid = day_grid(recent, name, sorted(told.runs), spec.timezone, known.step)
            latest = {str(entity): last for entity, last in recent[recent[name].notna()].groupby("entity")["time"].max().items()}
            if told.conditions and days is None:
                raise ValueError(f"{feed}.{name} is judged by {', '.join(told.conditions)}, and nobody tells them")
            like = days.told(grid, told.conditions, now) if told.conditions and days is not None else None
            yield JudgedColumn(feed, name, known.step, grid, told, like, spec.timezone, latest, due)


def _missing(column: JudgedColumn) -> Iterator[DataFault]:
    for entity, usual in sorted(column.profile.runs.items()):
        if not usual:  # it never had one
            continue
        last = column.latest.get(entity)
        gap = LOOKBACK if last is None else (column.due - last).to_pytimedelta()
        if gap > ABSENT:
            since = None if last is None else (last + column.step).to_pydatetime()
            text = f"no value for {gap / HOUR:.0f} hours after it was due"
            facts = {"kind": "missing", "since": since, "statistic": gap / HOUR, "threshold": ABSENT / HOUR}
            yield column.fault(text, entity, column=column.name, **facts)


def _stuck(column: JudgedColumn) -> Iterator[DataFault]:
    for place, entity in enumerate(column.grid.entities):
        lengths = runs(column.grid, place)
        known = np.flatnonzero(lengths)
        usual = column.profile.runs[entity]
        if not len(known) or lengths[known[-1]] <= limit(usual, column.grid.slots):
            continue
        length, last = int(lengths[known[-1]]), int(known[-1])
        text = (
            f"one value for {length * column.step / HOUR:.0f} hours; never before for more than {usual * column.step / HOUR:.0f}"
        )
        facts = {"kind": "stuck", "since": column.moment(last - length + 1)}
        yield column.fault(
            text, entity, column=column.name, statistic=float(length), threshold=limit(usual, column.grid.slots), **facts
        )


def _departed(column: JudgedColumn, limits: Thresholds) -> Iterator[DataFault]:
    if not column.long_enough:
        return
    found = departures(column.profile, column.grid, limits, column.conditions)
    pairs = swapped(column.profile, column.grid, limits, found, column.conditions)
    for first, second in pairs:
        text = f"and {second.entity} fit each other's place, {first.ratio:.1f} and {second.ratio:.1f} thresholds off in their own"
        yield _shaped(column, first, "swapped", text, f"{first.entity}, {second.entity}")
    taken = {one.entity for pair in pairs for one in pair}
    for one in found:
        if one.entity not in taken and one.kind in WORDS:
            text = (
                f"{WORDS[one.kind]} {one.score:+.1f} standard deviations off over {one.days} days (threshold {one.threshold:.1f})"
            )
            yield _shaped(column, one, one.kind, text, column.name)


def _shaped(column: JudgedColumn, one: Departure, kind: str, text: str, where: str) -> DataFault:
    since = column.moment(max(0, len(column.grid.days) - one.days) * column.grid.slots)
    return column.fault(text, one.entity, kind=kind, column=where, since=since, statistic=abs(one.score), threshold=one.threshold)
