"""Evidently really runs: once for the module, since its import takes seconds."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from model_code.errors import TooLittleData
from monitoring.evidently import FeatureDrift, compare, health, page_of, quality


@pytest.fixture(scope="module")
def windows() -> tuple[pd.DataFrame, pd.DataFrame]:
    chance = np.random.default_rng(3)
    reference = pd.DataFrame(chance.normal(size=(3_000, 3)), columns=["calm", "moved", "holed"])
    current = pd.DataFrame(chance.normal(size=(336, 3)), columns=["calm", "moved", "holed"])
    current["moved"] += 2.0
    current.loc[:83, "holed"] = np.nan
    return reference.assign(empty=np.nan), current.assign(empty=1.0)


@pytest.fixture(scope="module")
def drift(windows: tuple[pd.DataFrame, pd.DataFrame]) -> FeatureDrift:
    return compare(*windows, seed=1, max_rows=1_000)


def test_compare__tells_the_moved_column_from_the_calm_ones(drift: FeatureDrift) -> None:
    assert {column.column: column.drifted for column in drift.columns} == {"calm": False, "moved": True, "holed": False}
    assert drift.drifted_share == pytest.approx(1 / 3)


def test_compare__tells_the_share_of_missing_values(drift: FeatureDrift) -> None:
    assert {column.column: column.missing_share for column in drift.columns} == {
        "calm": 0.0,
        "moved": 0.0,
        "holed": pytest.approx(0.25),
    }


def test_compare__samples_the_windows_and_skips_empty_columns(drift: FeatureDrift) -> None:
    assert (drift.reference_rows, drift.current_rows, drift.skipped) == (1_000, 336, ("empty",))


def test_compare__same_seed_same_answer(windows: tuple[pd.DataFrame, pd.DataFrame], drift: FeatureDrift) -> None:
    assert compare(*windows, seed=1, max_rows=1_000) == drift
    assert compare(*windows, seed=2, max_rows=1_000) != drift


@pytest.mark.parametrize("rows", [0, 1])
def test_compare__refuses_a_window_that_is_too_small(rows: int, windows: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    with pytest.raises(TooLittleData, match=f"{rows} current rows"):
        compare(windows[0], windows[1].head(rows), seed=1)


def forecasts(rows: int, error: float = 0.1) -> pd.DataFrame:
    chance = np.random.default_rng(rows)
    truth = 5 + chance.normal(size=rows)
    return pd.DataFrame({"truth": truth, "value": truth + error * chance.choice([-1.0, 1.0], rows)})


def labels(rows: int) -> pd.DataFrame:
    chance = np.random.default_rng(rows)
    value = chance.random(rows)
    return pd.DataFrame({"truth": (chance.random(rows) < value).astype(float), "value": value})


def test_quality__of_a_forecast_is_in_the_targets_unit() -> None:
    scored = forecasts(300)
    scored.loc[:99, "truth"] = np.nan
    found = quality(scored, "forecast", seed=1)
    assert found.rows == 200
    assert found.values["mae"] == pytest.approx(0.1)
    assert set(found.values) == {"mae", "rmse", "mean_error", "mape", "r2"}


def test_quality__of_truth_that_is_zero_throughout_has_no_share_of_it() -> None:
    scored = forecasts(300).assign(truth=0.0)
    found = quality(scored, "forecast", seed=1)
    assert found.values["mae"] == pytest.approx(scored["value"].abs().mean())
    assert found.values["mean_error"] == pytest.approx(scored["value"].mean())
    assert set(found.values) == {"mae", "rmse", "mean_error", "r2"}


def test_quality__of_a_classification() -> None:
    scored = labels(800)
    found = quality(scored, "classification", seed=1)
    truth, value = scored["truth"], scored["value"]
    assert found.values["log_loss"] == pytest.approx(-np.log(np.where(truth == 1, value, 1 - value)).mean(), rel=1e-6)
    assert 0.7 < found.values["roc_auc"] < 0.95


def test_quality__of_one_class_only_makes_nothing_up() -> None:
    assert quality(labels(50).assign(truth=1.0), "classification", seed=1).values == {}


def test_quality__without_truth_is_refused() -> None:
    with pytest.raises(TooLittleData, match="0 rows with truth"):
        quality(forecasts(10).assign(truth=np.nan), "forecast", seed=1)


def test_health__counts_what_is_empty_constant_and_repeated() -> None:
    window = pd.DataFrame({"a": np.arange(10.0), "b": np.nan, "c": 1.0, "d": np.arange(10.0)})
    found = health(pd.concat([window, window.head(2)]), seed=1)
    assert (found.rows, found.repeated_rows) == (12, 2)
    assert found.missing_share == pytest.approx(0.25)
    assert (found.empty_columns, found.constant_columns, found.repeated_columns) == (1, 2, 1)
    with pytest.raises(TooLittleData, match="no row"):
        health(window.head(0), seed=1)


@pytest.mark.parametrize("kind", ["drift", "data"])
def test_page_of__features_load_what_pages_share(kind: Any, windows: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    page = page_of(kind, windows[1], windows[0], task="forecast", seed=1, max_rows=300)
    assert len(page.html) < 1_500_000
    assert sum(map(len, page.assets.values())) > 3_000_000
    assert all(f"assets/{name}" in page.html for name in page.assets)
    assert "moved" in page.html
    assert "https://" not in page.html.split("</style>")[0]


@pytest.mark.parametrize("task", ["forecast", "classification"])
def test_page_of__quality_with_and_without_a_reference(task: Any) -> None:
    scored = labels(200) if task == "classification" else forecasts(200)
    alone = page_of("quality", scored, None, task=task, seed=1)
    beside = page_of("quality", scored, scored.head(100), task=task, seed=1)
    assert alone.html != beside.html
    assert alone.assets.keys() == beside.assets.keys()
