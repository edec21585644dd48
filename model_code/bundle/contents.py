"""What goes into a bundle, and what comes back once it is written."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model_code.bundle.inputs import Inputs
from model_code.calibration import Calibration
from model_code.models import Model
from model_code.usecase import UseCase

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class BundleContents:
    """A fitted model with all that its answers rest on.

    Attributes:
        feature_columns: The columns that the model was fitted on, in order.
        calibration: `Calibration.none()` for a classification.
        profile: What is normal for this model; JSON without NaN.
        lineage: Feed -> version of its table that the model was trained on.
        trained_until: Nothing known later was used (aware).
        golden_features: A few rows (1 to 64), and
        golden_lead: their lead times (n,) in steps.
        inputs: `Inputs.of(features)` of the training rows.
        training_parameters: The candidate that was trained; JSON.
    """

    usecase: UseCase
    model: Model
    feature_columns: list[str]
    calibration: Calibration
    profile: dict[str, Any]
    lineage: dict[str, int]
    trained_until: datetime
    seed: int
    golden_features: "pd.DataFrame"
    golden_lead: np.ndarray
    inputs: Inputs
    training_parameters: dict[str, Any]


@dataclass(frozen=True)
class BundleRef:
    """A written bundle: its hash, and the folder of that name."""

    hash: str
    path: Path
