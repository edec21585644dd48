"""Predictions of XGBoost's trees by its C interface, for rows that are plain numbers; its Python package is not imported.

The package imports pandas, SciPy and scikit-learn, a second and a hundred megabytes that a service does without, and
`Booster.inplace_predict` spends more in Python than the trees of fifty rows take, while it holds the interpreter's lock that
other threads wait for. The C functions behind it are documented and stable; they take an address and a shape.
"""

import json
import sys
import weakref
from ctypes import CDLL, POINTER, byref, c_char_p, c_float, c_uint64, c_void_p, memmove
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from model_code.errors import DataError

LIBRARY = {"darwin": "libxgboost.dylib", "win32": "xgboost.dll"}.get(sys.platform, "libxgboost.so")
VALUES = b'{"type": 0, "training": false, "iteration_begin": 0, "iteration_end": 0, "missing": NaN, "strict_shape": false, "cache_id": 0}'


class DenseTrees:
    """Trees as a file has them, ready to answer on one thread of the CPU.

    Args:
        content: The model in XGBoost's UBJSON.

    Raises:
        DataError: It is no such model.
    """

    def __init__(self, content: bytes) -> None:
        library, self.handle = _library(), c_void_p()
        _done(library.XGBoosterCreate(None, c_uint64(0), byref(self.handle)))
        weakref.finalize(self, library.XGBoosterFree, self.handle).atexit = False
        _done(library.XGBoosterLoadModelFromBuffer(self.handle, content, c_uint64(len(content))))
        _done(library.XGBoosterSetParam(self.handle, b"nthread", b"1"))


def predict_dense(handle: c_void_p | None, matrix: np.ndarray) -> np.ndarray:
    """Answers (n,), float64; those of `inplace_predict` to the last bit. Several threads may ask at once.

    Args:
        handle: Of a booster with one output, on the CPU.
        matrix: (n, k) float64, n at least 1, NaN where not known.

    Raises:
        DataError: XGBoost refuses, or gives something else than one value a row.
    """
    matrix = np.ascontiguousarray(matrix, np.float64)
    rows, columns = matrix.shape
    where = f'{{"data": [{matrix.ctypes.data}, true], "shape": [{rows}, {columns}], "typestr": "<f8", "version": 3}}'
    shape, dimensions, found = POINTER(c_uint64)(), c_uint64(), POINTER(c_float)()
    ask = _library().XGBoosterPredictFromDense
    _done(ask(handle, where.encode(), VALUES, None, byref(shape), byref(dimensions), byref(found)))
    if dimensions.value != 1 or shape[0] != rows:
        raise DataError(f"XGBoost gives {dimensions.value} dimensions for {rows} rows", hint="a model of one output is due")
    values = np.empty(rows, np.float32)
    memmove(values.ctypes.data, found, values.nbytes)  # what it points at is the thread's own, until its next call
    return values.astype(np.float64)


def has_cuda() -> bool:
    """Whether the library was built for NVIDIA's cards."""
    told = c_char_p()
    _done(_library().XGBuildInfo(byref(told)))
    return bool(json.loads(told.value or b"{}").get("USE_CUDA"))


def _done(failed: int) -> None:
    if failed:
        told = _library().XGBGetLastError().decode(errors="replace").partition("\n")[0]
        raise DataError(f"XGBoost refuses: {told}", hint="is the model damaged, and does it fit these rows?")


@cache
def _library() -> Any:
    """The library in the package's folder: the one that the package itself would load."""
    found = find_spec("xgboost")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("XGBoost is not installed", name="xgboost")
    library = CDLL(str(Path(found.origin).parent / "lib" / LIBRARY))
    library.XGBGetLastError.restype = c_char_p
    return library
