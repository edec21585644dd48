"""Truth joined to predictions: late and revised truth counts as it is known when one asks."""

import numpy as np
import pandas as pd

from model_code.errors import DataError
from model_code.evaluation import row_loss
from model_code.usecase import UseCaseSpec


def score(predictions: pd.DataFrame, truth: pd.DataFrame, spec: UseCaseSpec) -> pd.DataFrame:
    """Each prediction beside its truth.

    Where the same origin, entity and time was answered more than once, the answer that was given first counts. A prediction
    that is no number counts as not given: its row judges nothing, and an origin with too few others is not scored.

    Args:
        predictions: From the prediction store: origin, entity, time, value, lower, upper, made_at, bundle, …
        truth: entity, time, value, as known when one judges.
        spec: The use case.

    Returns:
        The predictions (index reset) with `truth` (NaN where not known yet), `error` (truth - value), `loss`
        (absolute error in the target's unit, or squared error of the probability), `covered` (1.0 or 0.0; NaN without
        truth or interval) and `lead` (Timedelta from origin to time).

    Raises:
        DataError: Two truths of one entity and time; which one counts is the store's to say (the latest known).
    """
    _require_one_truth(truth)
    first = predictions.sort_values("made_at", kind="stable").drop_duplicates(["origin", "entity", "time"])
    told = truth[["entity", "time", "value"]].rename(columns={"value": "truth"})
    rows = first.sort_values(["origin", "entity", "time"]).merge(told, on=["entity", "time"], how="left", validate="many_to_one")
    value, known = rows["value"].to_numpy(float), rows["truth"].to_numpy(float)
    known = np.where(np.isfinite(value) & np.isfinite(known), known, np.nan)
    lower, upper = rows["lower"].to_numpy(float), rows["upper"].to_numpy(float)
    judged = np.isfinite(known) & np.isfinite(lower) & np.isfinite(upper)
    return rows.assign(
        truth=known,
        error=known - value,
        loss=row_loss(value, known, spec.task),
        covered=np.where(judged, (known >= lower) & (known <= upper), np.nan),
        lead=rows["time"] - rows["origin"],
    )


def _require_one_truth(truth: pd.DataFrame) -> None:
    twice = truth[truth.duplicated(["entity", "time"])]
    if len(twice):
        first = twice.iloc[0]
        raise DataError(
            f"{len(twice)} rows have two truths, the first {first['entity']} at {first['time']}",
            hint="read the truth through KnownHistory.truth, which tells what was known latest",
        )
