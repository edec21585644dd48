"""The forest family: a random forest, the average of trees that each saw other rows and columns."""

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from model_code.canonical import canonical_json
from model_code.errors import DataError
from model_code.models.archive import archive_of, files_of
from model_code.models.base import HALF_LIVES_DAYS, Model, Parameters, SearchTrial, not_fitted, training_set
from model_code.models.trees import Trees, rounded_down

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.ensemble import RandomForestRegressor

FILE = "forest.json"
FOREST = "forest.skops"
SCHEMA = "schema.json"
TRUSTED = ["sklearn.tree._tree.Tree"]  # skops does not vouch for it: arrays of nodes, which `_checked` checks
THREADS = 1  # see xgboost.py


class ForestParameters(Parameters):
    """Size of the forest and of its trees."""

    seed: int = Field(0, ge=0, le=2**31 - 1)
    n_estimators: int = Field(100, ge=1, le=2_000, description="Trees.")
    max_depth: int = Field(10, ge=1, le=30, description="At 10, a hundred trees are some 5 MB.")
    min_samples_leaf: int = Field(3, ge=1, description="Fewest rows in a leaf.")
    max_features: float = Field(0.5, gt=0, le=1, description="Share of the columns that each fork looks at.")


class Forest(Model):
    """The average of its trees; missing values take the branch learnt for them.

    A classification is a regression on 0 and 1 as well: the mean of a leaf is its share of positives, and the variance
    that its forks reduce is half the Gini impurity.
    """

    family: ClassVar[str] = "forest"
    parameters_type: ClassVar[type[Parameters]] = ForestParameters
    onnx_max_rows: ClassVar[int] = 1_000_000  # ONNX Runtime was faster at every size that was measured: docs/adr/0008
    can_continue: ClassVar[bool] = True

    def __init__(self, parameters: ForestParameters) -> None:
        self._parameters = parameters
        self._columns: tuple[str, ...] = ()
        self._forest: RandomForestRegressor | None = None

    @property
    def parameters(self) -> ForestParameters:
        """Forest, seed and task."""
        return self._parameters

    @property
    def forest(self) -> "RandomForestRegressor":
        """The native model; its features are numbered in the order of `columns`."""
        if self._forest is None:
            raise not_fitted(self.family)
        return self._forest

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature columns that it was fitted on."""
        if self._forest is None:
            raise not_fitted(self.family)
        return self._columns

    def fit(self, features: "pd.DataFrame", target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Grow the trees."""
        from sklearn.ensemble import RandomForestRegressor

        told = self.parameters.model_dump(exclude={"task", "seed"})
        self._grow(RandomForestRegressor(**told, random_state=self.parameters.seed, n_jobs=THREADS), features, target, weight)

    def fit_on(self, previous: Self, features: "pd.DataFrame", target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Add trees to those of the previous model: these keep what they know, the new ones know the new rows."""
        if previous.columns != tuple(str(name) for name in features.columns):
            raise DataError("the previous model has other columns", hint="continue with the same features")
        forest = previous.copied()
        told = self.parameters.model_dump(exclude={"task", "seed", "n_estimators"})
        trees = len(forest.estimators_) + self.parameters.n_estimators
        forest.set_params(**told, n_estimators=trees, warm_start=True, random_state=self.parameters.seed)
        self._grow(forest, features, target, weight)
        self.forest.set_params(warm_start=False)

    def copied(self) -> "RandomForestRegressor":
        """The native model once more."""
        return _opened(_archive(self.forest))

    def _grow(
        self, forest: "RandomForestRegressor", features: "pd.DataFrame", target: np.ndarray, weight: np.ndarray | None
    ) -> None:
        known = training_set(features, target, weight, self.parameters.task)
        forest.fit(known.matrix.astype(np.float32), known.target, sample_weight=known.weight)
        self._columns, self._forest = known.columns, forest

    def predict_matrix(self, matrix: np.ndarray) -> np.ndarray:
        """Predictions (n,)."""
        forest = self.forest
        if not len(matrix):
            return np.empty(0)
        single, answer = matrix.astype(np.float32), np.zeros(len(matrix))
        for tree in forest.estimators_:  # without the checks and threads around them, which cost more than the trees
            answer += tree.tree_.predict(single)[:, 0]
        answer /= len(forest.estimators_)
        return np.clip(answer, 0, 1) if self.parameters.task == "classification" else answer

    def to_onnx(self) -> bytes:
        """Its trees."""
        return _trees(self.forest, len(self._columns)).to_onnx()

    def save(self, folder: Path) -> None:
        """Write the forest as a skops archive, parameters and columns as JSON."""
        state = {"parameters": self.parameters.model_dump(mode="json"), "columns": self.columns}
        (folder / FILE).write_bytes(canonical_json(state))
        (folder / FOREST).write_bytes(_archive(self.forest))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        state = json.loads((folder / FILE).read_bytes())
        model = cls(ForestParameters.model_validate(state["parameters"]))
        model._columns, model._forest = tuple(state["columns"]), _opened((folder / FOREST).read_bytes())
        return model

    @classmethod
    def suggest(cls, trial: SearchTrial) -> dict[str, Any]:
        """Forest and memory."""
        return {
            "n_estimators": trial.suggest_int("forest.n_estimators", 50, 150, step=50),
            "max_depth": trial.suggest_int("forest.max_depth", 4, 12),
            "min_samples_leaf": trial.suggest_int("forest.min_samples_leaf", 1, 20),
            "max_features": trial.suggest_float("forest.max_features", 0.2, 1.0),
            "half_life_days": trial.suggest_categorical("forest.half_life_days", HALF_LIVES_DAYS),
        }


def _archive(forest: "RandomForestRegressor") -> bytes:
    """The skops archive, its objects numbered in their order instead of by where they lay in memory."""
    import skops.io

    files = files_of(skops.io.dumps(forest))
    names: dict[str, str] = {}
    count = iter(range(1, 2**62))

    def numbered(value: Any) -> Any:
        if isinstance(value, list):
            return [numbered(item) for item in value]
        if not isinstance(value, dict):
            return value
        told = {key: numbered(item) for key, item in sorted(value.items()) if key != "__id__"}
        if "__id__" in value:
            told["__id__"] = next(count)
        if value.get("file") in files:
            told["file"] = names.setdefault(value["file"], f"{len(names)}.npy")
        return told

    schema = canonical_json(numbered(json.loads(files[SCHEMA])))
    return archive_of({**{name: _without_gaps(files[old]) for old, name in names.items()}, SCHEMA: schema})


def _without_gaps(content: bytes) -> bytes:
    """A `.npy` file with zeros between the fields of its records, where scikit-learn leaves whatever lay in memory."""
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    buffer = io.BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getvalue()


def _opened(archive: bytes) -> "RandomForestRegressor":
    import skops.io
    from sklearn.ensemble import RandomForestRegressor
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        forest = skops.io.loads(archive, trusted=TRUSTED)
    except (UntrustedTypesFoundException, zipfile.BadZipFile) as error:
        raise DataError(f"{FOREST}: {error}", hint="is it what skops wrote?") from error
    if not isinstance(forest, RandomForestRegressor):
        raise DataError(f"{FOREST} holds a {type(forest).__name__}", hint="a forest was expected")
    for tree in forest.estimators_:
        _check(tree.tree_, forest.n_features_in_)
    return forest


def _check(tree: Any, columns: int) -> None:
    """Refuse a tree whose nodes point nowhere or in a circle: scikit-learn follows them unchecked, into any memory."""
    left, right, numbers = tree.children_left, tree.children_right, np.arange(tree.node_count)
    fork = left != -1
    fine = (left > numbers) & (left < len(left)) & (right > numbers) & (right < len(left))
    fine &= (tree.feature >= 0) & (tree.feature < columns)
    if not len(left) or not (fine | (~fork & (right == -1))).all() or tree.value.shape != (len(left), 1, 1):
        raise DataError(f"{FOREST} holds a tree whose nodes do not fit together", hint="train it again")


def _trees(forest: "RandomForestRegressor", columns: int) -> Trees:
    trees = [tree.tree_ for tree in forest.estimators_]
    sizes = [tree.node_count for tree in trees]
    leaf = np.concatenate([tree.children_left for tree in trees]) < 0
    value = np.concatenate([tree.value[:, 0, 0] for tree in trees]) / len(trees)
    threshold = rounded_down(np.concatenate([tree.threshold for tree in trees]))
    return Trees(
        columns=columns,
        tree=np.repeat(np.arange(len(trees)), sizes),
        node=np.concatenate([np.arange(size) for size in sizes]),
        feature=np.concatenate([tree.feature for tree in trees]),
        threshold=np.where(leaf, value.astype(np.float32), threshold),
        left=np.concatenate([tree.children_left for tree in trees]),
        right=np.concatenate([tree.children_right for tree in trees]),
        missing_left=np.concatenate([tree.missing_go_to_left for tree in trees]).astype(bool),
        inclusive=True,
        base=0.0,
        logistic=False,
    )
