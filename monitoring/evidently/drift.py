"""Evidently's view of the features: drift and missing values by column.

Its tests know no season (docs/reports.md): its share is shown, and a warning; what acts is its quality (docs/policy.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from model_code.errors import TooLittleData
from monitoring.evidently import engine
from monitoring.evidently.engine import MAX_ROWS, MIN_ROWS


@dataclass(frozen=True)
class ColumnDrift:
    """One column: `score` by `method` (a distance, or a p-value where the method says so)."""

    column: str
    score: float
    method: str
    drifted: bool
    missing_share: float


@dataclass(frozen=True)
class FeatureDrift:
    """Evidently's verdict on two windows of features.

    Attributes:
        drifted_share: Share of the compared columns that drifted, 0 to 1.
        columns: Each compared column.
        skipped: Columns without any value in one of the windows.
        reference_rows: Rows compared, after sampling.
        current_rows: Rows compared, after sampling.
    """

    drifted_share: float
    columns: tuple[ColumnDrift, ...]
    skipped: tuple[str, ...]
    reference_rows: int
    current_rows: int


def compare(reference: pd.DataFrame, current: pd.DataFrame, *, seed: int, max_rows: int = MAX_ROWS) -> FeatureDrift:
    """Compare two windows of numeric features.

    Args:
        reference: What the window should look like; float columns.
        current: What the model answered from lately; the same columns.
        seed: Of the sampling.
        max_rows: Each window is sampled down to this many rows.

    Raises:
        TooLittleData: A window has fewer than 2 rows, or no column with values in both.
    """
    filled = comparable(reference, current)
    before, lately = (engine.sample(window[filled], max_rows, seed) for window in (reference, current))
    taken = engine.snapshot(lambda: _metrics(filled), lately, before, {"numerical_columns": filled})
    metrics = taken.dict()["metrics"]
    share = next(metric["value"]["share"] for metric in metrics if "drift_share" in metric["config"])
    missing = {
        metric["config"]["column"]: float(metric["value"]["share"])
        for metric in metrics
        if engine.kind(metric) == "MissingValueCount"
    }
    columns = tuple(_column(metric, missing) for metric in metrics if engine.kind(metric) == "ValueDrift")
    skipped = tuple(sorted(set(reference.columns).union(current.columns) - set(filled)))
    return FeatureDrift(float(share), columns, skipped, len(before), len(lately))


def comparable(reference: pd.DataFrame, current: pd.DataFrame) -> list[str]:
    """The columns with values in both windows.

    Raises:
        TooLittleData: See `compare`.
    """
    both = [name for name in reference.columns if name in current]
    filled = [name for name in both if not (reference[name].isna().all() or current[name].isna().all())]
    if min(len(reference), len(current)) < MIN_ROWS or not filled:
        raise TooLittleData(
            f"feature drift: {len(reference)} reference rows, {len(current)} current rows, {len(filled)} columns with values",
            hint="widen the window",
        )
    return filled


def _metrics(columns: list[str]) -> list[Any]:
    """The drift preset's own tests, without the plots that make it take half as long again."""
    from evidently.metrics import DriftedColumnsCount, MissingValueCount, ValueDrift

    return [DriftedColumnsCount(), *(metric(column=name) for metric in (ValueDrift, MissingValueCount) for name in columns)]


def _column(metric: Mapping[str, Any], missing: Mapping[str, float]) -> ColumnDrift:
    name, method, limit = (metric["config"][key] for key in ("column", "method", "threshold"))
    score = float(metric["value"])
    drifted = score < limit if "p_value" in method else score >= limit
    return ColumnDrift(name, score, method, drifted, missing[name])
