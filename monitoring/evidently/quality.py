"""Evidently's view of the answers: regression or classification quality of scored rows."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from model_code.errors import TooLittleData
from monitoring.evidently import engine
from monitoring.evidently.engine import MAX_ROWS, MIN_ROWS

Task = Literal["forecast", "classification"]
REGRESSION = {"MAE": "mae", "RMSE": "rmse", "MeanError": "mean_error", "MAPE": "mape", "R2Score": "r2"}
CLASSIFICATION = {
    "LogLoss": "log_loss", "RocAuc": "roc_auc", "Accuracy": "accuracy", "Precision": "precision", "Recall": "recall", "F1Score": "f1",
}  # fmt: skip


@dataclass(frozen=True)
class Quality:
    """What Evidently says of scored rows; a value that it could not compute is left out.

    Attributes:
        values: `mae`, `rmse`, `mean_error`, `mape`, `r2` of a forecast (target unit, percent, 1), or `log_loss`,
            `roc_auc`, `accuracy`, `precision`, `recall`, `f1` of a classification.
        rows: Rows with truth, after sampling.
    """

    values: dict[str, float]
    rows: int


def quality(scored: pd.DataFrame, task: Task, *, seed: int, max_rows: int = MAX_ROWS) -> Quality:
    """The quality of some answers.

    Args:
        scored: truth, value; rows without either do not count.
        task: Of a classification, truth is 0 or 1 and value the probability of 1.
        seed: Of the sampling.
        max_rows: More rows are sampled down.

    Raises:
        TooLittleData: Fewer than two rows with truth.
    """
    rows = answered(scored)
    chosen = engine.sample(rows, max_rows, seed)
    if task == "classification" and chosen["truth"].nunique() < 2:
        return Quality({}, len(chosen))  # one class only: nothing tells good from bad
    names = CLASSIFICATION if task == "classification" else REGRESSION
    if task == "forecast" and not chosen["truth"].any():
        chosen, names = _moved(chosen), {kind: name for kind, name in names.items() if kind != "MAPE"}
    taken = engine.snapshot(lambda: _metrics(task), prepared(chosen, task), None, definition(task))
    found = {names[kind]: _number(value) for kind, _, value in engine.values(taken) if kind in names}
    return Quality({name: value for name, value in found.items() if math.isfinite(value)}, len(chosen))


def answered(scored: pd.DataFrame) -> pd.DataFrame:
    """The rows with truth and value.

    Raises:
        TooLittleData: Fewer than two.
    """
    rows = scored.loc[scored["truth"].notna() & scored["value"].notna(), ["truth", "value"]].reset_index(drop=True)
    if len(rows) < MIN_ROWS:
        raise TooLittleData(f"quality: {len(rows)} rows with truth", hint="wait for the truth, or widen the window")
    return rows


def prepared(rows: pd.DataFrame, task: Task) -> pd.DataFrame:
    """As Evidently wants them: classes are whole numbers."""
    return rows.astype({"truth": int}) if task == "classification" else rows


def _moved(rows: pd.DataFrame) -> pd.DataFrame:
    """Truth and value moved by the same amount: Evidently breaks where no truth has a share, and no other measure changes."""
    return rows + (float(rows["value"].abs().replace(math.inf, math.nan).max()) or 1.0)


def definition(task: Task) -> dict[str, Any]:
    """Which column is what, for Evidently's DataDefinition."""
    with engine.quiet():
        from evidently import BinaryClassification, Regression

        if task == "classification":
            told = BinaryClassification(target="truth", prediction_probas="value", pos_label=1)
            return {"classification": [told], "numerical_columns": []}
        return {"regression": [Regression(target="truth", prediction="value")], "numerical_columns": ["truth", "value"]}


def _metrics(task: Task) -> list[Any]:
    import evidently.metrics

    return [getattr(evidently.metrics, name)() for name in (CLASSIFICATION if task == "classification" else REGRESSION)]


def _number(value: Any) -> float:
    return float(value["mean"] if isinstance(value, dict) else value)
