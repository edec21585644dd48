"""The xgboost family: gradient-boosted trees."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from model_code.models.base import HALF_LIVES_DAYS, Parameters, SearchTrial, Task, TrainingSet
from model_code.models.boosted import Boosted
from model_code.models.device import DEVICES
from model_code.models.trees import Trees
from model_code.models.xgboost_dense import DenseTrees, predict_dense

if TYPE_CHECKING:
    from xgboost import Booster

FILE = "xgboost.json"
BOOSTER = "booster.ubj"
OBJECTIVES = {"forecast": "reg:squarederror", "classification": "binary:logistic"}
# One thread: the same bits on every machine, and no waiting at barriers where cores are shared (two threads on two
# busy cores took eight times as long). Work in parallel is done by trials and services, not inside a fit.
THREADS = 1


class XgboostParameters(Parameters):
    """Size of the ensemble and what holds it back from learning by heart."""

    seed: int = Field(0, ge=0, le=2**31 - 1)
    n_estimators: int = Field(200, ge=1, le=5_000, description="Trees.")
    max_depth: int = Field(6, ge=1, le=16)
    learning_rate: float = Field(0.1, gt=0, le=1)
    subsample: float = Field(1.0, gt=0, le=1, description="Share of the rows that each tree sees.")
    colsample_bytree: float = Field(1.0, gt=0, le=1, description="Share of the columns that each tree sees.")
    min_child_weight: float = Field(1.0, ge=0, description="Least weight of a leaf.")


class Xgboost(Boosted[XgboostParameters, "Booster"]):
    """Trees on the features as they are; missing values take the branch learnt for them."""

    family: ClassVar[str] = "xgboost"
    parameters_type: ClassVar[type[Parameters]] = XgboostParameters
    state_file: ClassVar[str] = FILE

    def __init__(self, parameters: XgboostParameters) -> None:
        super().__init__(parameters)
        self._file: bytes | None = None
        self._dense: DenseTrees | None = None

    def _grow(self, known: TrainingSet, previous: "Booster | None") -> None:
        import xgboost

        rows = xgboost.DMatrix(known.matrix, label=known.target, weight=known.weight, missing=np.nan, nthread=THREADS)
        told = {
            **self.parameters.model_dump(exclude={"task", "n_estimators"}),
            "objective": OBJECTIVES[self.parameters.task],
            "tree_method": "hist",
            "device": DEVICES.of(self.family),
            "nthread": THREADS,
            "verbosity": 0,
        }
        self._booster = xgboost.train(told, rows, self.parameters.n_estimators, xgb_model=previous)
        self._columns, self._file, self._dense = known.columns, None, None

    @property
    def booster(self) -> "Booster":
        """The native model; one that was loaded becomes a booster when it is first asked for."""
        if self._booster is None and self._file is not None:
            import xgboost

            booster = xgboost.Booster(params={"nthread": THREADS, "device": DEVICES.of(self.family)})
            booster.load_model(bytearray(self._file))
            self._booster = booster
        return super().booster

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature columns that it was fitted on."""
        return super().columns if self._dense is None else self._columns

    def predict_matrix(self, matrix: np.ndarray) -> np.ndarray:
        """Predictions (n,)."""
        dense = self._dense
        handle = self.booster.handle if dense is None else dense.handle
        if not len(matrix):
            return np.empty(0)
        if DEVICES.of(self.family) == "cuda":  # a plain array is not where the booster is
            import xgboost

            return np.asarray(self.booster.predict(xgboost.DMatrix(matrix, missing=np.nan, nthread=THREADS)), dtype=np.float64)
        return predict_dense(handle, matrix)

    def to_onnx(self) -> bytes:
        """Its trees; both compare in single precision, so they go the same way at every threshold."""
        return _trees(self.booster, len(self.columns), self.parameters.task).to_onnx()

    def _save_trees(self, folder: Path) -> None:
        (folder / BOOSTER).write_bytes(self.booster.save_raw("ubj"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; XGBoost's Python package is imported once more than answers are asked of it."""
        state = json.loads((folder / FILE).read_bytes())
        model = cls(XgboostParameters.model_validate(state["parameters"]))
        model._columns, model._file = tuple(state["columns"]), (folder / BOOSTER).read_bytes()
        model._dense = DenseTrees(model._file)
        return model

    @classmethod
    def suggest(cls, trial: SearchTrial) -> dict[str, Any]:
        """Ensemble and memory."""
        return {
            "n_estimators": trial.suggest_int("xgboost.n_estimators", 50, 400, step=50),
            "max_depth": trial.suggest_int("xgboost.max_depth", 2, 8),
            "learning_rate": trial.suggest_float("xgboost.learning_rate", 0.02, 0.3, log=True),
            "subsample": trial.suggest_float("xgboost.subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("xgboost.colsample_bytree", 0.4, 1.0),
            "min_child_weight": trial.suggest_float("xgboost.min_child_weight", 1.0, 50.0, log=True),
            "half_life_days": trial.suggest_categorical("xgboost.half_life_days", HALF_LIVES_DAYS),
        }


def _trees(booster: "Booster", columns: int, task: Task) -> Trees:
    learner = json.loads(booster.save_raw("json"))["learner"]
    trees = learner["gradient_booster"]["model"]["trees"]
    base = np.float32(learner["learner_model_param"]["base_score"].strip("[]"))  # as XGBoost reckons: in single precision

    def all_of(name: str, dtype: type) -> np.ndarray:
        return np.concatenate([np.asarray(tree[name], dtype=dtype) for tree in trees])

    sizes = [len(tree["left_children"]) for tree in trees]
    return Trees(
        columns=columns,
        tree=np.repeat(np.arange(len(trees)), sizes),
        node=np.concatenate([np.arange(size) for size in sizes]),
        feature=all_of("split_indices", int),
        threshold=all_of("split_conditions", np.float32),
        left=all_of("left_children", int),
        right=all_of("right_children", int),
        missing_left=all_of("default_left", bool),
        inclusive=False,
        base=float(-np.log(1 / base - 1)) if task == "classification" else float(base),
        logistic=task == "classification",
    )
