"""The lstm family: a small recurrent network that reads columns of a row as a sequence."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from model_code.canonical import canonical_json
from model_code.errors import DataError
from model_code.models.base import (
    HALF_LIVES_DAYS,
    Model,
    Parameters,
    SearchTrial,
    TrainingSet,
    check_names,
    not_fitted,
    training_set,
)
from model_code.models.network import BATCH, ROWS, Network, Shape, Weights, first_weights, network, weights_of
from model_code.models.network_onnx import network_onnx

if TYPE_CHECKING:
    import pandas as pd

FILE = "lstm.json"
NETWORK = "network.keras"
FARTHEST = 10.0  # standard deviations; beyond, a value says no more than "very far"


class LstmParameters(Parameters):
    """What is read as a sequence, the size of the network, and how long it learns."""

    seed: int = Field(0, ge=0, le=2**31 - 1)
    sequence: tuple[str, ...] = Field((), description="Columns that are steps of time, the oldest first. Default: all, in order.")
    units: int = Field(16, ge=1, le=256, description="Units of the LSTM and of the layer behind it.")
    epochs: int = Field(30, ge=1, le=1_000, description="How often it sees each row.")
    learning_rate: float = Field(0.01, gt=0, le=1)


@dataclass(frozen=True)
class Scaling:
    """Mean and scale of the columns (k,), where training knew gaps (k,), mean and scale of the target."""

    mean: np.ndarray
    scale: np.ndarray
    gaps: np.ndarray
    target_mean: float
    target_scale: float


class Lstm(Model):
    """A network on the standardised columns, each beside a mark that says whether its value is not known.

    The mark stays 0 in columns that were always known in training: the network never learnt what to make of it there.
    The last layer starts at the mean of the target, or at the log odds of the class.
    """

    family: ClassVar[str] = "lstm"
    parameters_type: ClassVar[type[Parameters]] = LstmParameters
    onnx_max_rows: ClassVar[int] = 1_000_000  # so that a service needs no JAX: docs/adr/0008
    onnx_call_rows: ClassVar[int] = 512  # the gates of all rows and steps of a call are kept until its end
    can_continue: ClassVar[bool] = True

    def __init__(self, parameters: LstmParameters) -> None:
        self._parameters = parameters
        self._columns: tuple[str, ...] = ()
        self._scaling: Scaling | None = None
        self._weights: Weights = []

    @property
    def parameters(self) -> LstmParameters:
        """Network, seed and task."""
        return self._parameters

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature columns that it was fitted on."""
        if self._scaling is None:
            raise not_fitted(self.family)
        return self._columns

    def fit(self, features: "pd.DataFrame", target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Learn from random weights."""
        known = training_set(features, target, weight, self.parameters.task)
        named = self.parameters.sequence
        check_names([*named, *(name for name in known.columns if name not in named)], known.columns)
        self._columns, self._scaling = known.columns, _scaling(known, self.parameters.task)
        weights = first_weights(self._network().shapes(), self.parameters.seed)
        if self.parameters.task == "classification":
            positives, rows = float(known.weight @ known.target), len(known.target)
            weights[-1][:] = np.log((positives + 0.5) / (rows - positives + 0.5))
        self._learn(known, weights)

    def fit_on(self, previous: Self, features: "pd.DataFrame", target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Learn on from the weights and the scaling of the previous model."""
        known = training_set(features, target, weight, self.parameters.task)
        if previous.columns != known.columns or previous._shape() != self._shape(len(known.columns)):
            raise DataError("the previous model has other columns or another size", hint="continue with the same")
        self._columns, self._scaling = known.columns, previous._scaling
        self._learn(known, previous._weights)

    def _learn(self, known: TrainingSet, weights: Weights) -> None:
        assert self._scaling is not None
        learn, chance, step = self._network().learn, np.random.default_rng(self.parameters.seed), 0
        inputs = self._inputs(known.matrix)
        target = ((known.target - self._scaling.target_mean) / self._scaling.target_scale).astype(np.float32)
        rate, weight = np.float32(self.parameters.learning_rate), known.weight.astype(np.float32)
        first = second = [np.zeros_like(each) for each in weights]
        for _ in range(self.parameters.epochs):
            order = chance.permutation(len(target))
            for start in range(0, len(order), BATCH):
                step += 1
                rows = np.resize(order[start : start + BATCH], BATCH)
                counts = weight[rows] * (np.arange(BATCH) < len(order) - start)  # rows that only fill the batch count nothing
                given = [each[rows] for each in inputs]
                weights, first, second = learn(weights, first, second, np.float32(step), rate, given, target[rows], counts)
        self._weights = [np.asarray(each) for each in weights]

    def _shape(self, columns: int | None = None) -> Shape:
        columns = len(self._columns) if columns is None else columns
        steps = len(self.parameters.sequence) or columns
        return Shape(steps, columns - steps, self.parameters.units, self.parameters.task == "classification")

    def _network(self) -> Network:
        return network(self._shape())

    def _inputs(self, matrix: np.ndarray) -> list[np.ndarray]:
        """Sequence (n, steps, 2) and, where there are any, the other columns (n, 2 * others); single precision."""
        assert self._scaling is not None
        unknown = np.isnan(matrix)
        scaled = (np.where(unknown, self._scaling.mean, matrix) - self._scaling.mean) / self._scaling.scale
        pairs = np.stack([np.clip(scaled, -FARTHEST, FARTHEST), unknown & self._scaling.gaps], axis=2).astype(np.float32)
        inside, outside = self._places()
        return [pairs[:, inside], pairs[:, outside].reshape(len(matrix), -1)] if outside else [pairs[:, inside]]

    def _places(self) -> tuple[list[int], list[int]]:
        """Which columns are steps of the sequence, and which are beside it."""
        inside = [self._columns.index(name) for name in self.parameters.sequence or self._columns]
        return inside, [at for at in range(len(self._columns)) if at not in inside]

    def predict_matrix(self, matrix: np.ndarray) -> np.ndarray:
        """Predictions (n,)."""
        if self._scaling is None:
            raise not_fitted(self.family)
        answer, inputs, told = self._network().answer, self._inputs(matrix), np.empty(len(matrix))
        for start in range(0, len(matrix), ROWS):
            rows = min(ROWS, len(matrix) - start)
            given = [np.zeros((ROWS, *each.shape[1:]), np.float32) for each in inputs]
            for room, each in zip(given, inputs, strict=True):
                room[:rows] = each[start : start + rows]
            told[start : start + rows] = np.asarray(answer(self._weights, given))[:rows, 0]
        if self.parameters.task == "classification":
            return np.asarray(0.5 * (1 + np.tanh(told / 2)))
        return self._scaling.target_mean + self._scaling.target_scale * told

    def to_onnx(self) -> bytes:
        """Network and scaling."""
        if self._scaling is None:
            raise not_fitted(self.family)
        return network_onnx(self._shape(), self._weights, self._scaling, *self._places(), FARTHEST)

    def save(self, folder: Path) -> None:
        """Write the network as a `.keras` archive; parameters, columns and scaling as JSON."""
        columns = self.columns
        assert self._scaling is not None
        state = {
            "parameters": self.parameters.model_dump(mode="json"),
            "columns": columns,
            "scaling": {name: np.asarray(value).tolist() for name, value in asdict(self._scaling).items()},
        }
        (folder / FILE).write_bytes(canonical_json(state))
        (folder / NETWORK).write_bytes(self._network().save(self._weights))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        state = json.loads((folder / FILE).read_bytes())
        model = cls(LstmParameters.model_validate(state["parameters"]))
        told = state["scaling"]
        arrays = {
            "mean": np.array(told["mean"], float),
            "scale": np.array(told["scale"], float),
            "gaps": np.array(told["gaps"], bool),
        }
        model._scaling = Scaling(target_mean=told["target_mean"], target_scale=told["target_scale"], **arrays)
        model._columns, model._weights = tuple(state["columns"]), weights_of(folder / NETWORK)
        if [each.shape for each in model._weights] != model._network().shapes():
            raise DataError(f"{NETWORK} is of another size than {FILE} says", hint="train it again")
        return model

    @classmethod
    def suggest(cls, trial: SearchTrial) -> dict[str, Any]:
        """Network, learning and memory."""
        return {
            "units": trial.suggest_int("lstm.units", 8, 48, step=8),
            "epochs": trial.suggest_int("lstm.epochs", 10, 60, step=10),
            "learning_rate": trial.suggest_float("lstm.learning_rate", 1e-3, 3e-2, log=True),
            "half_life_days": trial.suggest_categorical("lstm.half_life_days", HALF_LIVES_DAYS),
        }


def _scaling(known: TrainingSet, task: str) -> Scaling:
    """Of each column and the target; a column that is never known counts as 0, a constant one keeps its scale."""
    gaps = np.isnan(known.matrix)
    count = np.maximum((~gaps).sum(axis=0), 1)
    mean = np.where(gaps, 0, known.matrix).sum(axis=0) / count
    scale = np.sqrt((np.where(gaps, 0, known.matrix - mean) ** 2).sum(axis=0) / count)
    scale = np.where(scale <= 1e-12 * np.maximum(1, np.abs(mean)), 1.0, scale)
    if task == "classification":
        return Scaling(mean, scale, gaps.any(axis=0), 0.0, 1.0)
    middle = float(np.average(known.target, weights=known.weight))
    spread = float(np.sqrt(np.average((known.target - middle) ** 2, weights=known.weight)))
    return Scaling(mean, scale, gaps.any(axis=0), middle, spread if spread > 1e-12 * max(1.0, abs(middle)) else 1.0)
