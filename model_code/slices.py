"""Slices: the rows of a use case cut by lead time, entity, hour, weekday, season and by columns that the use case names; what each loses."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from model_code.specification import UseCaseSpec

DAY = timedelta(days=1)
SEASONS = ("dec-feb", "mar-may", "jun-aug", "sep-nov")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FEW = 8  # a column with no more different values is cut by value, others into bands
BANDS = (0.25, 0.5, 0.75)  # quantiles of the backtest's rows between two bands
MOST = 64  # values of one dimension: beyond, it is not watched by slices
PRIOR = 10.0  # origins that the mean of all rows weighs in a slice's expected loss: few origins tell little
KEYS = ["origin", "entity", "time"]


class Normal(BaseModel):
    """What the backtest lost in one slice.

    Attributes:
        loss: Mean loss to expect of its rows, drawn towards that of all rows where the backtest had few of them.
        error: Standard error of that, relative to `loss`.
        origins: Origins of the backtest with such rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss: float = Field(gt=0)
    error: float = Field(ge=0)
    origins: int = Field(ge=0)


class SliceProfile(BaseModel):
    """What `profile.json` keeps under `slices`; bundles written before there was one have none.

    Attributes:
        loss: Mean loss of all rows of the backtest.
        bands: Column -> borders between its bands; absent where it is cut by value.
        normal: Dimension -> value -> what is normal there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss: float = Field(gt=0)
    bands: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    normal: dict[str, dict[str, Normal]] = Field(default_factory=dict)

    @classmethod
    def of(cls, rows: pd.DataFrame, columns: pd.DataFrame, spec: UseCaseSpec) -> Self:
        """From the backtest.

        Args:
            rows: origin, entity, time, loss.
            columns: The columns that `spec.slices` names, same order as `rows`.
        """
        bands = {name: borders for name in map(str, columns) if (borders := _borders(columns[name])) is not None}
        cut = labels(rows, columns, bands, spec)
        mean = float(max(rows["loss"].mean(), 1e-9))
        return cls(loss=mean, bands=bands, normal={name: _normal(rows, cut[name], mean) for name in cut})

    def expected(self, dimension: str, value: str) -> Normal:
        """What is normal in a slice; that of all rows, with a wide error, where the backtest knew no such rows."""
        known = self.normal.get(dimension, {}).get(value)
        return known or Normal(loss=self.loss, error=1 / np.sqrt(PRIOR), origins=0)


def labels(
    rows: pd.DataFrame, columns: pd.DataFrame, bands: Mapping[str, tuple[float, ...]], spec: UseCaseSpec
) -> dict[str, "pd.Series[str]"]:
    """Dimension -> the slice that each row is in (n,); missing where it is in none.

    Args:
        rows: origin, entity, time.
        columns: The columns that `spec.slices` names, same order as `rows`.
        bands: Column -> borders between its bands.
    """
    cut: dict[str, pd.Series[str]] = {}
    if spec.task == "forecast":
        local = rows["time"].dt.tz_convert(spec.timezone)
        if spec.horizon.steps > spec.interval.group_steps:
            cut["lead"] = _lead(rows, spec)
        if spec.horizon.step < DAY:
            cut["hour"] = local.dt.strftime("%H")
        if spec.horizon.step <= DAY:
            cut["weekday"] = local.dt.dayofweek.map(dict(enumerate(WEEKDAYS)))
        cut["season"] = (local.dt.month % 12 // 3).map(dict(enumerate(SEASONS)))
    if spec.entities is not None and len(spec.entities) > 1:
        cut["entity"] = rows["entity"].astype(str)
    for name in map(str, columns):
        cut[name] = _cut(columns[name], bands.get(name)).set_axis(rows.index)
    return {name: values for name, values in cut.items() if values.nunique() <= MOST}


def _lead(rows: pd.DataFrame, spec: UseCaseSpec) -> "pd.Series[str]":
    """Groups of lead times that share one calibration, by the hours that they begin and end with."""
    step, size = spec.horizon.step, spec.interval.group_steps
    lead = (rows["time"] - rows["origin"]).dt.total_seconds() - spec.horizon.first.total_seconds()
    group = (lead // (size * step).total_seconds()).astype(int)
    hours = size * step / timedelta(hours=1)
    names = {each: f"{each * hours:g}-{(each + 1) * hours:g} h" for each in group.unique()}
    named: pd.Series[str] = group.map(names)
    return named


def _borders(values: "pd.Series[float]") -> tuple[float, ...] | None:
    told = values.dropna()
    if told.nunique() <= FEW:
        return None
    return tuple(sorted({float(border) for border in told.quantile(list(BANDS))}))


def _cut(values: "pd.Series[float]", borders: tuple[float, ...] | None) -> "pd.Series[str]":
    if borders is None:
        return values.map(lambda value: f"{value:g}", na_action="ignore")
    edges = [f"{border:.3g}" for border in borders]
    names = [f"<{edges[0]}", *(f"{low}..{high}" for low, high in pairwise(edges)), f">={edges[-1]}"]
    which = np.searchsorted(np.array(borders), values.to_numpy(float), side="right")
    return pd.Series(np.array(names, dtype=object)[which], index=values.index).where(values.notna())


def _normal(rows: pd.DataFrame, cut: "pd.Series[str]", mean: float) -> dict[str, Normal]:
    found = {}
    for value, losses in rows["loss"].groupby([cut, rows["origin"]]).mean().groupby(level=0):
        count = len(losses)
        loss = float((losses.sum() + PRIOR * mean) / (count + PRIOR))
        spread = float(losses.std()) if count > 1 else mean
        error = float(np.hypot(spread / np.sqrt(count), (PRIOR / (count + PRIOR)) * abs(mean - losses.mean())))
        found[str(value)] = Normal(loss=max(loss, 1e-9), error=error / max(loss, 1e-9), origins=count)
    return found
