"""What a bundle would have answered at past origins, through the code that the service uses."""

import pandas as pd

from model_code.bundle import Bundle
from model_code.cases import Cases, build_cases
from model_code.data.known import KnownHistory
from model_code.usecase import UseCase


def cases_of(bundle: Bundle, usecase: UseCase, history: KnownHistory, cases: Cases) -> Cases:
    """The same cases as the bundle's own feature code builds them: it may be older than the use case's present one.

    Args:
        usecase: The use case that built `cases`.
        history: What they were built from.
    """
    if bundle.manifest.features_version == usecase.features_version:
        return cases
    return build_cases(bundle.usecase, history, sorted(cases.rows["origin"].unique()))


def replay(bundle: Bundle, cases: Cases, truth: pd.DataFrame) -> pd.DataFrame:
    """The bundle's answers to `cases` beside the truth.

    Args:
        cases: As the bundle's own feature code builds them, see `cases_of`.
        truth: entity, time, value as known when one judges.

    Returns:
        origin, entity, time, step, value, lower, upper, truth (NaN where not known).
    """
    answer = bundle.predict(cases.features, cases.rows["step"].to_numpy(), cases.rows["entity"].tolist())
    return cases.rows.assign(value=answer.value, lower=answer.lower, upper=answer.upper, truth=cases.truth(truth))


def replay_baseline(usecase: UseCase, cases: Cases, truth: pd.DataFrame) -> pd.DataFrame | None:
    """The baseline's answers to `cases`; None where the use case names no baseline column."""
    if usecase.spec.baseline is None:
        return None
    return cases.rows.assign(value=cases.features[usecase.spec.baseline].to_numpy(), truth=cases.truth(truth))
