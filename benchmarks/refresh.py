"""Refresh of 50 entities x 1 year hourly into Delta, from a source that has its pages at once: rows per second.

Run: `python benchmarks/refresh.py`. The clock runs from the first page's arrival to the last commit: validation,
quarantine, `known_at`, append, and the report. Goal: at least 20,000 rows a second.
"""

import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.goals import Goal, exit_code
from model_code.data.refresh import refresh
from model_code.data.store import ObservationStore
from model_code.usecase import UseCase, UseCaseSpec

RESULTS = Path(__file__).parent / "results"
GOAL = 20_000
HOUR = timedelta(hours=1)
START = datetime(2023, 1, 1, tzinfo=UTC)
ENTITIES = tuple(f"zone{number:02}" for number in range(50))


class Pages:
    """Hourly loads in pages of 5,000 rows, as an API gives them: no `known_at`, one row in a thousand a sentinel."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def fetch(self, start: datetime, end: datetime, now: datetime, entities: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Pages; the time that they take to make is not the refresh's."""
        began = time.perf_counter()
        hours = pd.date_range(start, min(end, now - 2 * HOUR), freq="h", inclusive="left").as_unit("us")
        per_page = 5_000 // len(entities)
        pages = [self._page(hours[first : first + per_page], entities) for first in range(0, len(hours), per_page)]
        self.seconds += time.perf_counter() - began
        yield from pages

    def _page(self, hours: pd.DatetimeIndex, entities: Sequence[str]) -> pd.DataFrame:
        hour = hours.asi8[:, None] // 3_600_000_000
        load = 50 + 10 * np.sin(hour / 24 * 2 * np.pi) + np.sin(hour * 0.37 + np.arange(len(entities)))
        load[(hour * 7 + np.arange(len(entities))) % 1000 == 0] = -200.0
        time_of_rows = hours.repeat(len(entities))
        return pd.DataFrame(
            {
                "entity": np.tile(np.array(entities, dtype=object), len(hours)),
                "time": time_of_rows,
                "known_at": pd.Series(pd.NaT, index=range(len(time_of_rows)), dtype="datetime64[us, UTC]"),
                "load": load.ravel(),
            }
        )


def usecase() -> UseCase:
    """Fifty zones with every check switched on."""
    load = {"unit": "GW", "minimum": 0, "maximum": 100, "sentinels": [-200.0], "max_step": 15, "stuck_after": "PT6H"}
    feed = {"source": {"kind": "python"}, "columns": {"load": load}, "step": HOUR, "publication_delay": HOUR}
    return UseCase(
        UseCaseSpec.model_validate(
            {
                "name": "zones",
                "title": "Zones",
                "entities": ENTITIES,
                "feeds": {"load": feed | {"history_from": START.isoformat()}},
                "target": {"feed": "load", "column": "load", "unit": "GW"},
                "horizon": {"steps": 24, "step": HOUR},
            }
        ),
        Path("."),
    )


def measured(now: datetime, store: ObservationStore) -> dict[str, float]:
    """One refresh as of `now`."""
    source = Pages()
    began = time.perf_counter()
    report = refresh(usecase(), "load", source, store, now)
    seconds = time.perf_counter() - began - source.seconds
    return {
        "fetched": report.fetched,
        "inserted": report.inserted,
        "seconds": round(seconds, 2),
        "rows_per_second": round(report.fetched / seconds),
    }


def main() -> int:
    """First load and a day later; 1 where the goal is missed."""
    with tempfile.TemporaryDirectory() as folder:
        store = ObservationStore(folder)
        year = START + timedelta(days=365)
        first = measured(year, store)
        daily = measured(year + timedelta(days=1), store)
    for name, result in (("first load", first), ("a day later", daily)):
        print(f"{name:12} {result['fetched']:>9,} rows fetched {result['seconds']:>7} s {result['rows_per_second']:>9,} rows/s")
    RESULTS.mkdir(exist_ok=True)
    told = {
        "first_load": first,
        "a_day_later": daily,
        "goal_rows_per_second": GOAL,
        "cpu": platform.processor() or platform.machine(),
    }
    (RESULTS / "refresh.json").write_text(json.dumps(told, indent=2) + "\n")
    return exit_code([Goal("rows/s of the first load", first["rows_per_second"], GOAL, at_least=True)])


if __name__ == "__main__":
    sys.exit(main())
