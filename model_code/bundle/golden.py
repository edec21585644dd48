"""Golden requests: a few rows with the answers that the model gave when the bundle was written."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from model_code.bundle.answers import Predicted
from model_code.bundle.exactness import difference
from model_code.errors import BundleError
from model_code.models.base import check_names

TOLERANCE = 1e-6  # relative: the models answer in single precision; see `exactness.difference`
MAX_ROWS = 64
Numbers = tuple[float | None, ...]


class Golden(BaseModel):
    """`golden.json`; null where a feature is not known, and for the interval of a classification."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    columns: tuple[str, ...]
    features: tuple[Numbers, ...] = Field(min_length=1, max_length=MAX_ROWS)
    lead: tuple[int, ...]
    value: tuple[float, ...]
    lower: Numbers
    upper: Numbers

    @classmethod
    def of(cls, columns: Sequence[str], matrix: np.ndarray, lead: np.ndarray, answers: Predicted) -> "Golden":
        """The requests with these answers.

        Raises:
            BundleError: No rows, or too many.
        """
        if not 1 <= len(matrix) <= MAX_ROWS:
            raise BundleError(f"{len(matrix)} golden rows", hint=f"give 1 to {MAX_ROWS}")
        return cls(
            columns=tuple(columns),
            features=tuple(_nulls(row) for row in matrix),
            lead=tuple(np.asarray(lead).tolist()),
            value=tuple(answers.value.tolist()),
            lower=_nulls(answers.lower),
            upper=_nulls(answers.upper),
        )

    def requests(self, columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, k) in the order of these columns, and lead times (n,).

        Raises:
            InvalidRequest: They are of other columns.
        """
        check_names(self.columns, columns)
        matrix = np.array(self.features, dtype=float).reshape(len(self.features), len(self.columns))
        return matrix[:, [self.columns.index(name) for name in columns]], np.array(self.lead, dtype=int)

    def check(self, answers: Predicted, tolerance: float = TOLERANCE) -> None:
        """Compare the answers given now with those given then; bounds are as exact as the values that they belong to.

        Raises:
            BundleError: They differ.
        """
        value = np.array(self.value, dtype=float)
        for name in ("value", "lower", "upper"):
            then, now = np.array(getattr(self, name), dtype=float), getattr(answers, name)
            if then.shape != now.shape or not _same(then, now, value, tolerance):
                raise BundleError(
                    f"golden answers differ: {name} should be {then.tolist()}, is {now.tolist()}",
                    hint="the model or a library behind it is not the one that was trained",
                )


class RoutedGolden(Golden):
    """`golden.json` of a bundle made of parts: requests for each of its routes, and for the base.

    Attributes:
        entity: What each row is about; null where it is not told.
    """

    entity: tuple[str | None, ...]


def _same(then: np.ndarray, now: np.ndarray, value: np.ndarray, tolerance: float) -> bool:
    told = ~np.isnan(then)
    if not np.array_equal(told, ~np.isnan(now)):
        return False
    return difference(then[told], now[told], value[told]) <= tolerance


def _nulls(values: np.ndarray) -> Numbers:
    return tuple(None if np.isnan(value) else float(value) for value in values)
