"""Counts of one column's values against fixed edges: all that the univariate tests need, gathered in one pass."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Tally:
    """How many values lie below, at and above each edge.

    Attributes:
        edges: Increasing, float64 (m,).
        below: Values less than each edge (m,).
        until: Values less than or equal to each edge (m,).
        rows: All rows.
        finite: Rows with a number that is neither NaN nor infinite.
        least: Smallest finite value; infinity while there is none.
        most: Largest finite value; -infinity while there is none.
        under: Sum of what values lie below the first edge.
        over: Sum of what values lie above the last edge.
    """

    edges: np.ndarray
    below: np.ndarray = field(init=False)
    until: np.ndarray = field(init=False)
    rows: int = 0
    finite: int = 0
    least: float = np.inf
    most: float = -np.inf
    under: float = 0.0
    over: float = 0.0

    def __post_init__(self) -> None:
        self.below = np.zeros(len(self.edges), np.int64)
        self.until = np.zeros(len(self.edges), np.int64)

    def add(self, values: np.ndarray) -> None:
        """Count some values (n,), float64; NaN and infinite ones count as missing."""
        ordered = np.sort(values)  # NaN goes last; a sorted chunk is counted by a few bisections
        start, end = np.searchsorted(ordered, -np.inf, "right"), np.searchsorted(ordered, np.inf, "left")
        told = ordered[start:end]
        self.rows += len(values)
        if not len(told):
            return
        self.finite += len(told)
        self.least, self.most = min(self.least, float(told[0])), max(self.most, float(told[-1]))
        if not len(self.edges):
            return
        below, until = np.searchsorted(told, self.edges, "left"), np.searchsorted(told, self.edges, "right")
        self.below += below
        self.until += until
        self.under += float((self.edges[0] - told[: below[0]]).sum())
        self.over += float((told[until[-1] :] - self.edges[-1]).sum())

    @property
    def missing_share(self) -> float:
        """Share of the rows without a finite number, 0 to 1."""
        return 1.0 - self.finite / self.rows if self.rows else 1.0

    @property
    def at_edges(self) -> int:
        """Values that equal one of the edges."""
        return int((self.until - self.below).sum())

    @property
    def outside(self) -> int:
        """Values below the first or above the last edge."""
        return int(self.below[0] + self.finite - self.until[-1]) if len(self.edges) else self.finite
