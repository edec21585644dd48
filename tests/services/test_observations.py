"""Tables are read again when they changed, and only then."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from model_code.data.store import ObservationStore
from model_code.errors import TooLittleData
from model_code.installation import Installation
from services.forecaster.observations import Observations
from services.forecaster.table_watch import TableWatch
from tests.services import tiny
from tests.services.conftest import installation


class Counting(ObservationStore):
    """Counts what is asked of the tables."""

    opened = 0
    read = 0

    def version(self, usecase: str, feed: str) -> int:
        self.opened += 1
        return super().version(usecase, feed)

    def revisions(self, *arguments: object, **named: object) -> pd.DataFrame:
        self.read += 1
        return super().revisions(*arguments, **named)  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return installation(tmp_path)


@pytest.fixture
def store(place: Installation) -> Counting:
    return Counting(place.settings.store)


def load_at(observations: Observations, place: Installation, origin: pd.Timestamp) -> pd.DataFrame:
    return observations.known(place.usecase.spec, origin)["load"]


def test_observations__see_every_append_and_read_a_table_once_for_each(place: Installation, store: Counting) -> None:
    observations, origin = Observations(store, 60.0), pd.Timestamp(tiny.LATEST)
    for n in range(3):
        rows = tiny.load_rows(tiny.LATEST - timedelta(hours=3), tiny.LATEST - timedelta(hours=2))
        rows = rows.assign(load=rows["load"] + n, known_at=rows["known_at"] + timedelta(minutes=n))
        place.store.append(tiny.NAME, "load", rows)
        expected = place.history(tiny.PRESENT).at(origin)["load"]
        for _ in range(5):
            pd.testing.assert_frame_equal(load_at(observations, place, origin), expected)
        assert (store.opened, store.read) == (n + 1, n + 1)


def test_observations__of_an_earlier_origin_are_as_known_then(place: Installation, store: Counting) -> None:
    observations = Observations(store, 60.0)
    whole = place.history(tiny.PRESENT)

    for days in (0, 1, 9, 3, 0):
        origin = pd.Timestamp(tiny.LATEST - timedelta(days=days))
        pd.testing.assert_frame_equal(load_at(observations, place, origin), whole.at(origin)["load"])

    assert store.read == 3


def test_observations__notice_a_table_that_was_made_anew(place: Installation, store: Counting) -> None:
    observations, origin = Observations(store, 60.0), pd.Timestamp(tiny.LATEST)
    load_at(observations, place, origin)
    table = Path(place.settings.store) / tiny.NAME / "load"
    table.rename(table.with_name("away"))
    with pytest.raises(TooLittleData):
        load_at(observations, place, origin)

    rows = tiny.load_rows(tiny.LATEST - timedelta(hours=5), tiny.LATEST - timedelta(hours=1))
    place.store.append(tiny.NAME, "load", rows)

    assert len(load_at(observations, place, origin)) == len(rows)


def test_table_watch__of_a_bucket_asks_again_after_its_time() -> None:
    versions = iter([3, 4])
    asked_for_long, asked_always = (TableWatch(None, lambda: next(versions), seconds) for seconds in (3600.0, 0.0))

    assert [asked_for_long.state().version for _ in range(3)] == [3, 3, 3]
    assert asked_always.state().version == 4
    with pytest.raises(StopIteration):
        asked_always.state()
