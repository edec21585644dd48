"""The network of the lstm family: Keras layers on JAX, compiled once for each shape; the only import of either."""

import os
import tempfile
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from model_code.canonical import canonical_json
from model_code.models.archive import archive_of, files_of
from model_code.models.device import DEVICES

ROWS: Final = 16  # rows of one call, the rest filled up: one shape is compiled, and a row's answer is the same in any company
BATCH: Final = 64
Weights = list[Any]


@dataclass(frozen=True)
class Shape:
    """What a network is compiled for: steps of the sequence, columns beside it, units, and whether it tells a class."""

    steps: int
    others: int
    units: int
    logistic: bool


@dataclass(frozen=True)
class Network:
    """A network without weights of its own: they are handed in and out, so that models of one shape share its compilation.

    Attributes:
        answer: (weights, [sequence (ROWS, steps, 2), others (ROWS, 2 * others)]) -> outputs (ROWS, 1).
        learn: One step of Adam: (weights, moments, second moments, step, rate, inputs, target, weight) -> the first three.
    """

    layers: Any
    answer: Callable[..., Any]
    learn: Callable[..., Any]
    lock: threading.Lock

    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each array of weights."""
        return [tuple(variable.shape) for variable in self.layers.trainable_variables]

    def save(self, weights: Weights) -> bytes:
        """A `.keras` archive; the same weights give the same bytes."""
        with self.lock, tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Keras and NumPy 2 differ about copies
            self.layers.set_weights(weights)
            path = Path(folder) / "network.keras"
            self.layers.save(path)
            files = files_of(path.read_bytes())
        files["metadata.json"] = canonical_json({"keras_version": _keras().__version__, "date_saved": "1980-01-01@00:00:00"})
        return archive_of({name: files[name] for name in sorted(files)})


def weights_of(archive: Path) -> Weights:
    """The weights in a `.keras` archive, which may hold no code.

    Raises:
        ValueError: It is none, or holds what is no plain layer.
    """
    files_of(archive.read_bytes())
    layers = _keras().saving.load_model(archive, compile=False, safe_mode=True)
    return [np.asarray(variable.value) for variable in layers.trainable_variables]


def first_weights(shapes: list[tuple[int, ...]], seed: int) -> Weights:
    """Weights to start from: uniform by fan (Glorot), biases 0."""
    chance = np.random.default_rng(seed)
    bounds = [np.sqrt(6 / sum(shape)) if len(shape) > 1 else 0.0 for shape in shapes]
    return [chance.uniform(-bound, bound, shape).astype(np.float32) for shape, bound in zip(shapes, bounds, strict=True)]


@cache
def network(shape: Shape) -> Network:
    """The network of a shape; made once in a process."""
    layers = _layers(shape)  # the first import: it says on what JAX may run
    import jax
    import jax.numpy as jnp

    rest = [np.asarray(variable.value) for variable in layers.non_trainable_variables]

    def answer(weights: Weights, inputs: list[Any]) -> Any:
        return layers.stateless_call(weights, rest, inputs)[0]

    def loss(weights: Weights, inputs: list[Any], target: Any, weight: Any) -> Any:
        told = answer(weights, inputs)[:, 0]
        each = jnp.logaddexp(0, told) - target * told if shape.logistic else (told - target) ** 2
        return (each * weight).sum() / BATCH

    def learn(
        weights: Weights, first: Weights, second: Weights, step: Any, rate: Any, inputs: list[Any], target: Any, weight: Any
    ) -> tuple[Weights, Weights, Weights]:
        slope = jax.grad(loss)(weights, inputs, target, weight)
        first = [0.9 * old + 0.1 * new for old, new in zip(first, slope, strict=True)]
        second = [0.999 * old + 0.001 * new**2 for old, new in zip(second, slope, strict=True)]
        scale = rate * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        moved = [w - scale * m / (jnp.sqrt(v) + 1e-7) for w, m, v in zip(weights, first, second, strict=True)]
        return moved, first, second

    return Network(layers, jax.jit(answer), jax.jit(learn), threading.Lock())


def _layers(shape: Shape) -> Any:
    """Every layer named and empty, so that nothing depends on what else was made in this process."""
    keras = _keras()
    sequence = keras.Input((shape.steps, 2), name="sequence")
    others = keras.Input((2 * shape.others,), name="others")
    empty = {"kernel_initializer": "zeros"}
    read = keras.layers.LSTM(
        shape.units, name="lstm", recurrent_initializer="zeros", unit_forget_bias=False, **empty
    )(sequence)  # fmt: skip
    known = keras.layers.Concatenate(name="known")([read, others]) if shape.others else read
    hidden = keras.layers.Dense(shape.units, "tanh", name="hidden", **empty)(known)
    told = keras.layers.Dense(1, name="answer", **empty)(hidden)
    return keras.Model([sequence, others] if shape.others else [sequence], told, name="network")


def _keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "jax")  # both are read at import
    if DEVICES.wish == "cpu":
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import keras

    DEVICES.of("lstm")
    return keras
