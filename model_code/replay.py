"""What a bundle would have answered at past origins, through the code that the service uses."""

import pandas as pd

from model_code.bundle import Bundle
from model_code.cases import Cases
from model_code.usecase import UseCase


def replay(bundle: Bundle, cases: Cases, truth: pd.DataFrame) -> pd.DataFrame:
    """The bundle's answers to `cases` beside the truth.

    Args:
        truth: entity, time, value as known when one judges.

    Returns:
        origin, entity, time, step, value, lower, upper, truth (NaN where not known).
    """
    answer = bundle.predict(cases.features, cases.rows["step"].to_numpy())
    return cases.rows.assign(value=answer.value, lower=answer.lower, upper=answer.upper, truth=cases.truth(truth))


def replay_baseline(usecase: UseCase, cases: Cases, truth: pd.DataFrame) -> pd.DataFrame | None:
    """The baseline's answers to `cases`; None where the use case names no baseline column."""
    if usecase.spec.baseline is None:
        return None
    return cases.rows.assign(value=cases.features[usecase.spec.baseline].to_numpy(), truth=cases.truth(truth))
