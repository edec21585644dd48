"""A value that is known later is never returned, whatever was written in whatever order."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from model_code.data.store import ObservationStore
from tests.store_cases import HOUR, START

PLANTED = 666.0
MICROSECOND = timedelta(microseconds=1)

Row = tuple[str, int, int, float]
rows_of_any_order = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 12), st.floats(0, 9, width=16)),
    min_size=1,
    max_size=25,
    unique_by=lambda row: row[:3],
)


def frame(rows: list[Row], known_plus: timedelta = timedelta(0)) -> pd.DataFrame:
    columns = {
        "entity": [row[0] for row in rows],
        "time": [START + row[1] * HOUR for row in rows],
        "known_at": [START + row[2] * HOUR + known_plus for row in rows],
        "load": [row[3] for row in rows],
    }
    return pd.DataFrame(columns).astype({"time": "datetime64[us, UTC]", "known_at": "datetime64[us, UTC]"})


def expected(rows: list[Row], at: int) -> list[tuple[str, int, float]]:
    """Row by row, in plain Python."""
    latest: dict[tuple[str, int], tuple[int, float]] = {}
    for entity, hour, known, value in rows:
        if known <= at and known >= latest.get((entity, hour), (-1, 0.0))[0]:
            latest[entity, hour] = (known, value)
    return [(entity, hour, value) for (entity, hour), (_, value) in sorted(latest.items())]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(rows=rows_of_any_order, cut=st.integers(0, 25), at=st.integers(0, 12), compacted=st.booleans())
def test_as_of__never_returns_what_was_known_later(rows: list[Row], cut: int, at: int, compacted: bool) -> None:
    planted = [(entity, hour, at, PLANTED) for entity in "ab" for hour in range(4)]
    with TemporaryDirectory() as folder:
        store = ObservationStore(str(Path(folder)))
        for part in (frame(planted, MICROSECOND), frame(rows[:cut]), frame(rows[cut:])):
            store.append("uc", "load", part)
        if compacted:
            store.compact("uc", "load", [], timedelta(0))
        known = store.as_of("uc", "load", START + at * HOUR)
        later = store.as_of("uc", "load", START + at * HOUR + MICROSECOND)
        everything = store.revisions("uc", "load", until=START + at * HOUR)
    seen = [(row.entity, (row.time - START) // HOUR, row.load) for row in known.itertuples()]
    assert seen == expected(rows, at)
    assert (known["known_at"] <= START + at * HOUR).all()
    assert PLANTED not in everything["load"].tolist()
    assert later["load"].tolist() == [PLANTED] * 8


@settings(max_examples=15, deadline=None, derandomize=True)
@given(rows=rows_of_any_order, again=st.randoms(use_true_random=False), at=st.integers(0, 12))
def test_as_of__does_not_depend_on_order_or_repetition_of_appends(rows: list[Row], again: object, at: int) -> None:
    shuffled = list(rows)
    again.shuffle(shuffled)  # type: ignore[attr-defined]
    with TemporaryDirectory() as folder:
        store = ObservationStore(str(Path(folder)))
        store.append("once", "load", frame(rows))
        for row in (*shuffled[:6], *shuffled[:2]):
            store.append("often", "load", frame([row]))
        store.append("often", "load", frame(shuffled), skip_unchanged=False)
        moment = START + at * HOUR
        pd.testing.assert_frame_equal(store.as_of("once", "load", moment), store.as_of("often", "load", moment))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(rows=rows_of_any_order, at=st.integers(0, 12))
def test_append__skipping_unchanged_revisions_changes_no_value(rows: list[Row], at: int) -> None:
    coarse = [(entity, hour, known, float(round(value / 5))) for entity, hour, known, value in rows]
    with TemporaryDirectory() as folder:
        store = ObservationStore(str(Path(folder)))
        store.append("all", "load", frame(coarse))
        in_order = sorted(coarse, key=lambda row: row[2])
        for part in (in_order[: len(rows) // 2], in_order[len(rows) // 2 :]):
            store.append("changes", "load", frame(part), skip_unchanged=True)
        moment = START + at * HOUR
        every, changes = (store.as_of(name, "load", moment) for name in ("all", "changes"))
        assert len(store.revisions("changes", "load")) <= len(coarse)
    pd.testing.assert_frame_equal(every.drop(columns="known_at"), changes.drop(columns="known_at"))
