"""Small data and small models of every family, for the tests that hold families to what they promise."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model_code.models import FAMILIES, Model, Task, make_model

ROWS = 240
SMALL: dict[str, dict[str, Any]] = {
    "xgboost": {"n_estimators": 12, "max_depth": 3, "subsample": 0.8},
    "lightgbm": {"n_estimators": 12, "num_leaves": 6, "learning_rate": 0.3, "subsample": 0.8, "min_child_samples": 5},
    "forest": {"n_estimators": 12, "max_depth": 5},
    "lstm": {"units": 4, "epochs": 25, "learning_rate": 0.02},
}
# Families of trees, and what makes a few of them learn a handful of levels by heart.
TREES: dict[str, dict[str, Any]] = {
    "xgboost": {"subsample": 1.0, "learning_rate": 0.5},
    "lightgbm": {"subsample": 1.0, "learning_rate": 0.5},
    "forest": {"max_features": 1.0},
}
ONNX = {*TREES, "lstm"}  # families with an ONNX form
TASKS: tuple[Task, ...] = ("forecast", "classification")
EVERY = [pytest.param(family, task, id=f"{family}-{task}") for family in FAMILIES for task in TASKS]


def features_and_target(task: Task, seed: int = 7) -> tuple[pd.DataFrame, np.ndarray]:
    chance = np.random.default_rng(seed)
    level = chance.normal(size=ROWS)
    features = pd.DataFrame(
        {
            "last_week": np.clip(0.5 + 0.2 * level, 0, 1),
            "yesterday": level + chance.normal(scale=0.3, size=ROWS),
            "hour [h]": np.tile(np.arange(24.0), ROWS // 24),
            "flag": 1.0,
            "never_known": np.nan,
        }
    )
    features.loc[::17, "yesterday"] = np.nan
    noisy = level + chance.normal(scale=0.2, size=ROWS)
    return features, (5 + noisy if task == "forecast" else (noisy > 0).astype(float))


def fitted(family: str, task: Task, *, baseline: str | None = "last_week", weight: np.ndarray | None = None) -> Model:
    model = make_model(family, SMALL.get(family, {}), task=task, baseline=baseline, seed=3)
    model.fit(*features_and_target(task), weight)
    return model


@cache
def answering(family: str, task: Task) -> Model:
    """Fitted once for all tests that only ask it."""
    return fitted(family, task)


def saved_bytes(model: Model, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    model.save(folder)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
