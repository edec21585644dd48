"""Use cases with one feed, and moments, for the tests of sources."""

from pathlib import Path
from typing import Any

import pandas as pd

from model_code.usecase import UseCase, UseCaseSpec

ELECDEMAND = {
    "kind": "embedded",
    "package": "fpp2",
    "item": "elecdemand",
    "sha256": "d44e5610787c48c4df3fa5eb396b38eb426f8469454fc4625ef418054d59d5ea",
    "start": "2014-01-01T00:00:00+10:00",
    "columns": {"demand": "Demand"},
}


def utc(text: str) -> pd.Timestamp:
    """A moment in UTC from a text without offset."""
    return pd.Timestamp(text, tz="UTC")


def hours(start: str, count: int) -> pd.DatetimeIndex:
    """Consecutive hours, UTC."""
    return pd.date_range(start, periods=count, freq="h", tz="UTC")


def usecase_with(
    source: dict[str, Any],
    *,
    column: str = "demand",
    entities: list[str] | None = None,
    folder: Path = Path("/nowhere"),
    **feed: Any,
) -> UseCase:
    """A use case `one_feed` whose feed `load` has this source and column."""
    parts = {"source": source, "columns": {column: {"unit": "MW"}}, "step": "PT1H", **feed}
    raw = {
        "name": "one_feed",
        "title": "One feed",
        "entities": entities or ["A"],
        "feeds": {"load": parts},
        "target": {"feed": "load", "column": column, "unit": "MW"},
        "horizon": {"steps": 24, "step": "PT1H"},
    }
    return UseCase(UseCaseSpec.model_validate(raw), folder)


def gather(pages: Any) -> pd.DataFrame:
    """All pages in one frame, sorted; empty without pages."""
    frames = list(pages)
    if not frames:
        return pd.DataFrame(columns=["entity", "time", "known_at"])
    keys = ["entity", "time", "known_at"]
    return pd.concat(frames).sort_values(keys, kind="stable", ignore_index=True)
