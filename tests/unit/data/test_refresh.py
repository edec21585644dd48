"""Refresh computes its gap from the table, keeps revisions, refuses bad rows, and says what it did."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_code.data import plan
from model_code.data.refresh import backfill, refresh
from model_code.data.store import ObservationStore
from model_code.errors import SourceUnavailable, TooLittleData
from tests.store_cases import HOUR, START, FrameSource, observations, together, usecase_of, values_of

DAY = timedelta(days=1)
NOW = START + 20 * DAY
NAN = float("nan")


@pytest.fixture
def store(tmp_path: Path) -> ObservationStore:
    return ObservationStore(str(tmp_path / "store"))


def wave(hours: int, entity: str = "a", known_after: timedelta | None = None) -> pd.DataFrame:
    """A load that never repeats a value and has no jumps."""
    return observations(list(10 + np.sin(np.arange(hours) / 5)), entity=entity, known_after=known_after)


def test_refresh__first_takes_all_and_then_only_what_is_new(store: ObservationStore) -> None:
    source = FrameSource(wave(24 * 30))
    first = refresh(usecase_of(), "load", source, store, NOW)
    again = refresh(usecase_of(), "load", source, store, NOW)
    later = refresh(usecase_of(), "load", source, store, NOW + DAY)
    assert (first.inserted, first.expected, first.duplicates) == (24 * 20 - 1, 24 * 20 - 1, 0)
    assert (again.inserted, again.version) == (0, first.version)
    assert (later.inserted, later.revised) == (24, 0)
    assert later.newest_time == NOW + DAY - 2 * HOUR
    assert later.freshness_seconds == 2 * 3600
    assert source.asked[-1][0] == first.newest_time - 7 * DAY


def test_refresh__is_the_same_in_small_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = together([wave(24 * 20), wave(24 * 20, "b")])
    hour = (rows["time"] - START) // HOUR
    last_of_piece, first_of_piece, within = [30, 92], [124, 186], [3, 300]
    rows.loc[hour.isin(last_of_piece + first_of_piece + within), "load"] += 50
    rows.loc[hour.between(215, 235), "load"] = 10.0
    stores = [ObservationStore(str(tmp_path / name)) for name in ("whole", "pieces")]
    usecase = usecase_of(["a", "b"], column={"max_step": 5, "stuck_after": 6 * HOUR})
    whole = refresh(usecase, "load", FrameSource(rows), stores[0], NOW)
    monkeypatch.setattr(plan, "PIECE_ROWS", 62)
    source = FrameSource(rows)
    pieces = refresh(usecase, "load", source, stores[1], NOW)
    assert len(source.asked) > 12
    assert whole.reasons == {"load: stuck": 2 * 14, "load: spike": 2 * 6}
    assert pieces.model_dump(exclude={"version"}) == whole.model_dump(exclude={"version"})
    pd.testing.assert_frame_equal(stores[0].revisions("loads", "load"), stores[1].revisions("loads", "load"))


def test_refresh__missed_runs_heal(store: ObservationStore) -> None:
    source = FrameSource(wave(24 * 60))
    refresh(usecase_of(), "load", source, store, NOW)
    report = refresh(usecase_of(), "load", source, store, NOW + 30 * DAY)
    assert report.inserted == 30 * 24
    assert (report.gaps, report.missing) == ((), 0)


def test_refresh__an_entity_that_lags_keeps_its_gap(store: ObservationStore) -> None:
    late = wave(24 * 40, "b")
    silent = late["time"] < START + 5 * DAY
    usecase = usecase_of(["a", "b"])
    refresh(usecase, "load", FrameSource(together([wave(24 * 40), late[silent]])), store, NOW)
    source = FrameSource(together([wave(24 * 40), late]))
    report = refresh(usecase, "load", source, store, NOW + DAY)
    assert report.newest_by_entity == dict.fromkeys(["a", "b"], NOW + DAY - 2 * HOUR)
    assert len(store.as_of("loads", "load", NOW + DAY, entities=["b"])) == 24 * 21 - 1
    assert [entities for _, _, entities in source.asked] == [("a",), ("b",)]


def test_refresh__a_new_entity_gets_its_history(store: ObservationStore) -> None:
    rows = together([wave(24 * 40), wave(24 * 40, "b")])
    refresh(usecase_of(["a"]), "load", FrameSource(rows), store, NOW)
    report = refresh(usecase_of(["a", "b"]), "load", FrameSource(rows), store, NOW)
    assert report.inserted == 24 * 20 - 1


def test_refresh__a_changed_value_is_a_revision_known_from_now(store: ObservationStore) -> None:
    rows = wave(24 * 30)
    refresh(usecase_of(), "load", FrameSource(rows), store, NOW)
    revised_at = NOW + HOUR
    rows.loc[rows["time"] == NOW - 3 * DAY, "load"] = 11.5
    report = refresh(usecase_of(), "load", FrameSource(rows), store, revised_at)
    assert (report.inserted, report.revised) == (2, 1)
    span = {"start": NOW - 3 * DAY, "end": NOW - 3 * DAY + HOUR}
    assert store.as_of("loads", "load", revised_at, **span)["load"].tolist() == [11.5]
    assert store.as_of("loads", "load", revised_at - timedelta(seconds=1), **span)["load"].tolist() != [11.5]


def test_refresh__history_is_assumed_known_when_due_and_late_rows_from_now(store: ObservationStore) -> None:
    rows = wave(24 * 30)
    hole = rows["time"] == NOW - 3 * DAY
    refresh(usecase_of(), "load", FrameSource(rows[~hole]), store, NOW)
    refresh(usecase_of(), "load", FrameSource(rows), store, NOW + HOUR)
    kept = store.revisions("loads", "load").set_index("time")["known_at"]
    assert kept[START] == START + 2 * HOUR
    assert kept[NOW - 3 * DAY] == NOW + HOUR
    assert kept[NOW - 3 * HOUR] == NOW
    assert kept[NOW - HOUR] == NOW + HOUR


def test_refresh__keeps_what_the_source_tells(store: ObservationStore) -> None:
    rows = together([wave(48, known_after=3 * HOUR), observations([9.9], known_after=30 * HOUR)])
    refresh(usecase_of(), "load", FrameSource(rows), store, START + 3 * DAY)
    kept = store.revisions("loads", "load", end=START + HOUR)
    assert kept["known_at"].tolist() == [START + 3 * HOUR, START + 30 * HOUR]


def test_refresh__a_value_that_changes_under_the_same_known_at_is_known_from_now(store: ObservationStore) -> None:
    rows = wave(48, known_after=3 * HOUR)
    now = START + 3 * DAY
    refresh(usecase_of(), "load", FrameSource(rows), store, now)
    rows.loc[5, "load"] = 9.9
    refresh(usecase_of(), "load", FrameSource(rows), store, now + HOUR)
    kept = store.revisions("loads", "load", start=START + 5 * HOUR, end=START + 6 * HOUR)
    assert kept["known_at"].tolist() == [START + 8 * HOUR, now + HOUR]


def test_refresh__bad_rows_go_to_quarantine_once_and_stop_nothing(store: ObservationStore) -> None:
    rows = wave(24 * 30)
    rows.loc[100, "load"] = -200.0
    rows.loc[24 * 19, "load"] = NAN
    usecase = usecase_of(column={"sentinels": [-200.0]})
    first = refresh(usecase, "load", FrameSource(rows), store, NOW)
    again = refresh(usecase, "load", FrameSource(rows), store, NOW + HOUR)
    assert (first.refused, first.quarantined, first.missing) == (2, 2, 2)
    assert first.reasons == {"load: sentinel": 1, "load: missing": 1}
    assert [(gap.start, gap.missing) for gap in first.gaps] == [(START + 100 * HOUR, 1), (START + 19 * DAY, 1)]
    assert (again.refused, again.quarantined) == (1, 0)
    assert len(store.quarantined("loads", "load")) == 2


def test_refresh__a_jump_waits_for_the_next_run(store: ObservationStore) -> None:
    values = [5.0, 5.1, 5.2, 9.0, 9.1]
    usecase = usecase_of(column={"max_step": 2})
    source = FrameSource(observations(values, known_after=None))
    first = refresh(usecase, "load", source, store, START + 5 * HOUR)
    second = refresh(usecase, "load", source, store, START + 6 * HOUR)
    assert (first.inserted, first.unconfirmed) == (3, 1)
    assert (second.inserted, second.unconfirmed) == (2, 0)


def test_refresh__too_little_fails_loud_after_storing_the_good(store: ObservationStore) -> None:
    rows = wave(24 * 20)
    rows.loc[rows["time"] >= START + 8 * DAY, "load"] = -200.0
    usecase = usecase_of(column={"sentinels": [-200.0]})
    with pytest.raises(TooLittleData, match=r"192 good rows of 479 expected.*287 load: sentinel"):
        refresh(usecase, "load", FrameSource(rows), store, NOW)
    assert len(store.as_of("loads", "load", NOW)) == 8 * 24
    assert len(store.quarantined("loads", "load")) == 287


def test_refresh__an_empty_source_fails_loud(store: ObservationStore) -> None:
    with pytest.raises(TooLittleData, match="0 good rows"):
        refresh(usecase_of(), "load", FrameSource(wave(0)), store, NOW)
    with pytest.raises(TooLittleData, match="0 good rows"):
        refresh(usecase_of(step=None), "load", FrameSource(wave(0)), store, NOW)


def test_refresh__nothing_new_in_a_feed_of_events_is_normal(store: ObservationStore) -> None:
    usecase = usecase_of(None, step=None)
    refresh(usecase, "load", FrameSource(wave(100), due_after=HOUR), store, NOW)
    report = refresh(usecase, "load", FrameSource(wave(100), due_after=HOUR), store, NOW + 30 * DAY)
    assert (report.inserted, report.expected) == (0, 0)


class Broken(FrameSource):
    """Fails in the third piece."""

    def fetch(self, start: datetime, end: datetime, now: datetime, entities: Sequence[str]) -> Iterator[pd.DataFrame]:
        yield from super().fetch(start, end, now, entities)
        if len(self.asked) == 3:
            raise SourceUnavailable("the source answers 503")


def test_refresh__what_came_before_a_failure_is_kept(
    store: ObservationStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "PIECE_ROWS", 100)
    rows = wave(24 * 20)
    with pytest.raises(SourceUnavailable):
        refresh(usecase_of(), "load", Broken(rows), store, NOW)
    assert len(store.as_of("loads", "load", NOW)) == 200
    refresh(usecase_of(), "load", FrameSource(rows), store, NOW)
    untroubled = ObservationStore(str(tmp_path / "untroubled"))
    refresh(usecase_of(), "load", FrameSource(rows), untroubled, NOW)
    pd.testing.assert_frame_equal(store.revisions("loads", "load"), untroubled.revisions("loads", "load"))


def test_backfill__adds_what_is_missing_and_changes_nothing_else(store: ObservationStore) -> None:
    rows = wave(24 * 20)
    early = START + 10 * DAY
    refresh(usecase_of(history_from=early.isoformat()), "load", FrameSource(rows), store, NOW)
    before = values_of(store.as_of("loads", "load", NOW))
    report = backfill(usecase_of(), "load", FrameSource(rows), store, NOW, START + 2 * DAY, early + DAY)
    after = values_of(store.as_of("loads", "load", NOW))
    assert report.inserted == 8 * 24
    assert after[8 * 24 :] == before


def test_refresh__reports_days_on_which_the_clock_changes(store: ObservationStore) -> None:
    usecase = usecase_of(timezone="Europe/Paris")
    report = refresh(usecase, "load", FrameSource(wave(24 * 100)), store, START + 100 * DAY)
    assert [str(day) for day in report.clock_changes] == ["2024-03-31"]
    assert report.missing == 0


def test_refresh__runs_at_once_double_nothing(store: ObservationStore) -> None:
    rows = wave(24 * 20)
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(refresh, usecase_of(), "load", FrameSource(rows), store, NOW) for _ in range(3)]
    assert sum(run.result().inserted for run in runs) == 24 * 20 - 1
    assert not store.revisions("loads", "load").duplicated(["entity", "time"]).any()
