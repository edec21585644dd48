"""Losses of answered cases: per row and per origin, in the target's unit."""

import numpy as np
import pandas as pd

from model_code.usecase import UseCaseSpec


def row_loss(value: np.ndarray, truth: np.ndarray, task: str) -> np.ndarray:
    """Absolute error of each row (n,); squared error of the probability (Brier) for a classification."""
    loss: np.ndarray = np.abs(value - truth) if task == "forecast" else (value - truth) ** 2
    return loss


def per_origin(scored: pd.DataFrame, spec: UseCaseSpec) -> pd.DataFrame:
    """One row for each origin, over all entities and lead times whose truth is known.

    Args:
        scored: origin, value, truth, and perhaps lower, upper.

    Returns:
        origin, rows, loss (mean over rows), bias (mean of truth - value), level (mean truth), and coverage
        where `scored` has intervals (NaN where none of the origin's rows has one); sorted by origin.
    """
    told = scored[~np.isnan(scored["truth"].to_numpy(float))]
    value, truth = told["value"].to_numpy(float), told["truth"].to_numpy(float)
    columns = {"origin": told["origin"], "loss": row_loss(value, truth, spec.task), "bias": truth - value, "level": truth}
    if {"lower", "upper"} <= set(told.columns):
        inside = ((truth >= told["lower"]) & (truth <= told["upper"])).astype(float)
        columns["coverage"] = inside.where(told[["lower", "upper"]].notna().all(axis=1))
    grouped = pd.DataFrame(columns).groupby("origin", sort=True)
    return grouped.mean().assign(rows=grouped.size()).reset_index()


def summary(scored: pd.DataFrame, spec: UseCaseSpec) -> dict[str, float]:
    """Metrics of a whole backtest, in the target's unit: mae, rmse, bias, mape (where no truth is 0); Brier for a classification."""
    error = scored["truth"].to_numpy(float) - scored["value"].to_numpy(float)
    truth = scored["truth"].to_numpy(float)
    if spec.task == "classification":
        return {"brier": float(np.mean(error**2)), "bias": float(error.mean()), "positives": float(truth.mean())}
    metrics = {"mae": float(np.abs(error).mean()), "rmse": float(np.sqrt((error**2).mean())), "bias": float(error.mean())}
    if np.all(truth != 0):
        metrics["mape"] = float(np.abs(error / truth).mean())
    return metrics
