"""Windows that are odd: each has a clear value, and none passes in silence."""

import numpy as np
import pandas as pd
import pytest

from model_code.errors import DataError, TooLittleData
from model_code.shift import ColumnShift, ShiftProfile, measure, profile_of

CHANCE = np.random.default_rng(4)
REFERENCE = pd.DataFrame(
    {
        "load": CHANCE.normal(10, 2, 500),
        "hour": np.tile(np.arange(24.0), 21)[:500],
        "flag": CHANCE.random(500) < 0.3,
        "level": 7.0,
        "never": np.nan,
    }
)
PROFILE = profile_of(REFERENCE, seed=1)


def seen(column: str, values: object) -> ColumnShift:
    current = REFERENCE.head(200).assign(**{column: values})
    return next(found for found in measure(PROFILE, REFERENCE, current).columns if found.column == column)


@pytest.mark.parametrize("rows", [0, 1])
def test_measure__an_empty_window_is_refused(rows: int) -> None:
    with pytest.raises(TooLittleData, match=f"{rows} current rows"):
        measure(PROFILE, REFERENCE, REFERENCE.head(rows))
    with pytest.raises(TooLittleData, match=f"{rows} reference rows"):
        measure(PROFILE, REFERENCE.head(rows), REFERENCE)


def test_measure__a_column_that_turned_constant_is_told() -> None:
    found = seen("load", 10.0)
    assert found.constant
    assert "constant" in found.drifted


def test_measure__a_column_that_always_was_constant_is_no_news() -> None:
    found = seen("level", 7.0)
    assert (found.psi, found.ks, found.wasserstein, found.drifted) == (0.0, 0.0, 0.0, ())


def test_measure__a_constant_that_changed_is_told() -> None:
    found = seen("level", 8.0)
    assert (found.ks, found.wasserstein, found.new_share) == (1.0, 1.0, 1.0)
    assert "new" in found.drifted


def test_measure__missing_values_are_a_share_of_their_own() -> None:
    values = REFERENCE["load"].head(200).to_numpy().copy()
    values[:50] = np.nan
    values[50:60] = np.inf
    found = seen("load", values)
    assert (found.missing_share, found.missing) == (pytest.approx(0.3), pytest.approx(0.3))
    assert found.ks is not None
    assert found.ks < 0.15


def test_measure__all_missing_is_drift_and_nothing_else_is_made_up() -> None:
    found = seen("load", np.nan)
    assert (found.missing_share, found.psi, found.ks, found.wasserstein) == (1.0, None, None, None)
    assert found.drifted == ("missing",)


def test_measure__values_where_the_reference_had_none_are_new() -> None:
    assert (seen("never", 1.0).new_share, seen("never", 1.0).drifted) == (1.0, ("new",))
    assert seen("never", np.nan).drifted == ()


def test_measure__a_new_category_is_told() -> None:
    found = seen("hour", [24.0] * 10 + [5.0] * 190)
    assert (found.new_share, "new" in found.drifted) == (pytest.approx(0.05), True)


def test_measure__values_outside_of_the_range_are_told() -> None:
    assert seen("load", [99.0] * 20 + [10.0] * 180).outside_share == pytest.approx(0.1)


@pytest.mark.parametrize("values", [np.ones(200, int), np.ones(200, bool), pd.array([1] * 199 + [None], dtype="Int64")])
def test_measure__whole_numbers_and_flags_are_numbers(values: object) -> None:
    found = seen("flag", values)
    assert found.constant
    assert found.ks == pytest.approx(1 - REFERENCE["flag"].mean())


def test_measure__text_is_refused() -> None:
    with pytest.raises(DataError, match="hour holds what is no number"):
        seen("hour", "noon")


def test_measure__an_absent_column_is_refused() -> None:
    with pytest.raises(DataError, match="no column hour"):
        measure(PROFILE, REFERENCE, REFERENCE.drop(columns="hour"))


def test_measure__columns_of_different_length_are_refused() -> None:
    ragged = {name: REFERENCE[name].to_numpy() for name in REFERENCE} | {"hour": np.zeros(3)}
    with pytest.raises(DataError, match="different length"):
        measure(PROFILE, REFERENCE, ragged)


def test_measure__leaves_its_input_alone() -> None:
    values = {name: REFERENCE[name].to_numpy(float).copy() for name in REFERENCE}
    before = {name: array.copy() for name, array in values.items()}
    measure(PROFILE, REFERENCE, values)
    for name, array in values.items():
        np.testing.assert_array_equal(array, before[name])


def test_measure__one_column_has_no_components() -> None:
    alone = profile_of({"x": np.arange(50.0)}, seed=1)
    assert measure(alone, {"x": np.arange(50.0)}, {"x": np.arange(50.0)}).joint.reconstruction is None


def test_joint__sees_columns_that_no_longer_go_together() -> None:
    left = CHANCE.normal(size=5_000)
    reference = {"a": left, "b": left + 0.1 * CHANCE.normal(size=5_000), "c": CHANCE.normal(size=5_000)}
    broken = reference | {"b": CHANCE.permutation(reference["b"])}
    profile = profile_of(reference, seed=1)
    found = measure(profile, reference, broken)
    assert found.drifted_share == 0.0
    assert max(column.ks or 0 for column in found.columns) == 0.0
    assert (found.joint.reconstruction or 0) > 3


def test_profile__survives_json() -> None:
    assert ShiftProfile.model_validate_json(PROFILE.model_dump_json()) == PROFILE


def test_profile__needs_rows() -> None:
    with pytest.raises(TooLittleData, match="1 rows"):
        profile_of(REFERENCE.head(1), seed=1)
