"""Evidently's view of a window as a table: missing values, empty, constant and repeated columns, repeated rows."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from model_code.errors import TooLittleData
from monitoring.evidently import engine
from monitoring.evidently.engine import MAX_ROWS

MISSING = "DatasetMissingValueCount"
COUNTS = {
    "EmptyColumnsCount": "empty_columns", "ConstantColumnsCount": "constant_columns", "DuplicatedRowCount": "repeated_rows",
    "DuplicatedColumnsCount": "repeated_columns",
}  # fmt: skip


@dataclass(frozen=True)
class TableHealth:
    """Data quality of one window.

    Attributes:
        rows: Rows looked at, after sampling.
        missing_share: Share of all cells without a value, 0 to 1.
        empty_columns: Columns without any value.
        constant_columns: Columns with one value only.
        repeated_columns: Columns equal to another one.
        repeated_rows: Rows equal to an earlier one.
    """

    rows: int
    missing_share: float
    empty_columns: int
    constant_columns: int
    repeated_columns: int
    repeated_rows: int


def health(window: pd.DataFrame, *, seed: int, max_rows: int = MAX_ROWS) -> TableHealth:
    """Data quality of a window of numeric columns.

    Raises:
        TooLittleData: It has no row.
    """
    if not len(window):
        raise TooLittleData("data quality: the window has no row", hint="widen the window")
    chosen = engine.sample(window, max_rows, seed).astype(float)
    taken = engine.snapshot(_metrics, chosen, None, {"numerical_columns": list(chosen.columns)})
    found = {kind: value for kind, _, value in engine.values(taken)}
    # Its own share is of the rows, above 1 where several columns have gaps.
    missing = float(found[MISSING]["count"]) / chosen.size
    counts = {name: int(found[kind]) for kind, name in COUNTS.items()}
    return TableHealth(rows=len(chosen), missing_share=missing, **counts)


def _metrics() -> list[Any]:
    import evidently.metrics

    return [getattr(evidently.metrics, name)() for name in (MISSING, *COUNTS)]
