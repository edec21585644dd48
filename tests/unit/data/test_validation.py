"""Each kind of bad row is refused with its reason, and only it."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_code.data.sequence import clock_changes, gaps
from model_code.data.validation import Validated, validate
from model_code.errors import SourceChanged
from tests.store_cases import HOUR, START, observations, together, usecase_of

NOW = START + timedelta(days=400)
NAN = float("nan")


def judged(rows: pd.DataFrame, context: pd.DataFrame | None = None, timezone: str = "UTC", **column: Any) -> Validated:
    feed = usecase_of(column=column).spec.feeds["load"]
    return validate(rows, feed, step=HOUR, now=NOW, context=context, timezone=timezone)


def refused(validated: Validated) -> list[tuple[int, str]]:
    """Hour after the start, and reason, of each refused row."""
    return [((time - START) // HOUR, reason) for time, reason in zip(validated.bad["time"], validated.bad["reason"], strict=True)]


def test_validate__credible_rows_pass_unchanged() -> None:
    rows = observations([1.0, 2.0, 3.0])
    validated = judged(rows, minimum=0, maximum=5, sentinels=[-200.0], max_step=2, stuck_after=HOUR)
    pd.testing.assert_frame_equal(validated.good, rows)
    assert validated.bad.empty
    assert validated.unconfirmed.empty


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (-200.0, "load: sentinel"),
        (-1.0, "load: below minimum"),
        (11.0, "load: above maximum"),
        (float("inf"), "load: not finite"),
        (float("-inf"), "load: not finite"),
        (NAN, "load: missing"),
        ("n/a", "load: not a number"),
    ],
)
def test_validate__a_bad_value_is_refused_alone(value: Any, reason: str) -> None:
    rows = observations([1.0, 2.0, 3.0]).astype({"load": object})
    rows.loc[1, "load"] = value
    validated = judged(rows, minimum=0, maximum=10, sentinels=[-200.0])
    assert refused(validated) == [(1, reason)]
    assert validated.good["load"].tolist() == [1.0, 3.0]
    assert validated.good["load"].dtype == np.float64


def test_validate__numbers_as_text_are_numbers() -> None:
    rows = observations([1.0, 2.0]).assign(load=["1.5", "2.5"])
    assert judged(rows).good["load"].tolist() == [1.5, 2.5]


@pytest.mark.parametrize(("column", "reason"), [("entity", "entity: missing"), ("time", "time: missing")])
def test_validate__a_missing_key_is_refused(column: str, reason: str) -> None:
    rows = observations([1.0, 2.0])
    rows.loc[0, column] = None
    validated = judged(rows)
    assert validated.bad["reason"].tolist() == [reason]
    assert validated.good["load"].tolist() == [2.0]


def test_validate__an_optional_value_is_blanked_and_its_row_kept() -> None:
    validated = judged(together([observations([1.0]).assign(extra=0.0), observations([-200.0], entity="b").assign(extra=0.0)]))
    assert len(validated.good) == 2
    spec = usecase_of(columns={"load": {"unit": "GW"}, "co": {"unit": "mg", "required": False, "sentinels": [-200.0]}}).spec
    rows = observations([1.0, 2.0]).assign(co=[-200.0, 0.5])
    validated = validate(rows, spec.feeds["load"], step=HOUR, now=NOW)
    assert validated.bad["reason"].tolist() == ["co: sentinel"]
    assert validated.good["load"].tolist() == [1.0, 2.0]
    assert validated.good["co"].isna().tolist() == [True, False]


def test_validate__rows_from_the_future_are_refused() -> None:
    late = observations([1.0], start=NOW + HOUR, known_after=-2 * HOUR)
    known_later = observations([2.0], known_after=timedelta(days=500))
    validated = judged(together([late, known_later]))
    assert sorted(validated.bad["reason"]) == ["known_at: in the future", "time: in the future"]
    assert validated.good.empty


def test_validate__a_forecast_may_be_about_the_future() -> None:
    feed = usecase_of(publication_delay=timedelta(days=-2)).spec.feeds["load"]
    rows = observations([1.0], start=NOW + HOUR, known_after=-2 * HOUR)
    assert len(validate(rows, feed, step=HOUR, now=NOW).good) == 1


def test_validate__doubled_rows_stay_once_and_contradictions_go() -> None:
    rows = together([observations([1.0, 2.0, 3.0]), observations([1.0, 9.0])])
    validated = judged(rows)
    assert validated.good["load"].tolist() == [1.0, 3.0]
    assert sorted(validated.bad["reason"]) == ["row: conflicting duplicate", "row: conflicting duplicate", "row: duplicate"]


def test_validate__revisions_are_no_duplicates() -> None:
    rows = together([observations([1.0]), observations([2.0], known_after=timedelta(days=1))])
    assert len(judged(rows).good) == 2


def test_validate__rows_off_the_grid_are_refused() -> None:
    rows = together([observations([1.0, 2.0, 3.0]), observations([4.0], start=START + timedelta(minutes=7))])
    assert [reason for _, reason in refused(judged(rows))] == ["time: off the grid"]


def test_validate__the_grid_is_that_of_the_rows_known_before() -> None:
    half_past = START + timedelta(minutes=30)
    context = observations([1.0, 2.0], start=half_past)
    assert judged(observations([3.0], start=half_past + 2 * HOUR), context).bad.empty
    assert len(judged(observations([3.0], start=START + 3 * HOUR), context).bad) == 1


def test_validate__local_days_stay_on_the_grid_across_a_clock_change() -> None:
    days = pd.date_range("2024-03-25", periods=14, freq="D", tz="Europe/Paris").tz_convert("UTC").as_unit("us")
    rows = pd.DataFrame({"entity": "a", "time": days, "known_at": days, "load": 1.0})
    feed = usecase_of(step=timedelta(days=1)).spec.feeds["load"]
    validated = validate(rows, feed, step=timedelta(days=1), now=NOW, timezone="Europe/Paris")
    assert validated.bad.empty
    assert gaps(validated.good, timedelta(days=1)) == ()


@pytest.mark.parametrize(
    ("values", "spikes"),
    [
        ([5, 5, 9, 5, 5], [2]),
        ([5, 5, 1, 5, 5], [2]),
        ([5, 9, 5, 9, 5], [1, 3]),
        ([5, 5, 9, 9, 9], []),
        ([5, 5, 9, 13, 13], []),
        ([5, 6, 7, 6, 5], []),
        ([9, 5, 5, 5, 5], []),
    ],
)
def test_validate__a_spike_comes_straight_back(values: list[float], spikes: list[int]) -> None:
    assert refused(judged(observations(values), max_step=2)) == [(hour, "load: spike") for hour in spikes]


def test_validate__rows_beside_a_gap_are_not_compared() -> None:
    rows = observations([5, 5, 9, 5, 5]).drop(index=1)
    assert judged(rows, max_step=2).bad.empty


def test_validate__a_jump_at_the_end_waits_for_the_next_row() -> None:
    first = judged(observations([5, 5, 9]), max_step=2)
    assert first.good["load"].tolist() == [5, 5]
    assert first.unconfirmed["load"].tolist() == [9]
    spike = judged(observations([9, 5], start=START + 2 * HOUR), first.good, max_step=2)
    assert (refused(spike), spike.good["load"].tolist()) == ([(2, "load: spike")], [5])
    level = judged(observations([9, 9], start=START + 2 * HOUR), first.good, max_step=2)
    assert (refused(level), level.good["load"].tolist()) == ([], [9, 9])


def test_validate__an_older_revision_is_judged_by_its_own_value() -> None:
    corrected = observations([5, 5, 5], known_after=timedelta(days=1))
    validated = judged(together([observations([5, 9, 5]), corrected]), max_step=2)
    assert refused(validated) == [(1, "load: spike")]
    assert len(validated.good) == 5


def test_validate__stuck_values_are_refused_after_the_limit() -> None:
    rows = observations([1, 7, 7, 7, 7, 7, 2])
    assert refused(judged(rows, stuck_after=2 * HOUR)) == [(4, "load: stuck"), (5, "load: stuck")]


def test_validate__stuck_since_before_the_page() -> None:
    context = observations([1, 7, 7, 7])
    page = observations([7, 7, 3], start=START + 6 * HOUR)
    assert refused(judged(page, context, stuck_after=2 * HOUR)) == [(6, "load: stuck"), (7, "load: stuck")]


@pytest.mark.parametrize("dropped", ["entity", "time", "load"])
def test_validate__a_missing_column_is_a_changed_source(dropped: str) -> None:
    with pytest.raises(SourceChanged, match=dropped):
        judged(observations([1.0]).drop(columns=dropped))


def test_validate__times_without_zone_are_a_changed_source() -> None:
    rows = observations([1.0])
    with pytest.raises(SourceChanged, match="zone"):
        judged(rows.assign(time=rows["time"].dt.tz_localize(None)))


def test_validate__an_empty_page_is_no_error() -> None:
    validated = judged(observations([]), minimum=0, max_step=1, stuck_after=HOUR)
    assert (len(validated.good), len(validated.bad)) == (0, 0)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([0.0, 5.0, 5.0, 6.0, 9.0, -200.0, NAN]), min_size=2, max_size=30), st.integers(1, 29))
def test_validate__where_pages_are_cut_does_not_matter(values: list[float], cut: int) -> None:
    column = {"sentinels": [-200.0], "max_step": 2, "stuck_after": 2 * HOUR}
    whole = judged(observations(values), **column)
    first = judged(observations(values[:cut]), **column)
    rest = observations(values[cut:], start=START + min(cut, len(values)) * HOUR)
    second = judged(together([first.unconfirmed, rest]), first.good, **column)
    assert sorted(refused(first) + refused(second)) == sorted(refused(whole))
    in_parts = together([first.good, second.good, second.unconfirmed]).sort_values("time")["load"].tolist()
    assert in_parts == together([whole.good, whole.unconfirmed]).sort_values("time")["load"].tolist()


def test_gaps__says_where_rows_are_missing() -> None:
    rows = together([observations([1.0] * 6).drop(index=[2, 3]), observations([1.0] * 3, entity="b")])
    (gap,) = gaps(rows, HOUR)
    assert (gap.entity, gap.start, gap.end, gap.missing) == ("a", START + 2 * HOUR, START + 4 * HOUR, 2)


@pytest.mark.parametrize("day", ["2024-03-31", "2024-10-27"])
def test_gaps__days_of_23_and_25_hours_are_none(day: str) -> None:
    local = pd.date_range(day, periods=1, freq="D", tz="Europe/Paris")
    hours = pd.date_range(local[0], local[0] + pd.DateOffset(days=1), freq="h").tz_convert("UTC").as_unit("us")
    rows = pd.DataFrame({"entity": "a", "time": hours, "known_at": hours, "load": np.arange(len(hours), dtype=float)})
    validated = judged(rows, timezone="Europe/Paris")
    assert validated.bad.empty
    assert gaps(validated.good, HOUR) == ()
    assert [str(changed) for changed in clock_changes(hours[0], hours[-1], "Europe/Paris")] == [day]


def test_clock_changes__utc_has_none() -> None:
    assert clock_changes(START, NOW, "UTC") == ()
