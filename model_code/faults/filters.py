"""Matched filters: how much of a shift of the level, of the amplitude or of the clock is in the latest days.

Each kind of change has a known shape over the hours of a day: that of the entity's own days of the month before. Weighing the
hours by the inverse of what their innovations usually do together (generalised least squares) asks each hour for what it can
tell: a night hour tells a level that the afternoon's air conditioning hides. The days are weighed likewise (`steps.py`).
"""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from model_code.arrays import Array
from model_code.faults.innovation import foretell, innovations, means
from model_code.faults.steps import REACH, sized, step_weights, stretches
from model_code.faults.thresholds import Kind

KINDS: tuple[Kind, ...] = ("level", "scale", "clock")
SHRUNK = (
    0.1  # towards equal and independent hours, beyond Ledoit and Wolf's share: windows overlap, they are fewer than they look
)
WILD = 4.0  # robust standard deviations at which a window stops counting for the covariance
EVERY = 3  # windows that begin a day apart are nearly the same: every third is enough for the covariance
MIN_WINDOWS = 90
RECENT = 28  # days before a window whose mean is the shape of its days: a July day is no January day
TYPICAL = 365  # latest days whose median is the shape where those are unknown
HEARD = 3.0  # a day counts up to so many of its usual sizes
FLAT = 1e-6  # no shape at all
TAIL, NORMAL_TAIL = 0.95, 1.96  # where tails are wider than the normal distribution's, they are the yardstick


class StepFilter(BaseModel):
    """One kind of change in one window.

    Attributes:
        days: (63,) weights of the days, oldest first; their product with a day's size each is a standard score.
        limit: A day counts up to this size.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    days: Array
    limit: float = Field(gt=0)


class Filter(BaseModel):
    """One window of one entity.

    Attributes:
        hours: (S, S) inverse of the covariance of the times of a day.
        typical: (S,) a typical day, in the column's unit.
        kinds: Those that have a shape and enough history.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    hours: Array
    typical: Array
    kinds: dict[Kind, StepFilter]

    def scores(self, heard: np.ndarray, values: np.ndarray, window: int, transform: str) -> dict[Kind, np.ndarray]:
        """Kind -> standard scores (D,) of the windows that end with each day; NaN where too little is known.

        Args:
            heard: (D, S) clipped remainders.
            values: (D, S) the column's values.
            window: Days.
            transform: `log` or `plain`.
        """
        stretch, found = stretches(heard), {}
        for kind, shape in shapes(values, self.typical, window, transform).items():
            if kind in self.kinds:
                step = self.kinds[kind]
                daily = np.clip(_projected(stretch, weighed(shape, self.hours)), -step.limit, step.limit)
                found[kind] = sized(daily, step.days, window)
        return found

    def told(self, kind: Kind, window: int, transform: str) -> float:
        """Standard scores that a change by the whole makes on typical days; 0 where there is none or where changes are no shares."""
        if kind not in self.kinds or transform != "log":
            return 0.0
        shape = templates(self.typical, transform)[kind]
        return float(np.sqrt(shape @ self.hours @ shape) * self.kinds[kind].days[-window:].sum())


def learn_filter(heard: np.ndarray, values: np.ndarray, window: int, transform: str) -> Filter | None:
    """Learn from normal times; None where too little is known.

    Args:
        heard: (D, S) clipped remainders that the normal day was not fitted on.
        values: (D, S) the column's values.
        window: Days.
        transform: `log` or `plain`.
    """
    windows = innovations(heard, window, foretell(heard, window))
    known = windows[np.isfinite(windows).all(axis=1)]
    if len(known) < MIN_WINDOWS:
        return None
    hours, typical = np.linalg.inv(_covariance(known)), np.nanmedian(values[-TYPICAL:], axis=0)
    told = shapes(values, typical, window, transform)
    found = {kind: _learn_step(heard, weighed(shape, hours), window) for kind, shape in told.items()}
    return Filter(hours=hours, typical=typical, kinds={kind: one for kind, one in found.items() if one is not None})


def templates(profile: np.ndarray, transform: str) -> dict[Kind, np.ndarray]:
    """How each kind of change looks over the day, on the scale that is judged (..., S).

    Args:
        profile: Days (..., S), in the column's unit.
        transform: `log` or `plain`.
    """
    mean = profile.mean(axis=-1, keepdims=True)
    shape = np.log(profile) if transform == "log" else profile
    slope = (np.roll(shape, -1, axis=-1) - np.roll(shape, 1, axis=-1)) / 2
    scale = (profile - mean) / profile if transform == "log" else profile - mean
    return {"level": np.ones(profile.shape), "scale": scale, "clock": -slope}


def shapes(values: np.ndarray, typical: np.ndarray, window: int, transform: str) -> dict[Kind, np.ndarray]:
    """The templates (D, S) of each day's window, by the days before it; the typical day's where those are unknown."""
    before = means(values, window, window + RECENT)
    usable = np.isfinite(before).all(axis=1, keepdims=True) & ((before > 0).all(axis=1, keepdims=True) | (transform == "plain"))
    return templates(np.where(usable, before, typical), transform)


def weighed(shape: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """Weights of the hours (D, S) whose product with a day is the size of the shape in it, in standard deviations; NaN: no shape."""
    pulled = shape @ hours
    size = np.sqrt(np.maximum((pulled * shape).sum(axis=1, keepdims=True), 0.0))
    there = (np.abs(shape).max(axis=1, keepdims=True) > FLAT) & (size > 0)
    return np.asarray(np.where(there, pulled / np.where(there, size, 1.0), np.nan))


def _learn_step(heard: np.ndarray, weights: np.ndarray, window: int) -> StepFilter | None:
    daily = (heard * weights).sum(axis=1)
    known = np.abs(daily[np.isfinite(daily)])
    limit = HEARD * 1.4826 * float(np.median(known)) if len(known) else 0.0
    if not limit > 0:
        return None
    days = step_weights(np.clip(daily, -limit, limit), window)
    if days is None:
        return None
    stretch = np.clip(_projected(stretches(heard)[REACH - 1 :: 2], weights[REACH - 1 :: 2]), -limit, limit)
    sizes = np.abs(sized(stretch, days, window))
    sizes = sizes[np.isfinite(sizes)]
    usual = max(1.4826 * float(np.median(sizes)), float(np.quantile(sizes, TAIL)) / NORMAL_TAIL) if len(sizes) else 0.0
    return StepFilter(days=days / usual, limit=limit) if usual > 0 else None


def _projected(stretch: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("nds,ns->nd", stretch, weights))


def _covariance(windows: np.ndarray) -> np.ndarray:
    from sklearn.covariance import ledoit_wolf  # imported here: learning only

    size = 1.4826 * np.median(np.abs(windows), axis=0) + 1e-12
    found, _ = ledoit_wolf(np.clip(windows / size, -WILD, WILD)[::EVERY], assume_centered=True)
    round_one = np.eye(len(size)) * np.trace(found) / len(size)
    return np.asarray(((1 - SHRUNK) * found + SHRUNK * round_one) * np.outer(size, size))
