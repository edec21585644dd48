"""Series: what is watched as one (each entity of a fixed list, else all together), per forecast origin."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from model_code.data.known import KnownHistory
from model_code.evaluation import per_origin
from model_code.origins import target_times
from model_code.usecase import UseCase, UseCaseSpec

ALL = "all"
COMPLETE = 0.9  # share of an origin's rows that must have truth before the origin counts as scored


def per_series(scored: pd.DataFrame, spec: UseCaseSpec) -> pd.DataFrame:
    """One row for each origin and series that counts as scored: at least 90 % of its rows have truth.

    Args:
        scored: origin, entity, value, truth (NaN where not known), and perhaps lower, upper.

    Returns:
        origin, series, loss, bias (mean of truth - value), level (mean truth), coverage where there are
        intervals, rows (with truth), told (share with truth); sorted by series and origin.
    """
    parts = []
    for name, rows in scored.groupby(series_names(scored["entity"], spec), sort=True):
        told = rows["truth"].notna().groupby(rows["origin"]).mean().rename("told")
        table = per_origin(rows, spec).merge(told, left_on="origin", right_index=True)
        parts.append(table[table["told"] >= COMPLETE].assign(series=name))
    if not parts:
        return pd.DataFrame(columns=["origin", "series", "loss", "bias", "level", "rows", "told"])
    return pd.concat(parts, ignore_index=True)


def conditions(usecase: UseCase, history: KnownHistory, origins: Sequence[pd.Timestamp], at: datetime) -> pd.DataFrame:
    """What each origin's period turned out to be: the level of the truth and the use case's context.

    The context comes from `context(after, origin, entity, spec)` in the use case's features.py, where there is one;
    `entity` is '' where the use case has no fixed entities. It is for judging afterwards, never a feature.

    Args:
        at: The moment from which one looks back (aware).

    Returns:
        origin, series, level (mean truth, in the target's unit) and the context's float columns; only origins
        whose truth is at least 90 % known at `at`; sorted by series and origin.
    """
    spec = usecase.spec
    context = getattr(usecase.features, "context", None)
    truth = history.truth(at)
    ordered = sorted(origins)
    wanted = target_times(spec, ordered)
    levels = {
        name: _levels(rows, ordered, wanted) for name, rows in truth.groupby(series_names(truth["entity"], spec), sort=True)
    }
    records = []
    for origin in sorted(
        {origin for level in levels.values() for origin in level}
    ):  # origin by origin: what is known is read once
        after = None if context is None else history.at(origin, seen_from=at)
        for name, level in levels.items():
            if origin in level:
                entity = "" if spec.entities is None else str(name)
                told = {} if context is None else context(after, origin, entity, spec)
                records.append({"origin": origin, "series": name, "level": level[origin], **told})
    table = pd.DataFrame(records, columns=None if records else ["origin", "series", "level"])
    return table.dropna().sort_values(["series", "origin"], kind="stable", ignore_index=True)


def _levels(truth: pd.DataFrame, origins: Sequence[pd.Timestamp], wanted: pd.DatetimeIndex) -> dict[pd.Timestamp, float]:
    """Mean truth of each origin that is complete; `wanted` are the times of all origins, one after another."""
    by_time = truth.dropna().groupby("time")["value"].mean()
    values = by_time.reindex(wanted).to_numpy(float).reshape(len(origins), -1) if len(origins) else np.empty((0, 1))
    told = np.isfinite(values)
    return {
        origin: float(row[known].mean())
        for origin, row, known in zip(origins, values, told, strict=True)
        if known.mean() >= COMPLETE
    }


def series_names(entities: pd.Series, spec: UseCaseSpec) -> pd.Series:
    """The series that each row belongs to (n,)."""
    return entities if spec.entities is not None else pd.Series(ALL, index=entities.index)
