"""Arrays inside frozen models: lists in JSON, float64 in memory."""

from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

DIGITS = 7  # significant digits kept in JSON: a profile stays readable, no judgement hangs on the eighth


def _array(value: Any) -> np.ndarray:
    found = np.asarray(value, dtype=float)
    if not np.isfinite(found).all():
        raise ValueError("an array with a value that is not finite")
    return found


def _listed(value: np.ndarray) -> Any:
    with np.errstate(divide="ignore"):
        size = np.where(value == 0, 0, np.floor(np.log10(np.abs(value))))
    unit = 10.0 ** (DIGITS - 1 - size)
    return (np.round(value * unit) / unit).tolist()


Array = Annotated[np.ndarray, BeforeValidator(_array), PlainSerializer(_listed), WithJsonSchema({"type": "array", "items": {}})]
