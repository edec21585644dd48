"""Dividing the rows of one request among threads: only the model is divided, everything around it is done once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from model_code.bundle import PredictMatrix

PART_ROWS = 256  # fewer rows than that are not worth a thread of their own


class Dividing:
    """Asks a model for some rows in this thread and for the rest in others: a row's answer depends on no other row.

    Models compute without the interpreter's lock, and a part needs it for microseconds; checks and intervals would not.

    Args:
        pool: Has the other threads.
        parts: How many parts at most, this thread's among them.
    """

    def __init__(self, pool: ThreadPoolExecutor, parts: int) -> None:
        self._pool, self._parts = pool, parts

    def __call__(self, predict: PredictMatrix, matrix: np.ndarray) -> np.ndarray:
        """Predictions (n,) of the rows (n, k), as `predict` gives them."""
        first, *others = np.array_split(matrix, min(self._parts, parts_of(len(matrix))))
        begun = [self._pool.submit(predict, part) for part in others]
        told = [predict(first)]
        for part, future in zip(others, begun, strict=True):
            told.append(predict(part) if future.cancel() else future.result())  # no thread was free: it is done here
        return np.concatenate(told)


def parts_of(rows: int) -> int:
    """How many parts so many rows are worth.

    Example:
        >>> parts_of(0), parts_of(256), parts_of(1_000)
        (1, 1, 4)
    """
    return max(1, -(-rows // PART_ROWS))
