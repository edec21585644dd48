"""What answers in a bundle: ONNX Runtime for a few rows, the model's own library for many."""

import threading
from collections.abc import Callable

import numpy as np

from model_code.bundle.onnx_model import OnnxModel
from model_code.models import Model


class Engine:
    """The model in the one or two forms that a bundle has.

    Where there is an ONNX form, the model's own library is loaded only once many rows are asked for, or by `require`.
    """

    def __init__(
        self, load: Callable[[], Model], onnx: OnnxModel | None, onnx_max_rows: int = 0, *, rows_together: int = 1
    ) -> None:
        """Take both forms.

        Args:
            load: Loads and checks the native model.
            onnx: The ONNX form, where there is one.
            onnx_max_rows: How many rows at once it answers; the family says so, see `Model.onnx_max_rows`.
            rows_together: Up to how many rows at once it answers each as it would alone, to the last bit.
        """
        self.rows_together = min(rows_together, onnx_max_rows) if onnx is not None else 1
        self._load, self._onnx, self._max_rows = load, onnx, onnx_max_rows
        self._lock = threading.Lock()
        self._native: Model | None = None

    @property
    def native(self) -> Model:
        """The model in its native format; loaded and checked when it is first asked for.

        Raises:
            BundleError: It is missing or altered by now, or its golden answers are wrong.
        """
        if self._native is None:
            with self._lock:
                if self._native is None:
                    self._native = self._load()
        return self._native

    def require(self, rows: float) -> None:
        """Load and check whatever answers up to so many rows at once.

        Raises:
            BundleError: See `native`.
        """
        if self._onnx is None or rows > self._max_rows:
            _ = self.native

    @property
    def native_is_loaded(self) -> bool:
        """Whether the model's own library was needed so far."""
        return self._native is not None

    def predict_matrix(self, matrix: np.ndarray) -> np.ndarray:
        """Predictions (n,), float64; see `Model.predict_matrix`."""
        if self._onnx is not None and len(matrix) <= self._max_rows:
            return self._onnx.predict_matrix(matrix)
        return self.native.predict_matrix(matrix)
