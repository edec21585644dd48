"""The lightgbm family: gradient-boosted trees that grow leaf by leaf."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from model_code.errors import DataError
from model_code.models.base import HALF_LIVES_DAYS, Parameters, SearchTrial, TrainingSet
from model_code.models.boosted import Boosted
from model_code.models.trees import Trees, rounded_down

if TYPE_CHECKING:
    from lightgbm import Booster

FILE = "lightgbm.json"
BOOSTER = "booster.txt"
OBJECTIVES = {"forecast": "regression", "classification": "binary"}
DEFAULT_LEFT, MISSING_IS_NAN = 2, 8  # bits of a node's decision type
THREADS = 1  # see xgboost.py


class LightgbmParameters(Parameters):
    """Size of the ensemble and what holds it back from learning by heart."""

    seed: int = Field(0, ge=0, le=2**31 - 1)
    n_estimators: int = Field(200, ge=1, le=5_000, description="Trees.")
    num_leaves: int = Field(31, ge=2, le=4_096, description="Most leaves of a tree.")
    learning_rate: float = Field(0.1, gt=0, le=1)
    min_child_samples: int = Field(20, ge=1, description="Fewest rows in a leaf.")
    subsample: float = Field(1.0, gt=0, le=1, description="Share of the rows that each tree sees.")
    colsample_bytree: float = Field(1.0, gt=0, le=1, description="Share of the columns that each tree sees.")
    reg_lambda: float = Field(0.0, ge=0, description="L2 penalty on the leaves.")


class Lightgbm(Boosted[LightgbmParameters, "Booster"]):
    """Trees on the features as they are, in single precision.

    Features are rounded to single precision before it learns and before it answers, so that its ONNX form, which knows
    nothing else, goes the same way at every threshold.
    """

    family: ClassVar[str] = "lightgbm"
    parameters_type: ClassVar[type[Parameters]] = LightgbmParameters
    onnx_max_rows: ClassVar[int] = 1_000_000  # ONNX Runtime was faster at every size that was measured: docs/adr/0008
    state_file: ClassVar[str] = FILE

    def __init__(self, parameters: LightgbmParameters) -> None:
        super().__init__(parameters)
        self._text = ""

    def _grow(self, known: TrainingSet, previous: "Booster | None") -> None:
        import lightgbm

        told = {
            **self.parameters.model_dump(exclude={"task", "n_estimators", "subsample", "colsample_bytree"}),
            "objective": OBJECTIVES[self.parameters.task],
            "bagging_fraction": self.parameters.subsample,
            "bagging_freq": int(1 / len(known.target) <= self.parameters.subsample < 1),  # a share of less than a row is none
            "feature_fraction": self.parameters.colsample_bytree,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": THREADS,
            "verbosity": -1,
        }
        rows = lightgbm.Dataset(known.matrix.astype(np.float32), known.target, weight=known.weight, params=told)
        grown = lightgbm.train(told, rows, self.parameters.n_estimators, init_model=previous)
        # Trees only: what follows them in the text repeats the parameters, which are kept beside it.
        self._open(known.columns, grown.model_to_string().partition("\nparameters:")[0] + "\n")

    def _open(self, columns: tuple[str, ...], text: str) -> None:
        import lightgbm

        self._columns, self._text = columns, text
        self._booster = lightgbm.Booster(model_str=text)

    def predict_matrix(self, matrix: np.ndarray) -> np.ndarray:
        """Predictions (n,)."""
        booster = self.booster
        if not len(matrix):
            return np.empty(0)
        return np.asarray(booster.predict(matrix.astype(np.float32), num_threads=THREADS), dtype=np.float64)

    def to_onnx(self) -> bytes:
        """Its trees."""
        return _trees(self._text, len(self.columns), logistic=self.parameters.task == "classification").to_onnx()

    def _save_trees(self, folder: Path) -> None:
        (folder / BOOSTER).write_text(self._text, encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        import lightgbm

        state = json.loads((folder / FILE).read_bytes())
        model = cls(LightgbmParameters.model_validate(state["parameters"]))
        try:
            model._open(tuple(state["columns"]), (folder / BOOSTER).read_text(encoding="utf-8"))
        except lightgbm.basic.LightGBMError as error:
            raise DataError(f"{BOOSTER}: {error}", hint="is it what LightGBM wrote?") from error
        return model

    @classmethod
    def suggest(cls, trial: SearchTrial) -> dict[str, Any]:
        """Ensemble and memory."""
        return {
            "n_estimators": trial.suggest_int("lightgbm.n_estimators", 50, 400, step=50),
            "num_leaves": trial.suggest_int("lightgbm.num_leaves", 4, 128),
            "learning_rate": trial.suggest_float("lightgbm.learning_rate", 0.02, 0.3, log=True),
            "min_child_samples": trial.suggest_int("lightgbm.min_child_samples", 5, 100),
            "subsample": trial.suggest_float("lightgbm.subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("lightgbm.colsample_bytree", 0.4, 1.0),
            "reg_lambda": trial.suggest_float("lightgbm.reg_lambda", 1e-3, 30.0, log=True),
            "half_life_days": trial.suggest_categorical("lightgbm.half_life_days", HALF_LIVES_DAYS),
        }


def _trees(text: str, columns: int, *, logistic: bool) -> Trees:
    """The trees of LightGBM's text, in which a child below 0 is a leaf: leaf n is -1 - n."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in Trees.PER_NODE}
    for number, block in enumerate(re.split(r"\nTree=\d+\n", text.partition("\nend of trees")[0])[1:]):
        told = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        feature, threshold, decision, left, right, leaf = (
            np.array(told.get(name, "").split(), dtype=float)
            for name in ("split_feature", "threshold", "decision_type", "left_child", "right_child", "leaf_value")
        )
        forks, none = len(feature), np.full(len(leaf), -1)
        missing_is_nan = decision.astype(int) & MISSING_IS_NAN > 0
        goes_left = np.where(missing_is_nan, decision.astype(int) & DEFAULT_LEFT > 0, threshold >= 0)  # else it counts as 0
        tree = {
            "tree": np.full(forks + len(leaf), number),
            "node": np.arange(forks + len(leaf)),
            "feature": np.concatenate([feature, np.zeros(len(leaf))]).astype(int),
            "threshold": np.concatenate([rounded_down(threshold), leaf.astype(np.float32)]),
            "left": np.concatenate([np.where(left < 0, forks - 1 - left, left), none]).astype(int),
            "right": np.concatenate([np.where(right < 0, forks - 1 - right, right), none]).astype(int),
            "missing_left": np.concatenate([goes_left, np.zeros(len(leaf), dtype=bool)]),
        }
        for name, values in tree.items():
            parts[name].append(values)
    arrays = {name: np.concatenate(values) for name, values in parts.items()}
    return Trees(columns=columns, inclusive=True, base=0.0, logistic=logistic, **arrays)
