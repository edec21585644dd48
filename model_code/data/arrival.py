"""Since when a row is known, where its source does not tell."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from model_code.data.frames import utc
from model_code.data.pages import delay_of
from model_code.data.plan import Ranges
from model_code.data.sequence import Mask
from model_code.feeds import Feed

NORMAL_LATENESS = timedelta(days=1)
"""A row seen for the first time later than this after it was due is history: it is assumed to have come when due."""


def with_known_at(rows: pd.DataFrame, history: pd.DataFrame, known: Ranges, feed: Feed, now: datetime) -> pd.DataFrame:
    """Fills `known_at` where it is NaT.

    A changed value is known from `now`. So is a first value that fills a hole between rows known before (it came
    late) or that is at most a day overdue. An older first value is history: *assumed* to have come when due,
    `publication_delay` after its period. A value that contradicts one of the very same `known_at` is known from `now`.

    Args:
        rows: Credible rows; with several revisions of a time, their order is that of the rows.
        history: Every revision known before of that range.
        known: Entity -> first and last time of the table before the refresh.
        feed: For its delay.
        now: The present (aware).

    Returns:
        The rows with `known_at` complete.
    """
    present = utc(now)
    seen = _isin(rows, history, ["entity", "time"])
    due = rows["time"] + delay_of(feed)
    historic = (present - due > NORMAL_LATENESS).to_numpy() & ~seen & ~_between_known(rows, known)
    assumed = due.where(historic, present)
    contradicts = _isin(rows, history, ["entity", "time", "known_at"]) & ~_isin(rows, history, list(rows.columns))
    filled = rows["known_at"].fillna(assumed).where(~contradicts, present)
    return rows.assign(known_at=filled.astype("datetime64[us, UTC]"))


def _between_known(rows: pd.DataFrame, known: Ranges) -> Mask:
    """Which rows lie between the first and the last time of their entity."""
    first, last = (
        pd.to_datetime(rows["entity"].map({name: times[end] for name, times in known.items()}), utc=True) for end in (0, 1)
    )
    return ((rows["time"] >= first) & (rows["time"] <= last)).to_numpy(dtype=bool)


def _isin(rows: pd.DataFrame, history: pd.DataFrame, columns: list[str]) -> Mask:
    """Which rows agree with one of the history in all of these columns (NaN agrees with NaN)."""
    if history.empty or any(name not in history for name in columns):
        return np.zeros(len(rows), dtype=bool)
    both = pd.concat([history[columns], rows[columns]], ignore_index=True)
    codes = both.groupby(columns, dropna=False, sort=False).ngroup().to_numpy()
    return np.isin(codes[len(history) :], codes[: len(history)])
