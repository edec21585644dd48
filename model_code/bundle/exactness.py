"""Whether the ONNX form of a model answers as the model itself does; if not, it is left out of the bundle."""

import math
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from model_code.bundle.inputs import Inputs
from model_code.bundle.onnx_model import OnnxModel
from model_code.models import Model

TOLERANCE: Final = 1e-5
ROWS: Final = 4_000
NOT_KNOWN: Final = 0.1  # share of the values


class OnnxCheck(BaseModel):
    """What was found; part of the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kept: bool
    rows: int = Field(description="Rows that were asked of both.")
    difference: float | None = Field(
        description="At most so much do answers differ, see `difference`; a power of ten, so that it is the same on every machine."
    )
    reason: str = Field(description="Why it was left out; empty if it is kept.")


def onnx_of(model: Model, inputs: Inputs, golden: np.ndarray, seed: int) -> tuple[bytes | None, OnnxCheck]:
    """The ONNX form of a model if its answers are the same, and what the comparison found.

    Args:
        golden: Golden rows (n, k), which are among those that are asked.
        seed: For the other rows: anywhere in the believed ranges, a tenth of the values not known.
    """
    content = model.to_onnx()
    if content is None:
        return None, OnnxCheck(kept=False, rows=0, difference=None, reason=f"{model.family} needs none")
    rows = np.concatenate([golden, _rows(inputs, seed)])
    found = difference(
        model.predict_matrix(rows), OnnxModel(content, len(model.columns), model.onnx_call_rows).predict_matrix(rows)
    )
    if found > TOLERANCE:
        reason = f"answers differ by {found:.3g}, more than {TOLERANCE:g}"
        return None, OnnxCheck(kept=False, rows=len(rows), difference=None, reason=reason)
    at_most = 10.0 ** math.ceil(math.log10(max(found, TOLERANCE / 10)))
    return content, OnnxCheck(kept=True, rows=len(rows), difference=at_most, reason="")


def difference(wanted: np.ndarray, found: np.ndarray, size: np.ndarray | None = None) -> float:
    """The largest relative difference of answers (n,); infinite where one is missing.

    It is relative to the wanted answer, or to the typical size of all of them (root mean square) where that is larger: an
    answer that happens to be near 0 is the sum of terms that are not, and as exact as these.

    Args:
        size: What the differences are relative to (n,), where it is not the wanted answers.

    Example:
        >>> round(difference(np.array([1.0, 100.0]), np.array([1.0, 101.0])), 3)
        0.01
    """
    if not len(wanted):
        return 0.0
    size = np.abs(wanted if size is None else size)
    gap = np.abs(found - wanted) / np.maximum(np.maximum(size, np.sqrt(np.mean(size**2))), 1e-300)
    return math.inf if not np.isfinite(gap).all() else float(gap.max())


def _rows(inputs: Inputs, seed: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    low = np.array([-1.0 if column.minimum is None else column.minimum for column in inputs.columns])
    high = np.array([1.0 if column.maximum is None else column.maximum for column in inputs.columns])
    rows = np.asarray(low + (high - low) * chance.random((ROWS, len(low))))
    rows[chance.random(rows.shape) < NOT_KNOWN] = np.nan
    return rows
