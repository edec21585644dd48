"""What the libraries of boosted trees have in common: an ensemble that is grown, grown further, and kept with its columns."""

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

import numpy as np

from model_code.canonical import canonical_json
from model_code.errors import DataError
from model_code.models.base import Model, Parameters, TrainingSet, not_fitted, training_set

if TYPE_CHECKING:
    import pandas as pd

OfFamily = TypeVar("OfFamily", bound=Parameters)
Booster = TypeVar("Booster")


class Boosted(Model, Generic[OfFamily, Booster]):
    """Trees on the features as they are; missing values take the branch learnt for them.

    Args:
        parameters: Ensemble, seed and task.
    """

    can_continue: ClassVar[bool] = True
    state_file: ClassVar[str]

    def __init__(self, parameters: OfFamily) -> None:
        self._parameters = parameters
        self._columns: tuple[str, ...] = ()
        self._booster: Booster | None = None

    @property
    def parameters(self) -> OfFamily:
        """Ensemble, seed and task."""
        return self._parameters

    @property
    def booster(self) -> Booster:
        """The native model; its features are numbered in the order of `columns`."""
        if self._booster is None:
            raise not_fitted(self.family)
        return self._booster

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature columns that it was fitted on."""
        if self._booster is None:
            raise not_fitted(self.family)
        return self._columns

    def fit(self, features: "pd.DataFrame", target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Grow the trees."""
        self._grow(training_set(features, target, weight, self.parameters.task), None)

    def fit_on(self, previous: Self, features: "pd.DataFrame", target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Grow more trees on those of the previous model."""
        known = training_set(features, target, weight, self.parameters.task)
        if previous.columns != known.columns:
            raise DataError("the previous model has other columns", hint="continue with the same features")
        self._grow(known, previous.booster)

    def save(self, folder: Path) -> None:
        """Write the trees in the library's own format, parameters and columns as JSON."""
        state = {"parameters": self.parameters.model_dump(mode="json"), "columns": self.columns}
        (folder / self.state_file).write_bytes(canonical_json(state))
        self._save_trees(folder)

    @abstractmethod
    def _grow(self, known: TrainingSet, previous: Booster | None) -> None:
        """Set `_columns` and `_booster`."""

    @abstractmethod
    def _save_trees(self, folder: Path) -> None:
        """Write the trees."""
