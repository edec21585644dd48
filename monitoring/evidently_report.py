"""Evidently's view of the features: drift by column, missing values, an HTML page. The only place that imports Evidently.

It is shown and recorded as a warning, never acted on alone: its tests know no season (docs/policy.md).
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from model_code.errors import TooLittleData

MAX_ROWS = 2_000  # per window: its cost grows with rows, its answer hardly
MIN_ROWS = 2


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


def compare(
    reference: pd.DataFrame, current: pd.DataFrame, *, seed: int, max_rows: int = MAX_ROWS, html: Path | None = None
) -> FeatureDrift:
    """Compare two windows of numeric features.

    Args:
        reference: What the model learned from; float columns.
        current: What it answered lately; the same columns.
        seed: Of the sampling.
        max_rows: Each window is sampled down to this many rows.
        html: Where to write Evidently's page; its folder is made. Default: nowhere.

    Raises:
        TooLittleData: A window has fewer than 2 rows, or no column with values in both.
    """
    filled = [
        name for name in reference.columns if name in current and not (reference[name].isna().all() or current[name].isna().all())
    ]
    if min(len(reference), len(current)) < MIN_ROWS or not filled:
        raise TooLittleData(
            f"feature drift: {len(reference)} reference rows, {len(current)} current rows, {len(filled)} columns with values",
            hint="widen the window",
        )
    before, lately = _sample(reference[filled], max_rows, seed), _sample(current[filled], max_rows, seed)
    snapshot = _run(before, lately)
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        snapshot.save_html(str(html))
    metrics = snapshot.dict()["metrics"]
    share = next(metric["value"]["share"] for metric in metrics if "drift_share" in metric["config"])
    missing = {
        metric["config"]["column"]: float(metric["value"]["share"]) for metric in metrics if _kind(metric) == "MissingValueCount"
    }
    columns = tuple(_column(metric, missing) for metric in metrics if _kind(metric) == "ValueDrift")
    skipped = tuple(sorted(set(reference.columns).union(current.columns) - set(filled)))
    return FeatureDrift(float(share), columns, skipped, len(before), len(lately))


def _sample(window: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    return (window if len(window) <= rows else window.sample(rows, random_state=seed).sort_index()).reset_index(drop=True)


def _run(reference: pd.DataFrame, current: pd.DataFrame) -> Any:
    """Evidently's snapshot; imported here, since it takes 5 s, and its own imports warn of names that they still use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import DriftedColumnsCount, MissingValueCount, ValueDrift

        columns = [str(name) for name in reference.columns]
        # The drift preset's own tests, without the plots that make it take half as long again.
        each = [metric(column=name) for metric in (ValueDrift, MissingValueCount) for name in columns]
        definition = DataDefinition(numerical_columns=columns)
        datasets = [Dataset.from_pandas(window, data_definition=definition) for window in (current, reference)]
        return Report([DriftedColumnsCount(), *each]).run(*datasets)


def _kind(metric: Mapping[str, Any]) -> str:
    return str(metric["config"]["type"]).rsplit(":", 1)[-1]


def _column(metric: Mapping[str, Any], missing: Mapping[str, float]) -> ColumnDrift:
    name, method, limit = (metric["config"][key] for key in ("column", "method", "threshold"))
    score = float(metric["value"])
    drifted = score < limit if "p_value" in method else score >= limit
    return ColumnDrift(name, score, method, drifted, missing[name])
