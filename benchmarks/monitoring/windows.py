"""The two windows that everybody compares: ten columns, half of them moved, some values missing; numpy alone is needed."""

import numpy as np

COLUMNS = 10
MISSING = 0.01


def windows(rows: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Reference and current, float64 columns by name; the same rows give the same values."""
    return _window(rows, 1, 0.0), _window(rows, 2, 0.2)


def _window(rows: int, seed: int, moved: float) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    made = {}
    for number in range(COLUMNS):
        values = chance.normal(moved * (number % 2), 1.0, rows)
        values[chance.integers(0, rows, int(MISSING * rows))] = np.nan
        made[f"c{number}"] = values
    return made
