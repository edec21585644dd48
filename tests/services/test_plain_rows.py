"""Many rows of numbers without an object for each: what the usual way makes of the same text, or nothing."""

import json
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.forecaster.plain_rows import KEPT_BYTES, MANY_BYTES, plain_rows
from services.forecaster.predict import matrix_of, parsed, read_predict
from services.forecaster.problems import WrongField
from services.forecaster.questions import PredictRequest, decode_predict

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64 - 1)
OTHERS = st.fixed_dictionaries(
    {},
    optional={
        "lead": st.lists(st.integers(0, 1_000_000), max_size=5) | st.none(),
        "entity": st.lists(st.text(min_size=1, max_size=20), max_size=5),
        "origin": st.just("2014-06-01T00:00:00+10:00") | st.none(),
        "asked_by": st.text(min_size=1, max_size=80),
        "request_id": st.just("an-id"),
    },
)


def long(text: bytes) -> bytes:
    """The text of an object, long enough not to take the usual way for its length."""
    return text + b" " * MANY_BYTES


def usual(body: bytes) -> tuple[PredictRequest, np.ndarray]:
    """What msgspec and numpy make of it."""
    request = decode_predict(body)
    return msgspec.structs.replace(request, rows=[]), np.array(request.rows, np.float64)


@given(
    st.integers(1, 20).flatmap(lambda wide: st.lists(st.lists(NUMBERS, min_size=wide, max_size=wide), min_size=1, max_size=40)),
    OTHERS,
    st.booleans(),
)
def test_plain_rows__are_what_the_usual_way_makes_of_them(rows: list[list[float]], others: dict[str, Any], first: bool) -> None:
    body = long(json.dumps({"rows": rows, **others} if first else {**others, "rows": rows}).encode())
    request, matrix = usual(body)

    found = plain_rows(body)

    if any("[" in text or "{" in text for text in json.dumps(others).split('"')[1::2]):  # a bracket within a text
        assert found is None
        return
    assert found is not None
    assert found[0] == request
    assert (found[1].shape, found[1].dtype, found[1].flags.c_contiguous) == (matrix.shape, np.float64, True)
    assert found[1].tobytes() == matrix.tobytes()


@pytest.mark.parametrize(("rows", "wide"), [(1, 10_000), (1_000, 20), (10_000, 1), (2_000, 40)])
def test_plain_rows__of_any_size(rows: int, wide: int) -> None:
    matrix = np.random.default_rng(1).normal(size=(rows, wide))
    body = json.dumps({"rows": matrix.tolist()}).encode()

    for _ in range(2):  # the parser forgets the text of before
        found = plain_rows(body)

        assert found is not None
        np.testing.assert_array_equal(found[1], matrix)
    assert (rows * wide > 50_000) == (len(body) > KEPT_BYTES)  # both kinds of parser were asked


@pytest.mark.parametrize(
    "odd",
    [
        "[1.0]",
        "[1.0, 2.0, 3.0]",
        "[]",
        "[1.0, null]",
        "[1.0, true]",
        '[1.0, "2"]',
        '{"a": 1.0, "b": 2.0}',
        '{"a": [1.0], "b": 2.0}',
        "[[1.0], 2.0]",
        "[[1.0, 2.0], []]",
        '[{"a": 1.0}, 2.0]',
        '"ab"',
        "null",
        "7",
        "[1.0, 1e999]",
        "[1.0, 123456789012345678901234567890]",
        "[1.0, NaN]",
        "[1.0, 02]",
        "[1.0, 2.0",
    ],
)
@pytest.mark.parametrize("place", [0, 19])
def test_plain_rows__are_none_where_one_row_is_something_else(odd: str, place: int) -> None:
    rows = ["[0.5, 1.5]"] * 20
    rows[place] = odd

    assert plain_rows(long(f'{{"rows": [{", ".join(rows)}]}}'.encode())) is None
    assert plain_rows(long(b'{"rows": [[0.5, 1.5]]}')) is not None  # and the next text is read again


@pytest.mark.parametrize(
    "text",
    [
        b'{"rows": []}',
        b'{"rows": {"ab": [1]}}',
        b'{"rows": 5}',
        b'{"lead": [0]}',
        b'{"rows": [[1]], "rows": [[2]]}',
        b'{"rows": [[1]], "lead": [0], "lead": [1]}',
        b'{"rows": [[1]], "colour": 1}',
        b'{"rows": [[1]], "lead": [-1]}',
        b'{"rows": [[1]], "lead": [[0]]}',
        b'{"rows": [[1]], "lead": {"a": 1}}',
        b'{"rows": [[1]], "request_id": "two words"}',
        b'{"rows": [[1]]} and more',
        b'\xef\xbb\xbf{"rows": [[1]]}',
        b'{"rows": [[1]], "asked_by": "\xff"}',
        b'{"rows": [["[[", [1]]}',
        b"[[1]]",
        b"5",
        b"",
    ],
)
def test_plain_rows__are_none_where_the_usual_way_may_refuse(text: bytes) -> None:
    assert plain_rows(long(text)) is None


def test_plain_rows__are_none_of_a_hundred_thousand_names() -> None:
    many = b",".join(b'"%d": 1' % number for number in range(100_000))

    assert plain_rows(b'{"rows": [[1]], %b}' % many) is None  # at once: a look at each name among all would take minutes


def test_plain_rows__are_none_of_a_short_text() -> None:
    assert plain_rows(b'{"rows": [[1]]}') is None
    assert plain_rows(long(b'{"rows": [[1]]}')) is not None


@given(st.binary(max_size=300) | st.text('[]{}",:0123456789.e-+ \\ntrulasw', max_size=300).map(str.encode))
def test_read_predict__tells_what_the_usual_way_tells(garbage: bytes) -> None:
    for body in (long(garbage), long(b'{"rows": [[1], ' + garbage), long(b'{"rows": [[1]], ' + garbage + b"}")):
        assert told(body, read_predict) == told(body, lambda text: (parsed(decode_predict, text), None))


def told(body: bytes, read: Any) -> PredictRequest | tuple[str, str | None]:
    """The whole message that a way makes of a text, or with which words it refuses it."""
    try:
        request, matrix = read(body)
    except WrongField as refused:
        return refused.message, refused.field
    whole: PredictRequest = request if matrix is None else msgspec.structs.replace(request, rows=matrix.tolist())
    return whole


@pytest.mark.parametrize("many", [1, 8, 100, 1_000])
def test_matrix_of__is_the_same_for_few_rows_and_many(many: int) -> None:
    with_null = b'{"rows": [%s]}' % b", ".join([b"[1, -0.0, 1e-310, null]", b"[2.5, 0, 3, 4]"] * many)
    without = b'{"rows": [%s]}' % b", ".join([b"[1, -0.0, 1e-310, 12345678901234567890]"] * many)

    found = [
        matrix_of(request.rows if plain is None else plain, list("abcd"))
        for request, plain in map(read_predict, (with_null, without))
    ]

    assert found[0].tobytes() == np.array([[1, -0.0, 1e-310, math.nan], [2.5, 0, 3, 4]] * many).tobytes()
    assert found[1].tobytes() == np.array([[1, -0.0, 1e-310, 12345678901234567890]] * many, np.float64).tobytes()


def test_matrix_of__names_the_row_at_fault_among_many() -> None:
    whole: list[Any] = [[1.0, 2.0]] * 51
    with pytest.raises(WrongField, match="row 51 has 1 values"):
        matrix_of([*whole, [1.0]], ["a", "b"])
    with pytest.raises(WrongField, match="row 51 has no feature b"):
        matrix_of([*whole, {"a": 1.0}], ["a", "b"])
    with pytest.raises(WrongField, match="row 0 has 2 values"):
        matrix_of(np.ones((51, 2)), ["a", "b", "c"])
