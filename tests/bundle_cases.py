"""Small real bundles for tests: a use case in a folder, a fitted model, and a way to seal an altered bundle again."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_code.bundle import BundleContents, BundleRef, Inputs
from model_code.calibration import Calibration
from model_code.canonical import canonical_json
from model_code.models import Task, make_model
from model_code.usecase import UseCase, read_spec

STEPS = 6
FEATURES = '''"""Features of the little use case."""

VERSION = "{version}"


def build(known, origin, rows, spec):
    return rows
'''
SPEC = """
name: little
title: A little use case
task: {task}
entities: [a]
feeds:
  load:
    source: {{kind: files, path: data, columns: {{load: load}}}}
    columns: {{load: {{unit: GW}}}}
target: {{feed: load, column: load, unit: GW}}
horizon: {{steps: 6, step: PT1H}}
baseline: yesterday
"""


def little_usecase(folder: Path, task: Task = "forecast", version: str = "one") -> UseCase:
    """A use case on disk; another version has other feature code."""
    place = folder / "little"
    place.mkdir(parents=True, exist_ok=True)
    (place / "usecase.yaml").write_text(SPEC.format(task=task))
    (place / "features.py").write_text(FEATURES.format(version=version))
    return UseCase(read_spec(place / "usecase.yaml"), place)


def little_data(task: Task = "forecast", rows: int = 120) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Features, target and lead times; some features are not known."""
    chance = np.random.default_rng(11)
    load = 5 + chance.normal(size=rows)
    features = pd.DataFrame({"yesterday": load + chance.normal(scale=0.2, size=rows), "hour": np.arange(rows) % 24.0})
    features.loc[3, "yesterday"] = np.nan
    if task == "classification":
        features["yesterday"] = features["yesterday"] / 10
        return features, (load > 5).astype(float), np.arange(rows) % STEPS
    return features, load, np.arange(rows) % STEPS


def little_contents(
    folder: Path, family: str = "ridge", task: Task = "forecast", *, seed: int = 1, **changed: Any
) -> BundleContents:
    """Contents of a bundle; `changed` replaces fields."""
    usecase = little_usecase(folder, task)
    features, target, lead = little_data(task)
    parameters = {"n_estimators": 8} if family in {"xgboost", "lightgbm", "forest"} else {}
    parameters = {"units": 4, "epochs": 20} if family == "lstm" else parameters
    model = make_model(family, parameters, task=task, baseline=usecase.spec.baseline, seed=seed)
    model.fit(features, target)
    calibration = Calibration.none()
    if task == "forecast":
        value = model.predict(features)
        calibration = Calibration.fit(usecase.spec.interval, lead, target - value, value)
    fields: dict[str, Any] = {
        "usecase": usecase,
        "model": model,
        "feature_columns": list(features.columns),
        "calibration": calibration,
        "profile": {"loss": 0.1 + 0.2, "unit": "GW"},
        "lineage": {"load": 3},
        "trained_until": datetime(2024, 7, 1, tzinfo=UTC),
        "seed": seed,
        "golden_features": features[:5],
        "golden_lead": lead[:5],
        "inputs": Inputs.of(features),
        "training_parameters": {"family": family, "parameters": parameters, "half_life_days": None},
    }
    return BundleContents(**{**fields, **changed})


def sealed(ref: BundleRef, alter: Callable[[Path], None], **manifest: Any) -> str:
    """Alter a bundle's files and seal it again, as a careful forger would; the new hash.

    Args:
        manifest: Fields of the manifest to replace after the hashes were corrected.
    """
    alter(ref.path)
    content = json.loads((ref.path / "manifest.json").read_bytes())
    content["files"] = {
        path.relative_to(ref.path).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in ref.path.rglob("*")
        if path.is_file() and path != ref.path / "manifest.json"
    }
    written = canonical_json({**content, "features_version": content["files"]["features.py"], **manifest})
    (ref.path / "manifest.json").write_bytes(written)
    new_hash = hashlib.sha256(written).hexdigest()
    ref.path.rename(ref.path.with_name(new_hash))
    return new_hash


def edit_json(path: Path, change: Callable[[Any], Any]) -> None:
    """Replace a JSON file's content."""
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
