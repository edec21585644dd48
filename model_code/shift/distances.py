"""Distances between two columns that were counted against the same edges: PSI, Kolmogorov-Smirnov, Wasserstein."""

import numpy as np

from model_code.shift.tally import Tally

FLOOR = 1e-4  # least share of a group, so that an empty one does not make the index infinite


def psi(reference: Tally, current: Tally, groups: np.ndarray) -> float:
    """Population stability index over groups of values: sum of (q - p) ln(q / p).

    Args:
        groups: Positions of the edges that end a group, increasing; what lies above the last one is a group too.
    """
    p, q = (np.clip(_shares(tally, groups), FLOOR, None) for tally in (reference, current))
    return float(((q - p) * np.log(q / p)).sum())


def kolmogorov_smirnov(reference: Tally, current: Tally) -> float:
    """The largest distance of the two distribution functions at the edges, from both sides of each.

    It equals the two-sample statistic where one of the samples takes only values that are edges; else it is lower
    by at most the share of the fullest bin (about one part in the number of bins).
    """
    at = [np.abs(a / reference.finite - b / current.finite) for a, b in _both(reference, current)]
    return float(max(distance.max() for distance in at))


def wasserstein(reference: Tally, current: Tally) -> float:
    """Area between the two distribution functions, in the column's unit; values spread evenly between two edges.

    Exact where both samples take only values that are edges, and outside of the edges.
    """
    edges = reference.edges
    ends = abs(reference.under / reference.finite - current.under / current.finite)
    ends += abs(reference.over / reference.finite - current.over / current.finite)
    left = reference.until[:-1] / reference.finite - current.until[:-1] / current.finite
    right = reference.below[1:] / reference.finite - current.below[1:] / current.finite
    return float(ends + (np.diff(edges) * _mean_absolute(left, right)).sum())


def _mean_absolute(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Mean of |line| over an interval on which a line goes from `left` to `right`."""
    same_sign = left * right >= 0
    span = np.where(same_sign, 1.0, np.abs(left) + np.abs(right))
    crossing: np.ndarray = (left**2 + right**2) / (2 * span)
    return np.where(same_sign, (np.abs(left) + np.abs(right)) / 2, crossing)


def _both(reference: Tally, current: Tally) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(reference.below, current.below), (reference.until, current.until)]


def _shares(tally: Tally, groups: np.ndarray) -> np.ndarray:
    ends = np.concatenate([[0], tally.until[groups], [tally.finite]])
    return np.diff(ends) / tally.finite
