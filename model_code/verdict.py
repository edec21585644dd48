"""Is the challenger better than the champion? Both scored on the same forecast origins, in pairs; pure."""

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict
from scipy.special import stdtrit  # type: ignore[import-untyped]

from model_code.specification import Promotion

MAX_AUTOCORRELATION = 0.9


class PairedVerdict(BaseModel):
    """What the pairs say; all gains are relative to the champion's mean loss (0.1: a tenth lower).

    Attributes:
        better: Whether the challenger may replace the champion.
        gain: Mean gain; NaN when there was nothing to compare.
        low: One-sided lower bound of the gain at the wanted confidence.
        high: One-sided upper bound.
        n: Pairs that were compared.
        reason: Why, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    better: bool
    gain: float
    low: float
    high: float
    n: int
    reason: str


def paired_verdict(champion_losses: ArrayLike | None, challenger_losses: ArrayLike, spec: Promotion) -> PairedVerdict:
    """Compare two models by their losses on the same origins.

    The interval is Student's, on the mean of the paired differences. Losses of neighbouring origins
    resemble each other, so the standard error is widened by sqrt((1 + r) / (1 - r)) with r their lag-1
    autocorrelation (a negative r narrows nothing). A pair without the champion's loss is left out;
    a challenger without a loss where the champion has one has failed there, and is not better.

    Args:
        champion_losses: One loss for each origin, in the order of time, shape (n,); None without a champion.
        challenger_losses: The challenger's on the same origins, shape (n,).
        spec: Least pairs, confidence and gain.

    Raises:
        ValueError: Different lengths, or (as Series) different indices: not the same origins.

    Example:
        >>> paired_verdict([5.0, 6.0, 5.5, 6.5], [4.0, 4.9, 4.6, 5.5], Promotion()).better
        True
    """
    if champion_losses is None:
        return _without_pairs("there is no champion", better=True)
    champion, challenger = _aligned(champion_losses, challenger_losses)
    known = np.isfinite(champion)
    failed = int((known & ~np.isfinite(challenger)).sum())
    if failed:
        return _without_pairs(f"the challenger has no loss on {failed} origins where the champion has one")
    champion, challenger = champion[known], challenger[known]
    n = len(champion)
    if n < spec.min_origins:
        return _without_pairs(f"{n} paired origins are fewer than {spec.min_origins}", n=n)
    level = float(champion.mean())
    if level <= 0:
        return _without_pairs("the champion's loss cannot be lowered", n=n)
    return _judged((champion - challenger) / level, spec)


def _judged(gains: NDArray[np.float64], spec: Promotion) -> PairedVerdict:
    n = len(gains)
    gain = float(gains.mean())
    margin = float(stdtrit(n - 1, spec.confidence)) * _standard_error(gains)
    low, high = gain - margin, gain + margin
    figures = f"{gain:.1%} lower loss on {n} origins, at least {low:.1%} with {spec.confidence:.0%} confidence"
    if low <= 0:
        return PairedVerdict(better=False, gain=gain, low=low, high=high, n=n, reason=f"not sure to be better: {figures}")
    if gain < spec.min_gain:
        reason = f"better, but by less than {spec.min_gain:.1%}: {figures}"
        return PairedVerdict(better=False, gain=gain, low=low, high=high, n=n, reason=reason)
    return PairedVerdict(better=True, gain=gain, low=low, high=high, n=n, reason=f"better: {figures}")


def _standard_error(values: NDArray[np.float64]) -> float:
    centred = values - values.mean()
    total = float((centred**2).sum())
    if total == 0:
        return 0.0
    r = float(np.clip((centred[1:] * centred[:-1]).sum() / total, 0, MAX_AUTOCORRELATION))
    return math.sqrt(total / (len(values) - 1) / len(values) * (1 + r) / (1 - r))


def _aligned(champion: ArrayLike, challenger: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if isinstance(champion, pd.Series) and isinstance(challenger, pd.Series) and not champion.index.equals(challenger.index):
        raise ValueError("the losses are not of the same origins: their indices differ")
    first, second = np.asarray(champion, dtype=np.float64), np.asarray(challenger, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"the losses are not of the same origins: shapes {first.shape} and {second.shape}")
    return first, second


def _without_pairs(reason: str, *, better: bool = False, n: int = 0) -> PairedVerdict:
    return PairedVerdict(better=better, gain=math.nan, low=math.nan, high=math.nan, n=n, reason=reason)
