"""The conditions of many origins as a plain table, to match days of the same kind."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from model_code.data.known import KnownHistory
from model_code.usecase import UseCase

ENTITIES = 3  # whose conditions stand for all: neighbours have much the same weather and the same holidays


def context_of(told: pd.DataFrame) -> pd.DataFrame:
    """The same from `series.conditions`: one row by origin, the mean over the series, without the level."""
    return told.drop(columns=["series", "level"], errors="ignore").groupby("origin").mean()


def context_table(usecase: UseCase, history: KnownHistory, origins: Sequence[pd.Timestamp], at: datetime) -> pd.DataFrame:
    """What the use case's `context` tells of each origin's period, looked back at from `at`.

    Returns:
        One row by origin (index), float columns; the mean over the first entities. No column where the use case has no
        `context`. NaN where it tells nothing.
    """
    context = getattr(usecase.features, "context", None)
    index = pd.DatetimeIndex(list(origins))
    if context is None or not len(index):
        return pd.DataFrame(index=index)
    entities = [""] if usecase.spec.entities is None else list(usecase.spec.entities[:ENTITIES])
    records = []
    for origin in origins:
        after = history.at(origin, seen_from=at)
        records.append(pd.DataFrame([context(after, origin, entity, usecase.spec) for entity in entities]).mean())
    return pd.DataFrame(records).set_axis(index, axis=0).astype(float)
