"""Slices watched live: what each loses against the backtest of the same slice, and which of them depart beyond chance.

Hours of one day are not independent, and neither are days in a row: what is resampled are blocks of whole origins. All
slices are judged together, by the distribution of the largest deviation among them, so that looking at eighty of them
costs no false alarms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_code.evidence import SliceEvidence
from model_code.slices import KEYS, Normal, SliceProfile, labels
from model_code.specification import UseCaseSpec

LATEST = 42  # origins: six weeks of days, so that each weekday is there six times
LEAST = 5  # origins with rows of a slice before it is judged
BLOCK = 7  # origins that are resampled together
RESAMPLES = 2_000
LEVEL = 0.01  # chance that any slice departs at one look by chance alone
Floats = NDArray[np.float64]
Slice = tuple[str, str, NDArray[np.bool_], Normal]  # dimension, value, its rows (n,), what is normal


@dataclass(frozen=True)
class Answered:
    """Rows to cut: the champion's, and what others would have answered to the same.

    Attributes:
        rows: origin, entity, time, loss, error; only where the truth is known.
        columns: The columns that the use case's `slices` name, same order as `rows`.
        others: `previous`, `baseline` -> loss of each row (n,), NaN where it was not replayed.
    """

    rows: pd.DataFrame
    columns: pd.DataFrame
    others: Mapping[str, Floats]


@dataclass(frozen=True)
class Sums:
    """Loss and expected loss of each origin (n) inside and outside of each slice (k); arrays (n, k)."""

    loss_in: Floats
    expected_in: Floats
    loss_out: Floats
    expected_out: Floats


def slice_evidence(answered: Answered, profile: SliceProfile, spec: UseCaseSpec) -> tuple[SliceEvidence, ...]:
    """Every slice with rows, by dimension and value.

    Those depart that lose more over what is to be expected of them than the rest of the rows, beyond chance, and more than
    `ratio_breach` times as much: a spell that is hard for all rows makes no slice depart.
    """
    if answered.rows.empty:
        return ()
    cut = labels(answered.rows, answered.columns, profile.bands, spec)
    slices = [
        (dimension, str(value), np.asarray(part == value), profile.expected(dimension, str(value)))
        for dimension, part in cut.items()
        for value in sorted(part.dropna().unique())
    ]
    if not slices:
        return ()
    where = np.unique(answered.rows["origin"].to_numpy(), return_inverse=True)[1]
    expected = {dimension: _expected(slices, dimension, len(where)) for dimension in cut}
    loss = answered.rows["loss"].to_numpy(float)
    parts = [(mask, expected[dimension]) for dimension, _, mask, _ in slices]
    sums = Sums(
        _sums(where, [np.where(mask, loss, 0.0) for mask, _ in parts]),
        _sums(where, [np.where(mask, of, 0.0) for mask, of in parts]),
        _sums(where, [np.where(mask, 0.0, loss) for mask, _ in parts]),
        _sums(where, [np.where(mask, 0.0, of) for mask, of in parts]),
    )
    found = departing(sums, np.array([normal.error for *_, normal in slices]), spec)
    return tuple(
        _told(dimension, value, answered, mask, normal.loss, where, bool(departs))
        for (dimension, value, mask, normal), departs in zip(slices, found, strict=True)
    )


def departing(sums: Sums, errors: Floats, spec: UseCaseSpec) -> NDArray[np.bool_]:
    """Which slices depart (k,).

    Args:
        sums: By origin and slice.
        errors: Relative standard error of each slice's expected loss (k,).
        spec: Its seed and `policy.ratio_breach`.
    """
    size = len(sums.loss_in)
    seen = _excess(np.ones((1, size)), sums)[0]
    drawn = _excess(_blocks(size, spec.seed), sums)
    moved = np.where(np.isfinite(drawn), drawn - seen, 0.0)
    spread = np.maximum(moved.std(axis=0), 1e-9)
    judged: NDArray[np.bool_] = np.isfinite(seen) & ((sums.expected_in > 0).sum(axis=0) >= LEAST)
    if not judged.any():
        return judged
    chance = (moved / spread)[:, judged].max(axis=1)
    limit = max(float(np.quantile(chance, 1 - LEVEL)), 0.0) * _few_blocks(size)
    statistic = np.where(judged, seen, 0.0) / np.hypot(spread, errors)
    return np.asarray(judged & (statistic > limit) & (np.where(judged, seen, 0.0) > np.log(spec.policy.ratio_breach)))


def _excess(weights: Floats, sums: Sums) -> Floats:
    """Log of live over expected loss inside over the same outside, for each draw of origins and slice; NaN where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = (weights @ sums.loss_in) / (weights @ sums.expected_in)
        outside = (weights @ sums.loss_out) / (weights @ sums.expected_out)
        excess = np.log(inside) - np.log(outside)
    return np.asarray(np.where(np.isfinite(excess), excess, np.nan))


def _few_blocks(size: int) -> float:
    """How much further out Student's tail is than the normal one: a spread told by six blocks is itself uncertain.

    By the expansion of its quantile in one over the degrees of freedom (Abramowitz and Stegun, 26.7.5).
    """
    z, free = NormalDist().inv_cdf(1 - LEVEL), max(1, size // _length(size) - 1)
    terms = ((z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384)
    wider: float = sum(term / free**power for power, term in enumerate(terms, start=1))
    return 1 + wider / z


def _length(size: int) -> int:
    """Origins of a block: at least three blocks have to fit."""
    return min(BLOCK, max(1, size // 3))


def latest(scored: pd.DataFrame) -> pd.DataFrame:
    """The rows of the latest origins whose truth is known."""
    told = scored[np.isfinite(scored["loss"].to_numpy(float))]
    origins = np.sort(told["origin"].unique())[-LATEST:]
    return pd.DataFrame(told[told["origin"].isin(origins)]).reset_index(drop=True)


def aligned(rows: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """The columns of `others` for each of `rows`, joined by origin, entity and time; NaN where there is none."""
    joined = rows[KEYS].merge(others, on=KEYS, how="left", validate="one_to_one")
    return joined.drop(columns=KEYS)


def _sums(where: NDArray[np.intp], columns: Sequence[Floats]) -> Floats:
    """Sum of each column by origin (n, k)."""
    return np.column_stack([np.bincount(where, weights=column).astype(float) for column in columns])


def _expected(slices: Sequence[Slice], dimension: str, size: int) -> Floats:
    """What one dimension makes one expect of each row (n,); 0 where a row is in none of its slices."""
    expected = np.zeros(size)
    for of, _, mask, normal in slices:
        if of == dimension:
            expected[mask] = normal.loss
    return expected


def _blocks(size: int, seed: int) -> Floats:
    """How often each origin is drawn (resamples, n) when circular blocks of origins are."""
    chance, length = np.random.default_rng(seed), _length(size)
    starts = chance.integers(0, size, (RESAMPLES, -(-size // length)))
    drawn = ((starts[:, :, None] + np.arange(length)) % size).reshape(RESAMPLES, -1)[:, :size]
    weights = np.zeros((RESAMPLES, size))
    np.add.at(weights, (np.arange(RESAMPLES)[:, None], drawn), 1.0)
    return weights


def _told(
    dimension: str,
    value: str,
    answered: Answered,
    mask: NDArray[np.bool_],
    expected: float,
    where: NDArray[np.intp],
    departs: bool,
) -> SliceEvidence:
    others = {f"{name}_loss": _known_mean(losses[mask]) for name, losses in answered.others.items()}
    rows = answered.rows[mask]
    return SliceEvidence(
        dimension=dimension,
        value=value,
        loss=float(rows["loss"].mean()),
        expected_loss=expected,
        bias=float(rows["error"].mean()),
        origins=len(np.unique(where[mask])),
        departs=departs,
        **others,
    )


def _known_mean(losses: Floats) -> float | None:
    return float(losses.mean()) if len(losses) and np.isfinite(losses).all() else None
