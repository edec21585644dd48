"""Matched filters: how much of a shift of the level, of the amplitude or of the clock is in a window's innovation.

Each kind of change has a known shape over the hours of a day. Weighing the hours by the inverse of what their innovations
usually do together (generalised least squares) asks each hour for what it can tell: a night hour tells a level that the
afternoon's air conditioning hides.
"""

from typing import Literal

import numpy as np

Kind = Literal["level", "scale", "clock"]
KINDS: tuple[Kind, ...] = ("level", "scale", "clock")
SHRUNK = (
    0.1  # towards equal and independent hours, beyond Ledoit and Wolf's share: windows overlap, they are fewer than they look
)
WILD = 4.0  # robust standard deviations at which a window stops counting for the covariance
EVERY = 3  # windows that begin a day apart are nearly the same: every third is enough for the covariance
MIN_WINDOWS = 90


def templates(profile: np.ndarray, transform: str) -> dict[Kind, np.ndarray]:
    """How each kind of change looks over the day, on the scale that is judged (S,).

    Args:
        profile: Typical day (S,), in the column's unit.
        transform: `log` or `plain`.
    """
    mean = profile.mean()
    shape = np.log(profile) if transform == "log" else profile
    slope = (np.roll(shape, -1) - np.roll(shape, 1)) / 2
    scale = (profile - mean) / profile if transform == "log" else profile - mean
    return {"level": np.ones(len(profile)), "scale": scale, "clock": -slope}


def matched(windows: np.ndarray, template: np.ndarray) -> np.ndarray | None:
    """The filter (S,) whose product with an innovation is a standard score; None where too little is known, or no such shape.

    Args:
        windows: (D, S) innovations of normal times; rows with NaN are left out.
        template: (S,).
    """
    known = windows[np.isfinite(windows).all(axis=1)]
    if len(known) < MIN_WINDOWS or np.abs(template).max() < 1e-6:
        return None
    weighed = np.linalg.solve(_covariance(known), template)
    usual = 1.4826 * float(np.median(np.abs(known @ weighed)))
    return np.asarray(weighed / usual) if usual > 0 else None


def _covariance(windows: np.ndarray) -> np.ndarray:
    from sklearn.covariance import ledoit_wolf  # imported here: learning only

    size = 1.4826 * np.median(np.abs(windows), axis=0) + 1e-12
    found, _ = ledoit_wolf(np.clip(windows / size, -WILD, WILD)[::EVERY], assume_centered=True)
    round_one = np.eye(len(size)) * np.trace(found) / len(size)
    return np.asarray(((1 - SHRUNK) * found + SHRUNK * round_one) * np.outer(size, size))
