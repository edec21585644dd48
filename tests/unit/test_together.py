"""How many rows may be asked at once: as many as are answered as each alone, to the last bit."""

import numpy as np
import pytest

from model_code.bundle.answers import Predicted
from model_code.bundle.together import MOST_ROWS, rows_together

ROWS, LEAD = np.array([[1.5, 2.0], [3.25, np.nan], [0.1, 0.2]]), np.array([0, 1, 2])


def answers(rows: np.ndarray, lead: np.ndarray, *, wrong_from: int = 99, name: str = "value") -> Predicted:
    """Each row by itself; by the least bit otherwise where so many are asked at once."""
    value = np.nansum(rows, axis=1) + lead
    told = {"value": value, "lower": value - 1, "upper": np.full(len(rows), np.nan)}
    if len(rows) >= wrong_from:
        told[name] = np.nextafter(np.nan_to_num(told[name]), 99)
    return Predicted(**told)


def test_rows_together__each_by_itself_may_all_be_asked_at_once() -> None:
    assert rows_together(answers, ROWS, LEAD) == MOST_ROWS
    assert rows_together(answers, ROWS[:1], LEAD[:1]) == MOST_ROWS


@pytest.mark.parametrize("name", ["value", "lower", "upper"])
@pytest.mark.parametrize("size", [2, 5, MOST_ROWS])
def test_rows_together__fewer_where_the_last_bit_differs(size: int, name: str) -> None:
    assert rows_together(lambda rows, lead: answers(rows, lead, wrong_from=size, name=name), ROWS, LEAD) == size - 1
