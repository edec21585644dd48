"""The naive family: the answer is one feature column, such as the load at the same time last week."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from model_code.canonical import canonical_json
from model_code.models.base import Model, Parameters, SearchTrial, TrainingSet, as_matrix, not_fitted, training_set

if TYPE_CHECKING:
    import pandas as pd

FILE = "naive.json"


class NaiveParameters(Parameters):
    """The column to answer with; without one, the mean of the training target."""

    baseline: str | None = None


class Naive(Model):
    """Answers with the baseline column; it is the opponent that every other family has to beat.

    Where the baseline is not known, the column that came closest to the target in training stands in,
    and the mean of the target where none of them is known.
    """

    family: ClassVar[str] = "naive"
    parameters_type: ClassVar[type[Parameters]] = NaiveParameters

    def __init__(self, parameters: NaiveParameters) -> None:
        self._parameters = parameters
        self._columns: tuple[str, ...] = ()
        self._asked: tuple[str, ...] = ()
        self._mean = 0.0

    @property
    def parameters(self) -> NaiveParameters:
        """The baseline and the task."""
        return self._parameters

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature columns that it was fitted on."""
        if not self._columns:
            raise not_fitted(self.family)
        return self._columns

    def fit(self, features: "pd.DataFrame", target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Remember the mean of the target and which columns may stand in for the baseline."""
        known = training_set(features, target, weight, self.parameters.task)
        baseline = self.parameters.baseline
        if baseline is not None:
            as_matrix(features.loc[:, features.columns == baseline], [baseline])
        self._columns = known.columns
        self._mean = float(np.average(known.target, weights=known.weight))
        self._asked = () if baseline is None else (baseline, *_stand_ins(known, baseline, self._mean))

    def predict_matrix(self, matrix: np.ndarray) -> np.ndarray:
        """The baseline of each row (n,)."""
        if not self._columns:
            raise not_fitted(self.family)
        answer = np.full(len(matrix), np.nan)
        for name in self._asked:
            answer = np.where(np.isnan(answer), matrix[:, self.columns.index(name)], answer)
        answer = np.where(np.isnan(answer), self._mean, answer)
        return np.clip(answer, 0, 1) if self.parameters.task == "classification" else answer

    def save(self, folder: Path) -> None:
        """Write one JSON file."""
        state = {
            "parameters": self.parameters.model_dump(mode="json"),
            "columns": self.columns,
            "asked": self._asked,
            "mean": self._mean,
        }
        (folder / FILE).write_bytes(canonical_json(state))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        state = json.loads((folder / FILE).read_bytes())
        model = cls(NaiveParameters.model_validate(state["parameters"]))
        model._columns, model._asked, model._mean = tuple(state["columns"]), tuple(state["asked"]), state["mean"]
        return model

    @classmethod
    def suggest(cls, trial: SearchTrial) -> dict[str, Any]:
        """There is nothing to choose."""
        return {}


def _stand_ins(known: TrainingSet, baseline: str, mean: float) -> Iterator[str]:
    """Columns that beat the mean of the target, the closest to it first; each known in at least half of the rows."""
    errors = []
    for name, values in zip(known.columns, known.matrix.T, strict=True):
        told = ~np.isnan(values)
        if name == baseline or told.mean() < 0.5 or not known.weight[told].sum():
            continue
        error, of_mean = (
            float(np.average(np.abs(known.target[told] - guess), weights=known.weight[told])) for guess in (values[told], mean)
        )
        if error < of_mean:
            errors.append((error, name))
    return (name for _, name in sorted(errors))
