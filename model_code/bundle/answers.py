"""A model's answers with their intervals: checked on the way in and on the way out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from model_code.calibration import Bounds, Calibration
from model_code.errors import BundleError, InvalidRequest, WrongValue
from model_code.models.base import LARGEST
from model_code.usecase import UseCaseSpec

PredictMatrix = Callable[[np.ndarray], np.ndarray]
Divide = Callable[[PredictMatrix, np.ndarray], np.ndarray]  # how a model is asked for many rows: in parts, by several threads


@dataclass(frozen=True, slots=True)
class Predicted:
    """Answers, each array (n,), float64, in the target's unit; P(positive) and no interval (NaN) for a classification."""

    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


class Answering:
    """Everything around the model itself, made ready once.

    One row takes a path of plain numbers, because ten array operations on one number cost more than a fast model.
    """

    def __init__(self, spec: UseCaseSpec, family: str, columns: Sequence[str], calibration: Calibration) -> None:
        self._family, self._columns = family, tuple(columns)
        self._steps, self._is_class = spec.horizon.steps, spec.task == "classification"
        self._needs_lead = not self._is_class and self._steps > 1
        self._bounds = Bounds(calibration)
        self._one = (1, len(self._columns))

    def answer(self, predict: PredictMatrix, matrix: np.ndarray, lead: np.ndarray | None) -> Predicted:
        """Predict each row.

        Args:
            predict: The model's `predict_matrix`, or what answers as it does.
            matrix: Float64 (n, k) in the order of the model's columns, NaN where not known.
            lead: (n,) lead time in steps, whole numbers, the first is 0; None where it makes no difference: a
                classification, or a horizon of one step.

        Raises:
            InvalidRequest: A wrong shape; as WrongValue: an infinite feature, or a lead time that is no step of the horizon.
            BundleError: The model gave what cannot be an answer.
        """
        if matrix.ndim != 2 or matrix.shape[1] != len(self._columns) or matrix.dtype != np.float64:
            raise InvalidRequest(f"rows are {matrix.dtype} of shape {matrix.shape}", hint=f"float64 (n, {len(self._columns)})")
        if lead is None:
            if self._needs_lead:
                raise InvalidRequest("rows without their lead time", hint=f"steps are 0 to {self._steps - 1}")
        elif lead.shape != matrix.shape[:1] or lead.dtype.kind not in "iu":
            raise InvalidRequest(f"lead is {lead.dtype} of shape {lead.shape}", hint=f"{len(matrix)} whole numbers of steps")
        return self._answer_one(predict, matrix, lead) if matrix.shape == self._one else self._answer_many(predict, matrix, lead)

    def _answer_one(self, predict: PredictMatrix, matrix: np.ndarray, lead: np.ndarray | None) -> Predicted:
        for number in matrix[0].tolist():
            if number > LARGEST or number < -LARGEST:
                raise self._too_large(matrix)
        step = 0 if lead is None else int(lead[0])
        if not 0 <= step < self._steps:
            raise self._no_step(0, step)
        told = predict(matrix)
        if told.shape != (1,) or not math.isfinite(value := float(told[0])):
            raise self._no_answer("missing or infinite values")
        if self._is_class and not 0 <= value <= 1:
            raise self._no_answer("what is no probability")
        lower, upper = self._bounds.of_one(value, step)
        if not (self._is_class or math.isfinite(upper - lower)):
            raise _no_interval()
        return Predicted(np.array([value]), np.array([lower]), np.array([upper]))

    def _answer_many(self, predict: PredictMatrix, matrix: np.ndarray, lead: np.ndarray | None) -> Predicted:
        if (np.abs(matrix) > LARGEST).any():
            raise self._too_large(matrix)
        lead = np.zeros(len(matrix), dtype=np.int64) if lead is None else lead
        if len(lead) and not 0 <= lead.min() <= lead.max() < self._steps:
            wrong = int(np.flatnonzero((lead < 0) | (lead >= self._steps))[0])
            raise self._no_step(wrong, int(lead[wrong]))
        value = predict(matrix)
        if value.shape != lead.shape or not np.isfinite(value).all():
            raise self._no_answer("missing or infinite values")
        if self._is_class and not ((value >= 0) & (value <= 1)).all():
            raise self._no_answer("what is no probability")
        lower, upper = self._bounds.of_many(value, lead)
        if not (self._is_class or np.isfinite(upper - lower).all()):
            raise _no_interval()
        return Predicted(value, lower, upper)

    def _too_large(self, matrix: np.ndarray) -> WrongValue:
        row, column = (int(place) for place in np.argwhere(np.abs(matrix) > LARGEST)[0])
        name = self._columns[column]
        return WrongValue(f"infinite or too large: feature {name}", row=row, field=name, hint="a value that is not known is NaN")

    def _no_step(self, row: int, step: int) -> WrongValue:
        return WrongValue(f"lead {step} is no step", row=row, field="lead", hint=f"steps are 0 to {self._steps - 1}")

    def _no_answer(self, what: str) -> BundleError:
        return BundleError(f"the {self._family} model answered with {what}", hint="roll back")


def _no_interval() -> BundleError:
    return BundleError("a forecast without an interval", hint="calibrate it: Calibration.fit")
