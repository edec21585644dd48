"""Between numpy and Arrow by their buffers: pyarrow's own ways there import pandas, 50 MB that a service does without."""

from typing import Any

import numpy as np


def known(array: Any) -> np.ndarray:
    """Which values of a pyarrow.Array are not null (n,)."""
    validity = array.buffers()[0]
    if validity is None:
        return np.full(len(array), array.null_count == 0)
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), count=array.offset + len(array), bitorder="little")
    return bits[array.offset :].astype(bool)


def numbers(array: Any, kind: type[np.float64] | type[np.int64] | type[np.int32]) -> np.ndarray:
    """The values of a pyarrow.Array whose type is that one (n,); a null in floats is NaN, in whole numbers anything.

    The result may share the array's memory.
    """
    if not len(array):
        return np.empty(0, kind)
    values = np.frombuffer(array.buffers()[1], kind)[array.offset : array.offset + len(array)]
    return np.where(known(array), values, np.nan) if array.null_count and kind is np.float64 else values


def column(values: np.ndarray) -> Any:
    """A pyarrow.Array of floats (n,), null where they are NaN. It shares their memory."""
    import pyarrow as pa

    values = np.ascontiguousarray(values, np.float64)
    unknown = np.isnan(values)
    validity = pa.py_buffer(np.packbits(~unknown, bitorder="little")) if unknown.any() else None
    return pa.Array.from_buffers(pa.float64(), len(values), [validity, pa.py_buffer(values)])
