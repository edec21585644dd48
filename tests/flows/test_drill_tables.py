"""What a drill holds in memory of its tables and ledger is what the stores themselves tell."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from flows.drill.tables import RememberedLedger, RememberedStore
from model_code.data.store import ObservationStore
from model_code.ledger import Entry, Ledger
from model_code.sql import engine

START = datetime(2024, 7, 1, tzinfo=UTC)
PLACE = ("demand", "load")


def hours(first: int, size: int, *, known: timedelta, value: float = 1.0, entity: str = "VIC") -> pd.DataFrame:
    """Hourly rows from an hour on, known so long after the start."""
    times = pd.DatetimeIndex([START + timedelta(hours=first + hour) for hour in range(size)]).as_unit("us")
    return pd.DataFrame({"entity": entity, "time": times, "known_at": START + known, "load": value + np.arange(size)})


def told(store: ObservationStore, day: int, version: int | None = None) -> list[pd.DataFrame]:
    """What a store says as of a day, in each of its ways."""
    at = START + timedelta(days=day)
    return [
        store.as_of(*PLACE, at, version=version),
        store.as_of(*PLACE, at, start=START + timedelta(hours=5), entities=["VIC"], version=version),
        store.revisions(*PLACE, until=at, version=version),
    ]


def test_remembered_store__tells_what_a_fresh_one_reads(tmp_path: Path) -> None:
    remembered, day = RememberedStore(str(tmp_path)), timedelta(days=1)
    batches = [
        hours(0, 24, known=day),
        hours(24, 24, known=2 * day),
        hours(20, 8, known=3 * day, value=9.0),  # revisions, and rows again
        hours(0, 30, known=3 * day, entity="NSW"),
        hours(48, 4, known=4 * day).assign(temperature=3.0),  # a column more
        hours(52, 4, known=5 * day).assign(temperature=4.0),
    ]
    for number, rows in enumerate(batches):
        assert remembered.append(*PLACE, rows, skip_unchanged=True).inserted == len(rows)
        assert remembered.append(*PLACE, rows, skip_unchanged=True).inserted == 0
        fresh = ObservationStore(str(tmp_path))
        assert remembered.version(*PLACE) == fresh.version(*PLACE) == number
        assert remembered.time_ranges(*PLACE, START + 9 * day) == fresh.time_ranges(*PLACE, START + 9 * day)
        for mine, theirs in zip(told(remembered, 9), told(fresh, 9), strict=True):
            pd.testing.assert_frame_equal(mine, theirs)
    for mine, theirs in zip(told(remembered, 9, version=1), told(fresh, 9, version=1), strict=True):
        pd.testing.assert_frame_equal(mine, theirs)


def test_remembered_store__quarantine_is_seen_at_once(tmp_path: Path) -> None:
    remembered = RememberedStore(str(tmp_path))
    for day in (1, 2):
        bad = hours(day, 3, known=timedelta(days=day)).assign(reason=f"of day {day}")
        assert remembered.quarantine(*PLACE, bad, START + timedelta(days=day)) == 3
        pd.testing.assert_frame_equal(remembered.quarantined(*PLACE), ObservationStore(str(tmp_path)).quarantined(*PLACE))


@pytest.fixture
def database(tmp_path: Path) -> sa.Engine:
    return engine(f"sqlite:///{tmp_path / 'ledger.db'}")


def test_remembered_ledger__tells_what_a_fresh_one_reads(database: sa.Engine) -> None:
    remembered = RememberedLedger(database)
    assert remembered.entries() == []
    for day in range(3):
        for usecase in ("demand", "churn"):
            entry = Entry(phase="note", usecase=usecase, action="hold", actor="t", reason="r", at=START + timedelta(days=day))
            remembered.append(entry)
            remembered.append(entry)
            assert remembered.entries("demand") == Ledger(database).entries("demand")
    assert remembered.entries() == Ledger(database).entries()
    assert len(remembered.entries()) == 6
