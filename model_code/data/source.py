"""What every data source is: pages of observation frames, and nothing that was not known at `now`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

import pandas as pd


class Source(Protocol):
    """One feed of observations; the conformance suite in `tests/conformance` is its definition."""

    def fetch(self, start: datetime, end: datetime, now: datetime, entities: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Pages of rows with `start <= time < end` that were known at `now`.

        Args:
            start: First time wanted (aware).
            end: First time not wanted (aware).
            now: The present, which a simulation may choose (aware).
            entities: What to ask for; empty asks for all that the source has.

        Yields:
            Frames with `entity` (str), `time` and `known_at` (datetime64[us, UTC]; `known_at` is NaT
            where the source does not tell) and the feed's value columns (float64).

        Raises:
            SourceError: The source failed; nothing of the failed page is yielded.
        """
        ...
