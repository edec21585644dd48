"""What every model family is, and the checks of its input that all of them share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from model_code.errors import ConfigurationError, DataError, InvalidRequest, TooLittleData

if TYPE_CHECKING:  # a service that answers rows of numbers starts without pandas
    import pandas as pd

Task = Literal["forecast", "classification"]
Choice = None | bool | int | float | str
HALF_LIVES_DAYS: tuple[Choice, ...] = (None, 60, 30, 14)
LARGEST = float(np.finfo(np.float32).max)


class Parameters(BaseModel):
    """What a family is told before it is fitted; frozen, and a misspelt name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task = "forecast"


class SearchTrial(Protocol):
    """The part of an Optuna trial that a search space needs."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number between the bounds."""
        ...

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        """A whole number between the bounds."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> Choice:
        """One of the choices."""
        ...


class Model(Protocol):
    """A model family; the conformance suite in `tests/conformance/test_models.py` is its definition.

    A forecast is predicted in the target's unit; for a classification the prediction is P(positive).
    A missing feature value (NaN) never stops an answer; an infinite one is refused.
    """

    family: ClassVar[str]
    parameters_type: ClassVar[type[Parameters]]

    def __init__(self, parameters: Any) -> None:
        """Take parameters of the type `parameters_type`; nothing is fitted yet."""

    @property
    def parameters(self) -> Parameters:
        """What the model was told."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature columns that it was fitted on.

        Raises:
            DataError: It is not fitted.
        """
        ...

    def fit(self, features: "pd.DataFrame", target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Learn; fitting again starts afresh. The same input gives the same model to the last bit.

        Args:
            features: Float columns, NaN where not known, (n, k).
            target: (n,), in the target's unit; 0 or 1 for a classification.
            weight: (n,), how much each row counts; None: all alike. Only proportions matter.

        Raises:
            InvalidRequest: A feature column is doubled, no number, or infinite.
            DataError: Target or weight are not finite, negative weight, or lengths differ.
            TooLittleData: No row.
        """
        ...

    onnx_max_rows: ClassVar[int] = 64  # rows at once that the ONNX form answers; measured, docs/adr/0008
    onnx_call_rows: ClassVar[int] = 1_000_000  # of which so many in one call
    can_continue: ClassVar[bool] = False

    def fit_on(self, previous: Self, features: "pd.DataFrame", target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Learn on from a fitted model of this family instead of afresh, where `can_continue` says so.

        An ensemble keeps the previous trees and grows its own number of trees on top; the previous model stays as it is.

        Raises:
            ConfigurationError: The family cannot: its fit is a formula, which starts from nothing.
            DataError: As `fit`; or the previous model has other columns.
        """
        raise ConfigurationError(f"{self.family} cannot learn on from a model", hint="fit it")

    def predict_matrix(self, matrix: np.ndarray) -> np.ndarray:
        """Predictions (n,), float64, each from its own row alone; the input is not checked again.

        Args:
            matrix: Float64 (n, k) in the order of `columns`, NaN where not known, finite in single precision otherwise.

        Raises:
            DataError: The model is not fitted.
        """
        ...

    def predict(self, features: "pd.DataFrame") -> np.ndarray:
        """Predictions (n,), float64, each from its own row alone. Columns may come in any order.

        Raises:
            InvalidRequest: A column is missing, unknown, no number, or infinite; the message names it.
            DataError: The model is not fitted.
        """
        return self.predict_matrix(as_matrix(features, self.columns))

    def to_onnx(self) -> bytes | None:
        """The fitted model as ONNX: float32 features (n, k) in, float32 (n, 1) out, the same bytes every time.

        None where ONNX has nothing to offer. It need not be exact: writing a bundle compares its answers, and keeps it
        only if they are.
        """
        return None

    def save(self, folder: Path) -> None:
        """Write the fitted model into an existing folder, in its native format, no pickle."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model that `save` wrote; it gives the same answers."""
        ...

    @classmethod
    def suggest(cls, trial: SearchTrial) -> dict[str, Any]:
        """Parameters to try, with `half_life_days` where age should count; see `training.Candidate`."""
        ...


@dataclass(frozen=True)
class TrainingSet:
    """Checked input of a fit: matrix (n, k), target (n,), weight (n,) with mean 1, column names (k,)."""

    columns: tuple[str, ...]
    matrix: np.ndarray
    target: np.ndarray
    weight: np.ndarray


def training_set(features: "pd.DataFrame", target: np.ndarray, weight: np.ndarray | None, task: Task) -> TrainingSet:
    """The input of a fit, checked; weights are scaled to a mean of 1 so that penalties keep their meaning.

    Raises:
        InvalidRequest: A feature column is doubled, no number, or infinite.
        DataError: Target or weight are not finite, negative weight, or lengths differ.
        TooLittleData: No row.
    """
    columns = tuple(str(name) for name in features.columns)
    matrix = as_matrix(features, columns)
    target = np.asarray(target, dtype=np.float64)
    weight = np.ones(len(target)) if weight is None else np.asarray(weight, dtype=np.float64)
    if not len(matrix) or not columns:
        raise TooLittleData(f"{len(matrix)} rows of {len(columns)} features to train on", hint="backfill more history")
    if target.shape != (len(matrix),) or weight.shape != (len(matrix),):
        raise DataError(f"{len(matrix)} rows of features, target {target.shape}, weight {weight.shape}", hint="one of each a row")
    if not np.isfinite(target).all():
        raise DataError("the target has missing or infinite values", hint="train only on rows whose truth is known")
    if task == "classification" and not np.isin(target, (0.0, 1.0)).all():
        raise DataError("the target of a classification is not only 0 and 1", hint="1 is the positive class")
    if not np.isfinite(weight).all() or weight.min() < 0 or weight.sum() <= 0:
        raise DataError("weights must be finite, none negative and not all 0", hint="see training.recency_weight")
    return TrainingSet(columns, matrix, target, weight / weight.mean())


def as_matrix(features: "pd.DataFrame", columns: Sequence[str]) -> np.ndarray:
    """The feature values (n, k), float64, columns in the given order.

    Raises:
        InvalidRequest: A column is missing, unknown, doubled, no number, or beyond single precision (so infinite).
    """
    if tuple(features.columns) != tuple(columns) or not features.columns.is_unique:
        check_names([str(name) for name in features.columns], columns)
        features = features[list(columns)]
    try:
        matrix = np.ascontiguousarray(features.to_numpy(dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"a feature is not a number: {error}", hint="features are float columns") from error
    too_large = (np.abs(matrix) > LARGEST).any(axis=0)
    if too_large.any():
        names = ", ".join(name for name, bad in zip(columns, too_large, strict=True) if bad)
        raise InvalidRequest(f"infinite or too large: feature {names}", hint="a value that is not known is NaN")
    return matrix


def not_fitted(family: str) -> DataError:
    """The error of a model that is asked before it was fitted or loaded."""
    return DataError(f"the {family} model is not fitted", hint="call fit or load first")


def check_names(given: Sequence[str], wanted: Sequence[str]) -> None:
    """Whether the same columns are given as are wanted, in whatever order.

    Raises:
        InvalidRequest: A column is missing, unknown or doubled.
    """
    problems = {
        "missing": [name for name in wanted if name not in given],
        "unknown": [name for name in given if name not in wanted],
        "doubled": sorted({name for name in given if given.count(name) > 1}),
    }
    told = "; ".join(f"{what} feature {', '.join(names)}" for what, names in problems.items() if names)
    if told:
        raise InvalidRequest(told, hint="features must be those that the model was trained on")
