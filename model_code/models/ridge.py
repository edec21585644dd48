"""The ridge family: standardised features, ridge regression; logistic regression with the same penalty for a class."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from model_code.canonical import canonical_json
from model_code.models.base import (
    HALF_LIVES_DAYS,
    Model,
    Parameters,
    SearchTrial,
    TrainingSet,
    not_fitted,
    training_set,
)

if TYPE_CHECKING:
    import pandas as pd

FILE = "ridge.json"


class RidgeParameters(Parameters):
    """The strength of the penalty."""

    alpha: float = Field(1.0, gt=0, description="L2 penalty on standardised features; larger is smoother.")


@dataclass(frozen=True)
class Coefficients:
    """What was learnt; all arrays (k,). The linear answer is sum(coefficient * (x - mean) / scale) + intercept."""

    columns: tuple[str, ...]
    median: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    coefficient: np.ndarray
    intercept: float

    def standardise(self, matrix: np.ndarray) -> np.ndarray:
        """Features (n, k) with missing values filled by the training median, on the training scale."""
        filled = np.where(np.isnan(matrix), self.median, matrix)
        return np.asarray((filled - self.mean) / self.scale)

    def linear(self, matrix: np.ndarray) -> np.ndarray:
        """The linear answer (n,); summed row by row, so that a row's answer does not depend on its neighbours."""
        return np.asarray((self.standardise(matrix) * self.coefficient).sum(axis=1) + self.intercept)


class Ridge(Model):
    """Linear in the features. Fitted by scikit-learn; answers need numpy alone.

    Saved as JSON coefficients: they round-trip exactly, can be read by people, and a service that
    loads them starts without scikit-learn.
    """

    family: ClassVar[str] = "ridge"
    parameters_type: ClassVar[type[Parameters]] = RidgeParameters

    def __init__(self, parameters: RidgeParameters) -> None:
        self._parameters = parameters
        self._learnt: Coefficients | None = None

    @property
    def parameters(self) -> RidgeParameters:
        """Penalty and task."""
        return self._parameters

    @property
    def learnt(self) -> Coefficients:
        """The coefficients."""
        if self._learnt is None:
            raise not_fitted(self.family)
        return self._learnt

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature columns that it was fitted on."""
        return self.learnt.columns

    def fit(self, features: "pd.DataFrame", target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Standardise and fit."""
        from threadpoolctl import threadpool_limits

        known = training_set(features, target, weight, self.parameters.task)
        scaled = _scaling(known)
        solve = _classify if self.parameters.task == "classification" else _regress
        with threadpool_limits(1):  # the same bits on any number of cores; five times as fast where cores are shared
            coefficient, intercept = solve(scaled.standardise(known.matrix), known, self.parameters.alpha)
        self._learnt = Coefficients(known.columns, scaled.median, scaled.mean, scaled.scale, coefficient, intercept)

    def predict_matrix(self, matrix: np.ndarray) -> np.ndarray:
        """Predictions (n,)."""
        linear = self.learnt.linear(matrix)
        if self.parameters.task == "classification":
            return np.asarray(0.5 * (1 + np.tanh(linear / 2)))
        return linear

    def save(self, folder: Path) -> None:
        """Write one JSON file."""
        arrays = {key: np.asarray(value).tolist() for key, value in asdict(self.learnt).items()}
        state = {"parameters": self.parameters.model_dump(mode="json"), "learnt": arrays}
        (folder / FILE).write_bytes(canonical_json(state))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        state = json.loads((folder / FILE).read_bytes())
        model = cls(RidgeParameters.model_validate(state["parameters"]))
        learnt = state["learnt"]
        arrays = {name: np.array(learnt[name], dtype=np.float64) for name in ("median", "mean", "scale", "coefficient")}
        model._learnt = Coefficients(columns=tuple(learnt["columns"]), intercept=float(learnt["intercept"]), **arrays)
        return model

    @classmethod
    def suggest(cls, trial: SearchTrial) -> dict[str, Any]:
        """Penalty and memory."""
        return {
            "alpha": trial.suggest_float("ridge.alpha", 1e-2, 1e4, log=True),
            "half_life_days": trial.suggest_categorical("ridge.half_life_days", HALF_LIVES_DAYS),
        }


def _scaling(known: TrainingSet) -> Coefficients:
    """Median, mean and scale of each column; a column that is never known counts as 0, a constant one keeps its scale."""
    told = ~np.isnan(known.matrix).all(axis=0)
    median = np.zeros(len(known.columns))
    median[told] = np.nanmedian(known.matrix[:, told], axis=0)
    filled = np.where(np.isnan(known.matrix), median, known.matrix)
    mean, scale = filled.mean(axis=0), filled.std(axis=0)
    scale = np.where(scale <= 1e-12 * np.maximum(1, np.abs(mean)), 1.0, scale)
    return Coefficients(known.columns, median, mean, scale, np.zeros(len(median)), 0.0)


def _regress(matrix: np.ndarray, known: TrainingSet, alpha: float) -> tuple[np.ndarray, float]:
    from sklearn.linear_model import Ridge as Solver

    solver = Solver(alpha=alpha, solver="svd").fit(matrix, known.target, sample_weight=known.weight)
    return solver.coef_, float(solver.intercept_)


def _classify(matrix: np.ndarray, known: TrainingSet, alpha: float) -> tuple[np.ndarray, float]:
    positives, rows = float(known.weight @ known.target), len(known.target)
    if len(np.unique(known.target[known.weight > 0])) < 2:  # one class so far: its smoothed share, whatever the features
        return np.zeros(matrix.shape[1]), float(np.log((positives + 0.5) / (rows - positives + 0.5)))
    from sklearn.linear_model import LogisticRegression

    solver = LogisticRegression(C=1 / alpha, max_iter=1_000).fit(matrix, known.target, sample_weight=known.weight)
    return solver.coef_[0], float(solver.intercept_[0])
