"""Evidently really runs: once for the module, since its import takes seconds."""

import numpy as np
import pandas as pd
import pytest

from model_code.errors import TooLittleData
from monitoring.evidently_report import FeatureDrift, compare


@pytest.fixture(scope="module")
def windows() -> tuple[pd.DataFrame, pd.DataFrame]:
    chance = np.random.default_rng(3)
    reference = pd.DataFrame(chance.normal(size=(3_000, 3)), columns=["calm", "moved", "holed"])
    current = pd.DataFrame(chance.normal(size=(336, 3)), columns=["calm", "moved", "holed"])
    current["moved"] += 2.0
    current.loc[:83, "holed"] = np.nan
    return reference.assign(empty=np.nan), current.assign(empty=1.0)


@pytest.fixture(scope="module")
def drift(windows: tuple[pd.DataFrame, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> FeatureDrift:
    page = tmp_path_factory.mktemp("reports") / "deep" / "drift.html"
    found = compare(*windows, seed=1, max_rows=1_000, html=page)
    assert page.stat().st_size > 100_000
    return found


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
