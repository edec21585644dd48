"""The reference profile: edges, means and components that every later window is counted against, fixed once."""

import math
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from model_code.errors import TooLittleData
from model_code.shift.moments import Moments
from model_code.shift.window import Window, chunks

BINS = 128  # quantile bins of a continuous column: a KS statistic is right to within 1/128
GROUPS = 10  # groups of the stability index, by tradition
DISCRETE = 32  # a column with so few different values is counted value by value
SAMPLE = 200_000  # rows that the quantiles are taken from
VARIANCE = 0.9  # of which the kept principal components explain at least this


class Fixed(BaseModel):
    """Frozen, JSON both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnProfile(Fixed):
    """One column of the reference.

    Attributes:
        edges: Increasing; the values themselves where the column is discrete, else quantiles. Empty: it has no value.
        groups: Positions in `edges` that end a group of the stability index.
        discrete: Whether it has few values, so that another one is a new category.
        mean: Of its finite values.
        scale: Their standard deviation; 1 for a constant column.
    """

    edges: tuple[float, ...]
    groups: tuple[int, ...] = ()
    discrete: bool = False
    mean: float = 0.0
    scale: float = 1.0

    @property
    def constant(self) -> bool:
        """Whether the reference holds one value only."""
        return len(self.edges) == 1


class ShiftProfile(Fixed):
    """Edges by column, and the principal components of all together.

    Attributes:
        columns: Name -> profile, in order.
        components: Orthonormal rows over the columns, empty with fewer than two that vary.
    """

    columns: dict[str, ColumnProfile]
    components: tuple[tuple[float, ...], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if any(len(row) != len(self.columns) for row in self.components):
            raise ValueError("a component needs one weight for each column")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(self.columns)

    def moments(self) -> Moments:
        """Empty moments of these columns."""
        told = list(self.columns.values())
        return Moments(np.array([column.mean for column in told]), np.array([column.scale for column in told]))


def profile_of(window: Window, columns: tuple[str, ...] | None = None, *, seed: int, bins: int = BINS) -> ShiftProfile:
    """Fix the edges on a reference window.

    Args:
        window: A data frame, or arrays by name.
        columns: Which columns. Default: all.
        seed: Of the sample that quantiles are taken from, where there are more than 200,000 rows.
        bins: Bins of a continuous column.

    Raises:
        TooLittleData: Fewer than two rows.
        DataError: A column is no number.

    Example:
        >>> profile_of({"hour": np.array([0.0, 1.0, 1.0, 2.0])}, seed=1).columns["hour"].edges
        (0.0, 1.0, 2.0)
    """
    names = tuple(map(str, window)) if columns is None else columns
    rows = len(window[names[0]]) if names else 0
    if rows < 2:
        raise TooLittleData(f"a reference of {rows} rows and {len(names)} columns", hint="widen the reference window")
    chosen = _sample(rows, seed)
    told = {name: _column(values[chosen], bins) for name, values in _whole(window, names)}
    bare = ShiftProfile(columns=told)
    moments = bare.moments()
    for chunk in chunks(window, names):
        moments.add(list(chunk.values()))
    return ShiftProfile(columns=told, components=_components(moments))


def _whole(window: Window, names: tuple[str, ...]) -> list[tuple[str, np.ndarray]]:
    return [(name, np.concatenate([chunk[name] for chunk in chunks(window, (name,))])) for name in names]


def _sample(rows: int, seed: int) -> np.ndarray | slice:
    if rows <= SAMPLE:
        return slice(None)
    return np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))


def _column(values: np.ndarray, bins: int) -> ColumnProfile:
    told = values[np.isfinite(values)]
    if not len(told):
        return ColumnProfile(edges=())
    distinct = np.unique(told)
    discrete = len(distinct) <= DISCRETE
    edges = distinct if discrete else np.unique(np.quantile(told, np.linspace(0, 1, bins + 1)))
    scale = float(told.std())
    return ColumnProfile(
        edges=tuple(edges.tolist()),
        groups=_groups(np.sort(told), edges, len(edges) if discrete else GROUPS),
        discrete=discrete,
        mean=float(told.mean()),
        scale=scale if math.isfinite(scale) and scale > 1e-12 * max(1.0, abs(float(told.mean()))) else 1.0,
    )


def _groups(ordered: np.ndarray, edges: np.ndarray, groups: int) -> tuple[int, ...]:
    """The edges that come nearest to splitting the values into groups of one size; all edges where each is a group."""
    if groups >= len(edges):
        return tuple(range(len(edges)))
    shares = np.searchsorted(ordered, edges, "right") / len(ordered)
    wanted = np.searchsorted(shares, np.arange(1, groups) / groups)
    return tuple(sorted(set(np.clip(wanted, 0, len(edges) - 2).tolist())))


def _components(moments: Moments) -> tuple[tuple[float, ...], ...]:
    """The principal components that explain 90 %, at least one and never all of those that vary."""
    values, vectors = np.linalg.eigh(moments.covariance)
    varying = int((values > 1e-9).sum())
    if varying < 2:
        return ()
    values, vectors = values[::-1], vectors[:, ::-1]
    enough = int(np.searchsorted(np.cumsum(values) / values.sum(), VARIANCE)) + 1
    return tuple(tuple(row) for row in vectors[:, : min(enough, varying - 1)].T.tolist())
