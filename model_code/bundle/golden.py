"""Golden requests: a few rows with the answers that the model gave when the bundle was written."""

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from model_code.bundle.answers import Predicted
from model_code.errors import BundleError

TOLERANCE = 1e-6  # relative: the models answer in single precision
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
    def of(cls, features: pd.DataFrame, lead: np.ndarray, answers: Predicted) -> "Golden":
        """The requests with these answers.

        Raises:
            BundleError: No rows, or too many.
        """
        if not 1 <= len(features) <= MAX_ROWS:
            raise BundleError(f"{len(features)} golden rows", hint=f"give 1 to {MAX_ROWS}")
        return cls(
            columns=tuple(features.columns),
            features=tuple(_nulls(row) for row in features.to_numpy(float)),
            lead=tuple(np.asarray(lead).tolist()),
            value=tuple(answers.value.tolist()),
            lower=_nulls(answers.lower),
            upper=_nulls(answers.upper),
        )

    def requests(self) -> tuple[pd.DataFrame, np.ndarray]:
        """Features (n, k) and lead times (n,)."""
        return pd.DataFrame(list(self.features), columns=list(self.columns), dtype=float), np.array(self.lead, dtype=int)

    def check(self, answers: Predicted) -> None:
        """Compare the answers given now with those given then.

        Raises:
            BundleError: They differ.
        """
        for name in ("value", "lower", "upper"):
            then, now = np.array(getattr(self, name), dtype=float), getattr(answers, name)
            if then.shape != now.shape or not np.allclose(now, then, rtol=TOLERANCE, atol=1e-12, equal_nan=True):
                raise BundleError(
                    f"golden answers differ: {name} should be {then.tolist()}, is {now.tolist()}",
                    hint="the model or a library behind it is not the one that was trained",
                )


def _nulls(values: np.ndarray) -> Numbers:
    return tuple(None if np.isnan(value) else float(value) for value in values)
