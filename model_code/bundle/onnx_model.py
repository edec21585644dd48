"""The ONNX form of a model, answered by ONNX Runtime: by far the fastest for a row or a few."""

import os
import threading

import numpy as np

from model_code.errors import BundleError
from model_code.models.trees import INPUT, OUTPUT


class OnnxModel:
    """An ONNX model made ready; several threads may ask it at once."""

    def __init__(self, content: bytes, columns: int, call_rows: int = 1_000_000) -> None:
        """Make it ready: one thread (there is nothing to divide in a row), no arena of memory kept for later.

        Args:
            content: The file.
            columns: How many features it must take.
            call_rows: More are asked in several calls, see `Model.onnx_call_rows`.

        Raises:
            BundleError: It is no ONNX model, or takes or gives something else.
        """
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read at import; without it a thread is started
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library's errors have no class of their own in common
            raise BundleError(f"model.onnx is not understood: {error}", hint="was it written by another version?") from error
        given = [(each.name, each.type, each.shape[1:]) for each in session.get_inputs()]
        gives = [(each.name, each.type, each.shape[1:]) for each in session.get_outputs()]
        if given != [(INPUT, "tensor(float)", [columns])] or gives != [(OUTPUT, "tensor(float)", [1])]:
            raise BundleError(
                f"model.onnx takes {given} and gives {gives}", hint=f"{columns} features in, one value out, in single precision"
            )
        self._run, self._outputs, self._call_rows = session.run, [OUTPUT], call_rows
        # One row is answered in place, which costs half: nothing is allocated, named or checked anew.
        self._row, self._answer = np.zeros((1, columns), np.float32), np.zeros((1, 1), np.float32)
        self._bound = session.io_binding()
        self._bound.bind_input(INPUT, "cpu", 0, np.float32, self._row.shape, self._row.ctypes.data)
        self._bound.bind_output(OUTPUT, "cpu", 0, np.float32, self._answer.shape, self._answer.ctypes.data)
        self._run_in_place = session.run_with_iobinding
        self._in_place = threading.Lock()

    def predict_matrix(self, matrix: np.ndarray) -> np.ndarray:
        """Predictions (n,), float64, as `Model.predict_matrix` gives them."""
        if len(matrix) == 1 and self._in_place.acquire(blocking=False):
            try:
                self._row[:] = matrix
                self._run_in_place(self._bound)
                return np.asarray(self._answer[0], dtype=np.float64)
            finally:
                self._in_place.release()
        given, most = matrix.astype(np.float32), self._call_rows
        parts = [given] if len(given) <= most else [given[start : start + most] for start in range(0, len(given), most)]
        told = [self._run(self._outputs, {INPUT: part})[0] for part in parts]
        return np.concatenate(told, dtype=np.float64).reshape(-1)
