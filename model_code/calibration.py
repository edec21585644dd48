"""Split-conformal prediction intervals from out-of-sample residuals, by lead time."""

import math
from typing import Self

import numpy as np
from pydantic import Field

from model_code.errors import DataError, InvalidRequest, TooLittleData
from model_code.spec import Spec
from model_code.specification import Interval

POOL_BELOW = 50  # a group with fewer residuals borrows those of its neighbours: quantiles of less wander


class Group(Spec):
    """Lead times that share one calibration: distances of the bounds from the predicted value."""

    lower: float = Field(le=0)
    upper: float = Field(ge=0)
    residuals: int = Field(ge=1, description="How many residuals it rests on, those of pooled neighbours included.")


class Calibration(Spec):
    """Distances of the interval's bounds from the predicted value; both contain the value itself.

    Distances are in the target's unit, or, where `smallest_value` is set, relative to the predicted value:
    whichever gave the better intervals (interval score) on the residuals.
    """

    coverage: float | None = Field(None, gt=0, lt=1)
    group_steps: int = Field(1, ge=1)
    smallest_value: float | None = Field(None, gt=0, description="Predicted values below this one are scaled as if they were it.")
    groups: tuple[Group, ...] = ()

    @classmethod
    def none(cls) -> Self:
        """No interval, for classification: both bounds are NaN."""
        return cls()

    @classmethod
    def fit(cls, interval: Interval, lead_steps: np.ndarray, residual: np.ndarray, value: np.ndarray) -> Self:
        """Calibrate on out-of-sample residuals.

        Args:
            interval: The coverage wanted, and how many steps of lead time share one calibration.
            lead_steps: (n,) lead time of each residual in steps, the first is 0.
            residual: (n,) truth - value, in the target's unit.
            value: (n,) what was predicted, in the target's unit.

        Raises:
            DataError: Lengths differ, or a number is missing or infinite.
            TooLittleData: Fewer residuals than the coverage needs, over all lead times together.
        """
        steps, residual, value = np.asarray(lead_steps), np.asarray(residual, float), np.asarray(value, float)
        if not (steps.shape == residual.shape == value.shape == (len(residual),)):
            raise DataError(f"residuals {residual.shape}, values {value.shape}, lead times {steps.shape}", hint="one of each")
        if not np.isfinite([residual, value]).all() or (len(steps) and steps.min() < 0):
            raise DataError("residuals or values are not finite, or a lead time is negative", hint="drop rows without truth")
        tail = (1 - interval.coverage) / 2
        if not len(residual) or _lower_rank(len(residual), tail) < 1:
            raise TooLittleData(
                f"{len(residual)} residuals for an interval of {interval.coverage:.0%}",
                hint=f"it needs at least {math.ceil(round(1 / tail, 9)) - 1}; score more origins",
            )
        absolute = cls._grouped(interval, steps, residual, value, None)
        if value.min() <= 0:
            return absolute
        relative = cls._grouped(interval, steps, residual, value, float(value.min()))
        return min((absolute, relative), key=lambda each: each._score(steps, residual, value))

    @classmethod
    def _grouped(
        cls, interval: Interval, steps: np.ndarray, residual: np.ndarray, value: np.ndarray, smallest_value: float | None
    ) -> Self:
        scaled = residual / _scale(value, smallest_value)
        group = steps // interval.group_steps
        last = int(group.max())
        tail = (1 - interval.coverage) / 2
        groups = tuple(_group(scaled, np.abs(group - number), tail) for number in range(last + 1))
        return cls(coverage=interval.coverage, group_steps=interval.group_steps, smallest_value=smallest_value, groups=groups)

    def apply(self, value: np.ndarray, lead_steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bound (n,) of each predicted value; see `Bounds.of_many`.

        Raises:
            InvalidRequest: A lead time is negative.
        """
        return Bounds(self).of_many(np.asarray(value, float), np.asarray(lead_steps))

    def _score(self, steps: np.ndarray, residual: np.ndarray, value: np.ndarray) -> float:
        """Mean interval score: width, plus what lies outside weighed by how rare it should be; less is better."""
        assert self.coverage is not None
        lower, upper = self.apply(value, steps)
        truth = value + residual
        outside = np.maximum(lower - truth, 0) + np.maximum(truth - upper, 0)
        return float(np.mean(upper - lower + 2 / (1 - self.coverage) * outside))


class Bounds:
    """A calibration made ready to be applied; a service makes it once for all requests."""

    def __init__(self, calibration: Calibration) -> None:
        self._group_steps, self._smallest = calibration.group_steps, calibration.smallest_value
        self._pairs = [(group.lower, group.upper) for group in calibration.groups]
        self._lower, self._upper = np.array(self._pairs, dtype=float).reshape(-1, 2).T
        self._last = len(self._pairs) - 1

    def of_many(self, value: np.ndarray, lead_steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bound (n,) of each predicted value; a lead time beyond the last group takes the last.

        Raises:
            InvalidRequest: A lead time is negative.
        """
        if self._last < 0:
            return np.full(len(value), np.nan), np.full(len(value), np.nan)
        if len(lead_steps) and lead_steps.min() < 0:
            raise InvalidRequest(f"lead time of {lead_steps.min()} steps", hint="the first step is 0")
        group = np.minimum(lead_steps // self._group_steps, self._last)
        scale = _scale(value, self._smallest)
        return value + scale * self._lower[group], value + scale * self._upper[group]

    def of_one(self, value: float, lead_step: int) -> tuple[float, float]:
        """The same for one value, in plain numbers: ten array operations on one number cost more than its model."""
        if self._last < 0:
            return math.nan, math.nan
        if lead_step < 0:
            raise InvalidRequest(f"lead time of {lead_step} steps", hint="the first step is 0")
        lower, upper = self._pairs[min(lead_step // self._group_steps, self._last)]
        scale = 1.0 if self._smallest is None else max(value, self._smallest)
        return value + scale * lower, value + scale * upper


def _group(scaled: np.ndarray, distance: np.ndarray, tail: float) -> Group:
    """Quantiles of the residuals of one group and of as many neighbours as it takes."""
    wanted = min(max(POOL_BELOW, math.ceil(1 / tail)), len(scaled))
    reach = np.sort(distance)[wanted - 1]
    near = np.sort(scaled[distance <= reach])
    rank = _lower_rank(len(near), tail)
    return Group(lower=min(near[rank - 1], 0.0), upper=max(near[len(near) - rank], 0.0), residuals=len(near))


def _lower_rank(residuals: int, tail: float) -> int:
    """Which smallest residual leaves at most a share of `tail` of new ones below it: split conformal's n + 1 correction."""
    return math.floor(round((residuals + 1) * tail, 9))


def _scale(value: np.ndarray, smallest_value: float | None) -> np.ndarray:
    return np.ones(len(value)) if smallest_value is None else np.maximum(value, smallest_value)
