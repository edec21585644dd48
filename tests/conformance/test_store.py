"""What an observation store does, in a folder and in buckets of two kinds, each against a real server process."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from model_code.data.store import ObservationStore
from model_code.errors import TooLittleData
from tests.store_cases import HOUR, START, observations, together, values_of

LATER = START + timedelta(days=365)


@pytest.fixture(params=["folder", "s3", "gs"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObservationStore:
    """Credentials come from the environment; each test has its own prefix."""
    if request.param == "folder":
        return ObservationStore(str(tmp_path / "store"))
    for name, value in request.getfixturevalue({"s3": "s3", "gs": "gcs"}[request.param]).items():
        monkeypatch.setenv(name, value)
    return ObservationStore(f"{request.param}://observations/{tmp_path.name}")


def test_store__returns_what_was_appended_sorted_in_utc(store: ObservationStore) -> None:
    rows = together([observations([1.0, 2.0], entity="b"), observations([3.0, float("nan")], entity="a")])
    appended = store.append("uc", "load", rows)
    read = store.as_of("uc", "load", LATER)
    assert (appended.inserted, appended.duplicates) == (4, 0)
    expected = rows.sort_values(["entity", "time"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(read, expected)


def test_store__append_again_changes_nothing(store: ObservationStore) -> None:
    rows = observations([1.0, 2.0, 3.0])
    first = store.append("uc", "load", rows)
    again = store.append("uc", "load", together([rows, rows]))
    assert (again.version, again.inserted, again.duplicates) == (first.version, 0, 6)
    assert len(store.revisions("uc", "load")) == 3


def test_store__a_revision_is_seen_from_when_it_was_known(store: ObservationStore) -> None:
    store.append("uc", "load", observations([1.0, 2.0]))
    revised = store.append("uc", "load", observations([10.0], known_after=timedelta(days=2)))
    before = store.as_of("uc", "load", START + timedelta(days=2) - timedelta(microseconds=1))
    after = store.as_of("uc", "load", START + timedelta(days=2))
    assert revised.revised == 1
    assert before["load"].tolist() == [1.0, 2.0]
    assert after["load"].tolist() == [10.0, 2.0]
    assert len(store.revisions("uc", "load")) == 3
    assert len(store.revisions("uc", "load", until=START + HOUR)) == 1


def test_store__old_versions_stay_readable(store: ObservationStore) -> None:
    old = store.append("uc", "load", observations([1.0, 2.0])).version
    store.append("uc", "load", observations([3.0, 4.0], entity="b"))
    assert len(store.as_of("uc", "load", LATER, version=old)) == 2
    assert len(store.as_of("uc", "load", LATER)) == 4
    assert store.version("uc", "load") > old


def test_store__cuts_by_time_and_entity(store: ObservationStore) -> None:
    store.append("uc", "load", together([observations([1.0, 2.0, 3.0]), observations([4.0, 5.0, 6.0], entity="b")]))
    read = store.as_of("uc", "load", LATER, start=START + HOUR, end=START + 2 * HOUR, entities=["b"])
    assert values_of(read) == [("b", START + HOUR, 5.0)]
    assert store.latest_time("uc", "load", LATER) == START + 2 * HOUR
    assert store.latest_time("uc", "load", START + 2 * HOUR) == START + HOUR
    assert store.latest_time("uc", "load", START) is None


def test_store__a_feed_without_table_says_refresh(store: ObservationStore) -> None:
    assert not store.exists("uc", "load")
    assert store.latest_time("uc", "load", LATER) is None
    for read in (
        lambda: store.as_of("uc", "load", LATER),
        lambda: store.revisions("uc", "load"),
        lambda: store.version("uc", "load"),
    ):
        with pytest.raises(TooLittleData, match="refresh"):
            read()


def test_store__quarantine_keeps_each_refused_row_once(store: ObservationStore) -> None:
    refused = pd.DataFrame(
        {"entity": ["a", None], "time": [START, pd.NaT], "load": ["n/a", -200], "reason": ["load: not a number", "x"]}
    )
    assert store.quarantine("uc", "load", refused, START) == 2
    assert store.quarantine("uc", "load", refused, LATER) == 0
    kept = store.quarantined("uc", "load").set_index("reason")
    assert kept.loc["load: not a number", "refused_at"] == START
    assert json.loads(str(kept.loc["load: not a number", "row"]))["load"] == "n/a"
    assert not store.exists("uc", "load")


def test_store__compaction_keeps_what_named_versions_need(store: ObservationStore) -> None:
    versions = [store.append("uc", "load", observations([float(day)], start=START + day * HOUR)).version for day in range(4)]
    before = store.as_of("uc", "load", LATER)
    removed = store.compact("uc", "load", keep_versions=[versions[1]], retention=timedelta(0))
    assert removed > 0
    pd.testing.assert_frame_equal(store.as_of("uc", "load", LATER), before)
    assert store.as_of("uc", "load", LATER, version=versions[1])["load"].tolist() == [0.0, 1.0]
    again = store.append("uc", "load", observations([0.0]))
    assert again.inserted == 0


def test_store__writers_at_once_lose_and_double_nothing(store: ObservationStore) -> None:
    shared = observations([1.0, 2.0, 3.0])

    def write(number: int) -> int:
        own = observations([float(number)], entity=f"w{number}")
        return store.append("uc", "load", together([shared, own])).inserted

    with ThreadPoolExecutor(4) as pool:
        inserted = sum(pool.map(write, range(6)))
    rows = store.revisions("uc", "load")
    assert inserted == len(rows) == 3 + 6
    assert not rows.duplicated(["entity", "time", "known_at"]).any()


@pytest.mark.parametrize("read", [ObservationStore.as_of, ObservationStore.revisions])
def test_store__known_later_is_not_there(store: ObservationStore, read: Callable[..., pd.DataFrame]) -> None:
    store.append("uc", "load", together([observations([1.0]), observations([666.0], known_after=timedelta(days=9))]))
    moment = {"at": START + HOUR} if read is ObservationStore.as_of else {"until": START + HOUR}
    assert read(store, "uc", "load", **moment)["load"].tolist() == [1.0]
