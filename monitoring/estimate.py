"""How good the forecasts probably are whose truth has not come yet, and how good such estimates were once it came.

An origin without truth is judged by what is known of it: how wide its intervals are against those of the scored origins,
how the newest scored origins did (a spell goes on for days), and how far their level was out of the ordinary. How much each
counts is learnt from the champion's own scored origins, drawn towards a cautious prior while they are few.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LATEST = 3  # scored origins that tell of the present spell
LEAST = 3  # scored origins before anything is estimated
LEARNT = 90  # latest scored origins that weights are learnt from
PRIOR = np.array([0.2, 0.3, 0.0])  # how much spell, width and level count before anything is learnt
CERTAINTY = 60.0  # origins that the prior weighs
BOUND = 1.6  # log: an estimate is between a fifth of and five times what is to be expected


@dataclass(frozen=True)
class Estimate:
    """What is estimated, and what such estimates were worth.

    Attributes:
        ratio: Mean live over expected loss of the origins that wait for truth; None where none waits or too little is known.
        error: Mean distance of the estimates that would have been made of the scored origins from what came, as a
            logarithm (0.4: off by a factor of 1.5); None before there are any.
        usual_error: The same of always estimating what is to be expected (a ratio of 1).
    """

    ratio: float | None = None
    error: float | None = None
    usual_error: float | None = None


def estimate(scored: pd.DataFrame, waiting: pd.DataFrame) -> Estimate:
    """The estimate for one series.

    Args:
        scored: ratio, width (mean interval width; NaN without intervals), level_z of each scored origin, oldest first.
        waiting: width of each origin that was answered and has no truth, oldest first.
    """
    late = max(1, len(waiting))  # so many origins are without truth when an estimate is made
    told = _Scored.of(scored.tail(LEARNT))
    ratios, waits = told.ratios, waiting["width"].to_numpy(float)
    seen = [_signs(told, max(0, at - late + 1), told.widths[at]) for at in range(len(ratios))]
    guesses, past = [], range(LEAST + late - 1, len(ratios))
    for at in past:
        known = range(LEAST + late - 1, at - late + 1)
        guesses.append(_guess(_weights([seen[i] for i in known], ratios[list(known)]), seen[at]))
    error, usual = (_error(np.array(told_), ratios[list(past)]) for told_ in (guesses, [0.0] * len(guesses)))
    if len(ratios) < LEAST or not len(waits):
        return Estimate(None, error, usual)
    weights = _weights([seen[i] for i in past], ratios[list(past)])
    estimates = [_guess(weights, _signs(told, len(ratios), width)) for width in waits]
    return Estimate(float(np.exp(estimates).mean()), error, usual)


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """The mean over series of what is known."""
    return Estimate(*(_mean([getattr(each, name) for each in estimates]) for name in ("ratio", "error", "usual_error")))


def _mean(values: Sequence[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return sum(told) / len(told) if told else None


@dataclass(frozen=True)
class _Scored:
    """Scored origins as arrays (n,): log of the ratio, interval width, distance of the level from the ordinary."""

    ratios: Floats
    widths: Floats
    levels: Floats

    @classmethod
    def of(cls, table: pd.DataFrame) -> "_Scored":
        ratios, widths, levels = (table[name].to_numpy(float) for name in ("ratio", "width", "level_z"))
        return cls(np.log(np.maximum(ratios, 1e-3)), widths, np.abs(levels))


def _signs(scored: _Scored, known: int, width: float) -> Floats:
    """What the first `known` scored origins tell of one with that width: spell, width, level (3,); 0 where nothing is."""
    if known < LEAST:
        return np.zeros(3)
    latest = slice(known - LATEST, known)
    widths = scored.widths[:known]
    widths = widths[np.isfinite(widths)]
    usual = float(np.median(widths)) if len(widths) else 0.0
    wider = np.log(width / usual) if np.isfinite(width) and width > 0 and usual > 0 else 0.0
    return np.array([scored.ratios[latest].mean(), wider, scored.levels[latest].mean()])


def _weights(signs: list[Floats], ratios: Floats) -> Floats:
    """Ridge towards the prior, with an intercept (4,)."""
    if not signs:
        return np.append(PRIOR, 0.0)
    inputs = np.column_stack([np.array(signs), np.ones(len(signs))])
    prior = np.append(PRIOR, 0.0)
    penalty = np.diag([CERTAINTY * 0.2] * 3 + [CERTAINTY])
    solved = np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ (ratios - inputs @ prior))
    return np.asarray(prior + solved)


def _guess(weights: Floats, signs: Floats) -> float:
    return float(np.clip(weights @ np.append(signs, 1.0), -BOUND, BOUND))


def _error(guesses: Floats, ratios: Floats) -> float | None:
    if not len(guesses):
        return None
    return float(np.mean(np.abs(guesses - ratios)))
