"""What a caller may give for each feature: the schema of a bundle's inputs, and the check against it."""

import math
from operator import gt, lt
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from model_code.errors import InvalidRequest, WrongValue

if TYPE_CHECKING:
    import pandas as pd


class InputColumn(BaseModel):
    """One feature. Every family answers where a value is not known, so each of them is nullable."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    type: Literal["number"] = "number"
    nullable: Literal[True] = True
    minimum: float | None = Field(description="Smallest value that is believed; null where training never knew one.")
    maximum: float | None = Field(description="Largest value that is believed; null where training never knew one.")


class Inputs(BaseModel):
    """`inputs.json`: the feature columns in the model's order, each with the range that is believed.

    A range is that of the training rows, widened by its own width on each side (a constant by the larger of itself and
    1): wide enough for extremes that never were, and narrow enough that MW given for GW is noticed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[InputColumn, ...] = Field(min_length=1)

    @classmethod
    def of(cls, features: "pd.DataFrame") -> Self:
        """The schema of these training features: float columns, (n, k), NaN where not known."""
        matrix = features.to_numpy(float)
        return cls(columns=tuple(_column(str(name), values) for name, values in zip(features.columns, matrix.T, strict=True)))

    @property
    def names(self) -> tuple[str, ...]:
        """The feature columns (k,)."""
        return tuple(column.name for column in self.columns)


class Ranges:
    """The check that given values are believable; made once, for one row it costs a few microseconds."""

    def __init__(self, inputs: Inputs) -> None:
        self._names = inputs.names
        self._low = [-math.inf if column.minimum is None else column.minimum for column in inputs.columns]
        self._high = [math.inf if column.maximum is None else column.maximum for column in inputs.columns]
        self._bounds = np.array([self._low, self._high])

    def check(self, matrix: np.ndarray) -> None:
        """Refuse rows (n, k) with a value out of its column's range; NaN (not known) is always allowed.

        Raises:
            WrongValue: Names the column, the row (the first is 0), the value and the range.
            InvalidRequest: The rows have another shape.
        """
        if matrix.ndim != 2 or matrix.shape[1] != len(self._names):
            raise InvalidRequest(f"rows of shape {matrix.shape}", hint=f"(n, {len(self._names)})")
        if len(matrix) == 1:
            row = matrix[0].tolist()
            if not (any(map(lt, row, self._low)) or any(map(gt, row, self._high))):
                return
        outside = (matrix < self._bounds[0]) | (matrix > self._bounds[1])
        if outside.any():
            row, column = (int(place) for place in np.argwhere(outside)[0])
            raise self._refused(row, column, float(matrix[row, column]))

    def _refused(self, row: int, column: int, value: float) -> WrongValue:
        return WrongValue(
            f"feature {self._names[column]} is {value:g}, out of {self._low[column]:g} to {self._high[column]:g}",
            row=row,
            field=self._names[column],
            hint="in which unit was the model trained? a value that is not known is null",
        )


def _column(name: str, values: np.ndarray) -> InputColumn:
    known = values[~np.isnan(values)]
    if not len(known):
        return InputColumn(name=name, minimum=None, maximum=None)
    low, high = float(known.min()), float(known.max())
    margin = high - low or max(abs(low), 1.0)
    return InputColumn(name=name, minimum=low - margin, maximum=high + margin)
