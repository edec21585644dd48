"""A model's answers with their intervals: checked on the way in and on the way out."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from model_code.calibration import Calibration
from model_code.errors import BundleError, InvalidRequest
from model_code.models import Model
from model_code.usecase import UseCaseSpec


@dataclass(frozen=True)
class Predicted:
    """Answers, each array (n,), float64, in the target's unit; P(positive) and no interval (NaN) for a classification."""

    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def answer(spec: UseCaseSpec, model: Model, calibration: Calibration, features: pd.DataFrame, lead: np.ndarray) -> Predicted:
    """Predict each row.

    Args:
        features: Float columns (n, k), NaN where not known.
        lead: (n,) lead time in steps, the first is 0.

    Raises:
        InvalidRequest: A feature column is missing, unknown or infinite; a lead time is no step of the horizon.
        BundleError: The model gave what cannot be an answer.
    """
    lead, steps = np.asarray(lead), spec.horizon.steps
    if lead.shape != (len(features),) or not np.issubdtype(lead.dtype, np.integer):
        raise InvalidRequest(f"lead is {lead.dtype} of shape {lead.shape}", hint=f"{len(features)} whole numbers of steps")
    if len(lead) and not 0 <= lead.min() <= lead.max() < steps:
        raise InvalidRequest(f"lead from {lead.min()} to {lead.max()}", hint=f"steps are 0 to {steps - 1}")
    value = model.predict(features)
    if value.shape != lead.shape or not np.isfinite(value).all():
        raise BundleError(f"the {model.family} model answered with missing or infinite values", hint="roll back")
    if spec.task == "classification" and not ((value >= 0) & (value <= 1)).all():
        raise BundleError(f"the {model.family} model answered with what is no probability", hint="roll back")
    lower, upper = calibration.apply(value, lead)
    if spec.task == "forecast" and not (np.isfinite(lower) & np.isfinite(upper)).all():
        raise BundleError("a forecast without an interval", hint="calibrate it: Calibration.fit")
    return Predicted(value, lower, upper)
