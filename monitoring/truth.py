"""Truth joined to predictions: late and revised truth counts as it is known when one asks."""

import numpy as np
import pandas as pd

from model_code.evaluation import row_loss
from model_code.usecase import UseCaseSpec


def score(predictions: pd.DataFrame, truth: pd.DataFrame, spec: UseCaseSpec) -> pd.DataFrame:
    """Each prediction beside its truth.

    Where the same origin, entity and time was answered more than once, the answer that was given first counts.

    Args:
        predictions: From the prediction store: origin, entity, time, value, lower, upper, made_at, bundle, …
        truth: entity, time, value, as known when one judges.
        spec: The use case.

    Returns:
        The predictions (index reset) with `truth` (NaN where not known yet), `error` (truth - value), `loss`
        (absolute error in the target's unit, or squared error of the probability), `covered` (1.0 or 0.0; NaN without
        truth or interval) and `lead` (Timedelta from origin to time).
    """
    first = predictions.sort_values("made_at", kind="stable").drop_duplicates(["origin", "entity", "time"])
    told = truth[["entity", "time", "value"]].rename(columns={"value": "truth"})
    rows = first.sort_values(["origin", "entity", "time"]).merge(told, on=["entity", "time"], how="left", validate="many_to_one")
    value, known = rows["value"].to_numpy(float), rows["truth"].to_numpy(float)
    lower, upper = rows["lower"].to_numpy(float), rows["upper"].to_numpy(float)
    judged = np.isfinite(known) & np.isfinite(lower) & np.isfinite(upper)
    return rows.assign(
        error=known - value,
        loss=row_loss(value, known, spec.task),
        covered=np.where(judged, (known >= lower) & (known <= upper), np.nan),
        lead=rows["time"] - rows["origin"],
    )
