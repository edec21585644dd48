"""Predictions of an XGBoost booster by its C interface, for rows that are plain numbers.

`Booster.inplace_predict` spends more in Python than the trees of fifty rows take, while it holds the interpreter's lock that
other threads wait for: it looks for every kind of table, defines a class, writes and reads JSON. The C function behind it is
documented and stable; it takes an address and a shape.
"""

from ctypes import POINTER, byref, c_float, c_uint64, memmove
from typing import TYPE_CHECKING

import numpy as np

from model_code.errors import DataError

if TYPE_CHECKING:
    from xgboost import Booster

VALUES = b'{"type": 0, "training": false, "iteration_begin": 0, "iteration_end": 0, "missing": NaN, "strict_shape": false, "cache_id": 0}'


def predict_dense(booster: "Booster", matrix: np.ndarray) -> np.ndarray:
    """The booster's answers (n,), float64; those of `inplace_predict` to the last bit. Several threads may ask at once.

    Args:
        booster: With one output, on the CPU.
        matrix: (n, k) float64, n at least 1, NaN where not known.

    Raises:
        DataError: XGBoost refuses, or gives something else than one value a row.
    """
    from xgboost.core import _LIB

    matrix = np.ascontiguousarray(matrix, np.float64)
    rows, columns = matrix.shape
    where = f'{{"data": [{matrix.ctypes.data}, true], "shape": [{rows}, {columns}], "typestr": "<f8", "version": 3}}'
    shape, dimensions, found = POINTER(c_uint64)(), c_uint64(), POINTER(c_float)()
    failed = _LIB.XGBoosterPredictFromDense(
        booster.handle, where.encode(), VALUES, None, byref(shape), byref(dimensions), byref(found)
    )
    if failed:
        told = _LIB.XGBGetLastError().decode(errors="replace").partition("\n")[0]
        raise DataError(f"XGBoost refuses: {told}", hint="does the model fit these rows?")
    if dimensions.value != 1 or shape[0] != rows:
        raise DataError(f"XGBoost gives {dimensions.value} dimensions for {rows} rows", hint="a model of one output is due")
    values = np.empty(rows, np.float32)
    memmove(values.ctypes.data, found, values.nbytes)  # what it points at is the thread's own, until its next call
    return values.astype(np.float64)
