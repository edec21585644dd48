"""A window of rows as chunks of plain float columns, so that memory does not grow with its rows."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from model_code.errors import DataError

CHUNK = 65_536  # rows; a column of them fits into a core's cache, where sorting is fastest
Window: TypeAlias = Mapping[str, Any] | pd.DataFrame  # arrays by name, or a frame
Chunk: TypeAlias = dict[str, np.ndarray]


def chunks(window: Window, columns: tuple[str, ...]) -> Iterator[Chunk]:
    """The named columns, at most 65,536 rows at a time, as float64 with NaN where a value is missing.

    Args:
        window: A data frame, or arrays of one length by column name: float, int, bool, nullable or not.

    Raises:
        DataError: A column is absent, is no number, or is shorter than the others.
    """
    absent = [name for name in columns if name not in window]
    if absent:
        raise DataError(f"the window has no column {', '.join(absent)}", hint="compare windows of the same features")
    lengths = {name: len(window[name]) for name in columns}
    if len(set(lengths.values())) > 1:
        raise DataError(f"columns of different length: {lengths}")
    rows = next(iter(lengths.values()), 0)
    for start in range(0, rows, CHUNK):
        yield {name: _floats(name, window[name][start : start + CHUNK]) for name in columns}


def _floats(name: str, values: Any) -> np.ndarray:
    try:
        if hasattr(values, "to_numpy"):
            return np.asarray(values.to_numpy(dtype=float, na_value=np.nan))
        return np.asarray(values, float)
    except (TypeError, ValueError) as error:
        raise DataError(f"column {name} holds what is no number: {error}", hint="encode categories as numbers") from error
