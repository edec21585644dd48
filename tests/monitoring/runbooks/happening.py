"""What really happens in the two small places, and how their source tells of it: each installation has a world of its own."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from model_code.errors import SourceUnavailable
from model_code.settings import Settings
from model_code.usecase import UseCase
from tests.services import tiny

Change = Callable[[pd.DataFrame], pd.DataFrame]
CHANGES: dict[Path, list[Change]] = {}  # home -> what is otherwise there, one after the other
SOURCE = '''"""The two small places."""

from tests.monitoring.runbooks.happening import make_source

__all__ = ["make_source"]
'''


class Happening:
    """The source of one installation: hourly load as it comes to be known, with whatever was changed about it."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes

    def fetch(self, start: datetime, end: datetime, now: datetime, entities: Sequence[str]) -> Iterator[pd.DataFrame]:
        """As every source does it; when a value became known is not told."""
        rows = tiny.load_rows(tiny.FIRST, end)
        rows = rows[(rows["time"] >= start) & (rows["known_at"] <= now)]
        rows = rows.assign(known_at=pd.Series(pd.NaT, rows.index, "datetime64[us, UTC]"))
        for change in self._changes:
            rows = change(rows)
        yield rows


def make_source(feed_name: str, usecase: UseCase, settings: Settings) -> Happening:
    """The source as the use case's folder makes it."""
    return Happening(CHANGES.get(settings.home, []))


def since(start: pd.Timestamp, values: Callable[[pd.DataFrame], object], entity: str = "") -> Change:
    """A change of the load from a moment on, of one entity or of all."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        touched = (rows["time"] >= start) & (rows["entity"].eq(entity) if entity else True)
        return rows.assign(load=rows["load"].mask(touched, values(rows)))

    return change


def without(start: pd.Timestamp, end: pd.Timestamp) -> Change:
    """Between two moments, no rows."""
    return lambda rows: rows[(rows["time"] < start) | (rows["time"] >= end)]


def away(rows: pd.DataFrame) -> pd.DataFrame:
    """The source does not answer."""
    raise SourceUnavailable("the source does not answer", hint="wait for it")
