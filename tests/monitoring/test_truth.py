"""Truth joined to predictions: late, revised, doubled, missing."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from model_code.errors import DataError
from model_code.series import per_series
from model_code.settings import Settings
from model_code.usecase import UseCaseSpec, load_usecase
from monitoring.truth import score

ORIGIN = pd.Timestamp("2024-07-01", tz="UTC")
HOUR = pd.Timedelta(hours=1)


@pytest.fixture(scope="module")
def spec() -> UseCaseSpec:
    return load_usecase("demand_victoria", Settings()).spec


def predictions(values: Sequence[float], made_after: Sequence[float] | None = None) -> pd.DataFrame:
    size = len(values)
    return pd.DataFrame(
        {
            "origin": [ORIGIN] * size,
            "entity": ["VIC"] * size,
            "time": [ORIGIN + i * HOUR for i in range(size)],
            "value": list(values),
            "lower": [value - 1 for value in values],
            "upper": [value + 1 for value in values],
            "bundle": ["b"] * size,
            "made_at": [ORIGIN + m * HOUR for m in (made_after or [0.0] * size)],
        }
    )


def truth(values: Sequence[float]) -> pd.DataFrame:
    return pd.DataFrame({"entity": "VIC", "time": [ORIGIN + i * HOUR for i in range(len(values))], "value": list(values)})


def test_score__tells_error_loss_cover_and_lead(spec: UseCaseSpec) -> None:
    rows = score(predictions([5.0, 5.0]), truth([4.5, 7.0]), spec)
    assert rows["error"].tolist() == [-0.5, 2.0]
    assert rows["loss"].tolist() == [0.5, 2.0]
    assert rows["covered"].tolist() == [1.0, 0.0]
    assert rows["lead"].tolist() == [0 * HOUR, HOUR]


def test_score__rows_without_truth_stay_and_judge_nothing(spec: UseCaseSpec) -> None:
    rows = score(predictions([5.0, 5.0]), truth([4.5]), spec)
    assert len(rows) == 2
    assert rows.loc[1, ["truth", "error", "loss", "covered"]].isna().all()


def test_score__revised_truth_replaces_earlier_truth(spec: UseCaseSpec) -> None:
    told = predictions([5.0])
    assert score(told, truth([4.0]), spec)["loss"].tolist() == [1.0]
    assert score(told, truth([5.5]), spec)["loss"].tolist() == [0.5]


def test_score__the_first_answer_counts(spec: UseCaseSpec) -> None:
    asked_again = pd.concat([predictions([9.0], [5.0]), predictions([5.0], [0.0]), predictions([1.0], [2.0])])
    assert score(asked_again, truth([5.0]), spec)["value"].tolist() == [5.0]


def test_score__of_a_classification_is_the_brier_score_without_cover(spec: UseCaseSpec) -> None:
    told = predictions([0.8, 0.3]).assign(lower=np.nan, upper=np.nan)
    rows = score(told, truth([1.0, 1.0]), spec.model_copy(update={"task": "classification"}))
    assert rows["loss"].tolist() == pytest.approx([0.04, 0.49])
    assert rows["covered"].isna().all()


def test_score__no_predictions_give_no_rows(spec: UseCaseSpec) -> None:
    assert score(predictions([5.0]).head(0), truth([5.0]), spec).empty


def day_of(values: Sequence[float], known_rows: int, spec: UseCaseSpec) -> pd.DataFrame:
    """A whole forecast of 48 half hours whose first rows have truth, per series."""
    step = spec.horizon.step
    told = predictions([5.0] * 48).assign(time=[ORIGIN + i * step for i in range(48)], value=list(values))
    truths = pd.DataFrame({"entity": "VIC", "time": [ORIGIN + i * step for i in range(known_rows)], "value": 6.0})
    return per_series(score(told, truths, spec), spec)


def test_score__truth_that_is_late_by_a_week_counts_once_it_is_there(spec: UseCaseSpec) -> None:
    assert day_of([5.0] * 48, 0, spec).empty
    assert day_of([5.0] * 48, 43, spec).empty  # under 90 %
    late = day_of([5.0] * 48, 48, spec)
    assert late["loss"].tolist() == [1.0]
    assert late["told"].tolist() == [1.0]


def test_score__truth_that_never_arrives_judges_nothing(spec: UseCaseSpec) -> None:
    rows = score(predictions([5.0, 5.0]), truth([4.0]).head(0), spec)
    assert len(rows) == 2
    assert rows["truth"].isna().all()
    assert per_series(rows, spec).empty


def test_score__two_truths_are_refused_aloud(spec: UseCaseSpec) -> None:
    twice = pd.concat([truth([4.0]), truth([4.5])])
    with pytest.raises(DataError, match="1 rows have two truths, the first VIC at 2024-07-01"):
        score(predictions([5.0]), twice, spec)


def test_score__truth_known_before_the_answer_was_given_counts_like_any_other(spec: UseCaseSpec) -> None:
    caught_up = predictions([5.0], [30.0])  # asked a day later, for the origin that was due
    assert score(caught_up, truth([4.5]), spec)["loss"].tolist() == [0.5]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_score__a_prediction_that_is_no_number_counts_as_not_given(wrong: float, spec: UseCaseSpec) -> None:
    few = day_of([wrong] * 4 + [5.0] * 44, 48, spec)
    assert few["loss"].tolist() == [1.0]
    assert few["told"].tolist() == [pytest.approx(44 / 48)]
    assert day_of([wrong] * 6 + [5.0] * 42, 48, spec).empty


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_score__truth_that_is_no_number_is_no_truth(wrong: float, spec: UseCaseSpec) -> None:
    rows = score(predictions([5.0]), truth([wrong]), spec)
    assert rows[["truth", "error", "loss", "covered"]].isna().all(axis=None)


def test_score__a_clock_that_jumped_back_changes_no_first_answer(spec: UseCaseSpec) -> None:
    ahead = predictions([9.0], [-48.0]).assign(origin=ORIGIN + 24 * HOUR, time=ORIGIN + 24 * HOUR)
    rows = score(pd.concat([predictions([5.0], [0.0]), ahead]), truth([5.5]), spec)
    assert rows["loss"].tolist()[0] == 0.5
    assert np.isnan(rows["loss"].tolist()[1])
