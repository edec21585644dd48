"""How many rows may be asked at once so that each is answered as it would be alone, to the last bit.

What one caller is told must not depend on who else asks in that moment. A model of trees sums each row by itself; matrix
products may round otherwise for another number of rows. The golden rows tell.
"""

from collections.abc import Callable

import numpy as np

from model_code.bundle.answers import Predicted

MOST_ROWS = 16  # more at once cost no less each (500 trees), and the first would wait for the last
Answer = Callable[[np.ndarray, np.ndarray], Predicted]


def rows_together(answer: Answer, matrix: np.ndarray, lead: np.ndarray) -> int:
    """Up to how many rows at once are answered as each alone; 1 where not even two are.

    Args:
        answer: Asks the model for rows (n, k) with lead times (n,).
        matrix: Rows to try it with (n, k); they are repeated where there are few.
        lead: Their lead times (n,).
    """
    tried = np.arange(MOST_ROWS) % len(matrix)
    rows, leads = matrix[tried], lead[tried]
    alone = [answer(rows[place : place + 1], leads[place : place + 1]) for place in range(MOST_ROWS)]
    for most in range(2, MOST_ROWS + 1):
        if not all(_same(answer(rows[:most], leads[:most]), alone[:most], name) for name in ("value", "lower", "upper")):
            return most - 1
    return MOST_ROWS


def _same(together: Predicted, alone: list[Predicted], name: str) -> bool:
    told: np.ndarray = getattr(together, name)
    return np.array_equal(told, np.concatenate([getattr(one, name) for one in alone]), equal_nan=True)
