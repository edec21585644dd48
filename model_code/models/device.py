"""Where models compute: the processor or an NVIDIA card, by what the libraries and the machine really have."""

import ctypes
import importlib.util
from collections.abc import Callable
from typing import Final, Literal

from model_code.errors import ConfigurationError

Wish = Literal["auto", "cpu", "cuda"]
Device = Literal["cpu", "cuda"]


class Devices:
    """The choice of one process, made once for each family and kept.

    The same code runs in an image with CUDA libraries and in one without. Only families whose libraries can use a card are
    asked; all others, and single rows through ONNX Runtime, stay on the processor.

    Args:
        why_not: Family -> what says why CUDA cannot be used, or nothing where it can.
    """

    def __init__(self, why_not: dict[str, Callable[[], str]]) -> None:
        self._why_not = why_not
        self._wish: Wish = "auto"
        self._chosen: dict[str, Device] = {}

    @property
    def wish(self) -> Wish:
        """What was asked for."""
        return self._wish

    def prefer(self, wish: Wish) -> None:
        """Say what is wanted, before the first model is fitted or loaded."""
        if wish != self._wish:
            self._wish, self._chosen = wish, {}

    def of(self, family: str) -> Device:
        """Where this family computes.

        Raises:
            ConfigurationError: CUDA was asked for, and the library or the machine has none.
        """
        if family not in self._chosen:
            self._chosen[family] = self._choose(family)
        return self._chosen[family]

    def _choose(self, family: str) -> Device:
        if self._wish == "cpu" or family not in self._why_not:
            return "cpu"
        reason = self._why_not[family]()
        if reason and self._wish == "cuda":
            raise ConfigurationError(
                f"{family} cannot compute on CUDA: {reason}", hint="EVENKEEL_DEVICE=auto takes what there is"
            )
        return "cpu" if reason else "cuda"


def cards() -> int:
    """NVIDIA cards that this process may use; 0 without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    return count.value if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0


def _xgboost() -> str:
    if importlib.util.find_spec("xgboost") is None:  # an image without it answers few rows by ONNX Runtime
        return "XGBoost is not installed"
    from model_code.models.xgboost_dense import has_cuda

    if not has_cuda():
        return "this build of XGBoost has no CUDA"
    return "" if cards() else "no NVIDIA card"


def _jax() -> str:
    if not cards():
        return "no NVIDIA card"
    if importlib.util.find_spec("jax") is None:  # an image without it answers by ONNX Runtime
        return "JAX is not installed"
    import jax

    return "" if jax.default_backend() == "gpu" else f"JAX found only {jax.default_backend()}"


DEVICES: Final = Devices({"xgboost": _xgboost, "lstm": _jax})
