"""Rows of floats by way of MessagePack: the matrix that numpy would make, or none."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.forecaster.packed import packed_floats
from services.forecaster.predict import MANY_ROWS, matrix_of
from services.forecaster.problems import WrongField
from services.forecaster.questions import decode_predict

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.integers(1, 20).flatmap(lambda wide: st.lists(st.lists(FLOATS, min_size=wide, max_size=wide), max_size=40)))
def test_packed_floats__are_what_numpy_makes_of_them(rows: list[list[float]]) -> None:
    wide = len(rows[0]) if rows else 3

    found = packed_floats(rows, wide)

    assert found is not None
    assert found.shape == (len(rows), wide)
    assert found.flags.c_contiguous
    assert found.flags.writeable
    assert found.tobytes() == np.array(rows, np.float64).tobytes()


@pytest.mark.parametrize(("rows", "wide"), [(1, 15), (15, 16), (16, 1), (3, 70_000), (70_000, 1)])
def test_packed_floats__of_any_size(rows: int, wide: int) -> None:
    matrix = np.random.default_rng(1).normal(size=(rows, wide))

    found = packed_floats(matrix.tolist(), wide)

    assert found is not None
    np.testing.assert_array_equal(found, matrix)


SAME_SIZE = [1.0, "12345678"]  # as many bytes as two floats


@pytest.mark.parametrize(
    "odd",
    [[1.0], [1.0, 2.0, 3.0], [1.0, None], [1.0, 2], {"a": 1.0, "b": 2.0}, [1.0, "text"], SAME_SIZE, [[1.0], 2.0], "ab", None],
)
@pytest.mark.parametrize("place", [0, 7, 19])
def test_packed_floats__is_none_where_one_row_is_something_else(odd: Any, place: int) -> None:
    rows: list[Any] = [[0.5, 1.5]] * 20
    rows[place] = odd

    assert packed_floats(rows, 2) is None


def test_packed_floats__are_not_taken_for_others_of_the_same_number_of_bytes() -> None:
    rows = [[1.0, 2.0, 3.0], [1.0]] * 10

    assert len(msgspec.msgpack.encode(rows)) == len(msgspec.msgpack.encode([[1.0, 2.0]] * 20))
    assert packed_floats(rows, 2) is None


@pytest.mark.parametrize("many", [MANY_ROWS - 1, MANY_ROWS, 100])
def test_matrix_of__is_the_same_for_few_rows_and_many(many: int) -> None:
    body = b'{"rows": [%s]}' % b", ".join([b"[1, -0.0, 1e-310, null]", b"[2.5, 0, 3, 4]"] * many)
    plain = b'{"rows": [%s]}' % b", ".join([b"[1, -0.0, 1e-310, 12345678901234567890]"] * many)
    names = ["a", "b", "c", "d"]

    with_null, without = (matrix_of(decode_predict(each).rows, names) for each in (body, plain))

    wanted = np.array([[1, -0.0, 1e-310, math.nan], [2.5, 0, 3, 4]] * many)
    assert with_null.tobytes() == wanted.tobytes()
    assert without.tobytes() == np.array([[1, -0.0, 1e-310, 12345678901234567890]] * many, np.float64).tobytes()


def test_matrix_of__names_the_row_at_fault_among_many() -> None:
    whole: list[Any] = [[1.0, 2.0]] * 51
    with pytest.raises(WrongField, match="row 51 has 1 values"):
        matrix_of([*whole, [1.0]], ["a", "b"])
    with pytest.raises(WrongField, match="row 51 has no feature b"):
        matrix_of([*whole, {"a": 1.0}], ["a", "b"])
