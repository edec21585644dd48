"""The benchmark's model as every peer holds it: ONNX Runtime for few rows, XGBoost for many, whichever is faster."""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime

FEW = 64


class Predictor:
    """Rows to values. On one thread for few rows (more only spin there), on `PEER_THREADS` for many."""

    def __init__(self) -> None:
        self._folder = Path(os.environ["PEER_MODEL"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        model = str(self._folder / "model.onnx")
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._booster: Any = None

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Values (n,) of rows (n, 20), float32."""
        if len(rows) <= FEW:
            return self._session.run(None, {self._input: rows})[0].ravel()
        return self._native().inplace_predict(rows)

    def _native(self) -> Any:
        """The booster, imported when it is first needed: a server of single rows never holds it."""
        if self._booster is None:
            import xgboost

            self._booster = xgboost.Booster(model_file=self._folder / "model.ubj")
            self._booster.set_param({"nthread": int(os.environ["PEER_THREADS"])})
        return self._booster
