"""Truth joined to predictions: late, revised, doubled, missing."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

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
