"""Fitting one candidate on what was known at a cut; pure: data and parameters in, model out."""

import numpy as np
import pandas as pd

from model_code.cases import Cases
from model_code.data.known import KnownHistory
from model_code.errors import TooLittleData
from model_code.models import Model, make_model
from model_code.specification import Candidate
from model_code.usecase import UseCase


def fit(usecase: UseCase, candidate: Candidate, cases: Cases, history: KnownHistory, cut: pd.Timestamp, seed: int) -> Model:
    """The candidate, fitted on the cases before `cut` with the truth as known at `cut`.

    Raises:
        TooLittleData: Fewer origins with truth than `backtest.min_train`.
    """
    known = cases.where((cases.rows["origin"] < cut).to_numpy())
    target = known.truth(history.truth(cut))
    told = ~np.isnan(target)
    known, target = known.where(told), target[told]
    origins = known.rows["origin"].nunique()
    if origins < usecase.spec.backtest.min_train:
        raise TooLittleData(
            f"{usecase.name}: {origins} origins with truth before {cut.isoformat()}",
            hint=f"backtest.min_train asks for {usecase.spec.backtest.min_train}; backfill more history",
        )
    model = make_model(candidate.family, candidate.parameters, task=usecase.spec.task, baseline=usecase.spec.baseline, seed=seed)
    model.fit(known.features, target, recency_weight(known.rows["origin"], cut, candidate.half_life_days))
    return model


def recency_weight(origins: pd.Series, cut: pd.Timestamp, half_life_days: float | None) -> np.ndarray | None:
    """Weight of each row (n,): 1 at the cut, a half one half-life before it; None where all count alike."""
    if half_life_days is None:
        return None
    age_days = (cut - origins).dt.total_seconds().to_numpy() / 86_400
    return np.asarray(0.5 ** (age_days / half_life_days), dtype=float)
