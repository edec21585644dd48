"""The model that everybody serves: 500 trees on 20 features, as our bundle, as ONNX and in XGBoost's own format."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from model_code.bundle import BundleContents, BundleRef, Inputs, write_bundle
from model_code.calibration import Calibration
from model_code.models import Model, make_model
from model_code.settings import Settings
from model_code.usecase import load_usecase

USECASE = "bench"
USECASES = Path(__file__).parent / "usecase"
TREES, DEPTH, FEATURES, ROWS = 500, 6, 20, 8_000
COLUMNS = [f"f{number:02}" for number in range(FEATURES)]
TRAINED_UNTIL = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Trained:
    """Where the model lies.

    Attributes:
        bundle: Ours, in the bundle store `bundles`.
        other: A second bundle, of the same trees on another target, to switch to; None where not asked for.
        peers: Folder with `model.onnx` and `model.ubj`, for everybody else.
        rows: Rows (n, 20) to ask with, float64.
        values: What the native model answers to them (n,).
    """

    bundles: Path
    bundle: BundleRef
    other: BundleRef | None
    peers: Path
    rows: np.ndarray
    values: np.ndarray

    @property
    def second(self) -> BundleRef:
        """The bundle to switch to.

        Raises:
            ValueError: Only one was made.
        """
        if self.other is None:
            raise ValueError("only one bundle was made: train(…, twice=True)")
        return self.other


def rows_of(number: int, seed: int = 0) -> np.ndarray:
    """Features (number, 20): what single precision can hold, so that every server computes with the same numbers."""
    drawn = np.random.default_rng(seed).normal(size=(number, FEATURES))
    return drawn.round(3).astype(np.float32).astype(np.float64)


def train(folder: Path, *, twice: bool = False) -> Trained:
    """Fit the model and write it in every format below `folder`.

    Args:
        folder: A folder of this run.
        twice: Also make a bundle to switch to.
    """
    bundles, peers = folder / "bundles", folder / "peers"
    peers.mkdir(parents=True)
    rows = rows_of(ROWS)
    model, bundle = _bundle(bundles, rows, seed=0)
    shutil.copy(bundle.path / "model" / "booster.ubj", peers / "model.ubj")
    (peers / "model.onnx").write_bytes(_onnx(bundle.path))
    other = _bundle(bundles, rows, seed=1)[1] if twice else None
    return Trained(bundles, bundle, other, peers, rows, model.predict_matrix(rows))


def _bundle(bundles: Path, rows: np.ndarray, seed: int) -> tuple[Model, BundleRef]:
    noise = np.random.default_rng(seed + 10).normal(0, 0.1, len(rows))
    target = 3 * rows[:, seed] + np.sin(2 * rows[:, 1]) + rows[:, 2] * rows[:, 3] + noise + 100 * seed
    usecase = load_usecase(USECASE, Settings(usecase_path=str(USECASES)))
    features = pd.DataFrame(rows, columns=COLUMNS)
    model = make_model("xgboost", {"n_estimators": TREES, "max_depth": DEPTH}, task="forecast", baseline="f00", seed=seed)
    model.fit(features, target, None)
    value, lead = model.predict(features), np.zeros(len(rows), dtype=int)
    contents = BundleContents(
        usecase=usecase,
        model=model,
        feature_columns=COLUMNS,
        calibration=Calibration.fit(usecase.spec.interval, lead, target - value, value),
        profile={"unit": "MW", "loss": float(np.abs(target - value).mean())},
        lineage={},
        trained_until=TRAINED_UNTIL,
        seed=seed,
        golden_features=features.head(8),
        golden_lead=lead[:8],
        inputs=Inputs.of(features),
        training_parameters={"family": "xgboost"},
    )
    return model, write_bundle(bundles, contents)


def _onnx(bundle: Path) -> bytes:
    """The ONNX file of the bundle: peers serve the very same one."""
    return next(bundle.glob("model/*.onnx")).read_bytes()
