"""What a bundle's `profile.json` keeps under `shift`: edges, calibrated thresholds, and the limit of the quality."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pandas as pd

from model_code.cases import Cases
from model_code.drift import DriftProfile, expected_loss
from model_code.errors import TooLittleData
from model_code.shift.context import context_of
from model_code.shift.measure import Shift, measure
from model_code.shift.profile import Fixed, ShiftProfile, profile_of
from model_code.shift.quality import QualityLimit, calibrate_quality
from model_code.shift.reference import choose_reference
from model_code.shift.thresholds import ShiftThresholds, calibrate_thresholds
from model_code.usecase import UseCaseSpec

YEAR = timedelta(days=365.25)
PREDICTION = "(prediction)"  # what the model answers stands as a column beside those that it answers from
CALIBRATED_ON = 60  # windows at most, spread evenly; each takes milliseconds


class ShiftSection(Fixed):
    """All that the tests of a report need of a bundle.

    Attributes:
        thresholds: None where the history was too short to calibrate on.
        quality: Likewise.
    """

    profile: ShiftProfile
    thresholds: ShiftThresholds | None = None
    quality: QualityLimit | None = None


def window_origins(spec: UseCaseSpec) -> int:
    """How many origins a report's window holds."""
    return max(1, spec.report.window // spec.origins.every)


def with_answers(features: pd.DataFrame, answers: np.ndarray) -> pd.DataFrame:
    """Features (n, k) and, as their last column, what a model answers them (n,), in the target's unit."""
    return features.assign(**{PREDICTION: answers})


def section_of(
    spec: UseCaseSpec, cases: Cases, answers: np.ndarray, scored: pd.DataFrame, told: pd.DataFrame, normal: DriftProfile
) -> ShiftSection:
    """Fix edges on the training's features and the model's answers, and calibrate all limits on its ordinary windows.

    Args:
        cases: The training's cases.
        answers: What the model that the bundle will hold answers each of them (n,).
        scored: The backtest's rows: origin, entity, value, truth.
        told: `series.conditions` of the history.
        normal: What loss the conditions make one expect.

    Raises:
        DataError: `report.columns` names a column that the features do not have.
    """
    columns = spec.report.columns or tuple(cases.features.columns)
    window = with_answers(cases.features, answers)
    profile = profile_of(window, (*columns, PREDICTION), seed=spec.seed)
    return ShiftSection(
        profile=profile,
        thresholds=_thresholds(spec, window, cases.rows["origin"], profile, told),
        quality=_quality(spec, scored, told, normal),
    )


def _thresholds(
    spec: UseCaseSpec, features: pd.DataFrame, origin: pd.Series, profile: ShiftProfile, told: pd.DataFrame
) -> ShiftThresholds | None:
    windows = list(_ordinary(spec, features, origin, profile, context_of(told)))
    try:
        return calibrate_thresholds(
            windows,
            false_alarms_per_year=spec.report.false_alarms_per_year,
            windows_per_year=YEAR / spec.report.every,
            block=window_origins(spec),
            seed=spec.seed,
        )
    except TooLittleData:
        return None


def _ordinary(
    spec: UseCaseSpec, features: pd.DataFrame, origin: pd.Series, profile: ShiftProfile, context: pd.DataFrame
) -> Iterator[Shift]:
    """Windows of the history, each against the reference that production would have chosen from what lay before it."""
    size, least = window_origins(spec), spec.report.reference_origins
    origins = list(pd.DatetimeIndex(origin.unique()).sort_values())
    grouped = features[list(profile.names)].groupby(origin, sort=False)
    by_origin = {pd.Timestamp(str(moment)): rows for moment, rows in grouped}
    starts = range(least, len(origins) - size + 1)
    for start in sorted({starts[round(place)] for place in np.linspace(0, len(starts) - 1, CALIBRATED_ON)} if starts else ()):
        window = origins[start : start + size]
        chosen = choose_reference(origins[:start], window, context, size=least, timezone=spec.timezone).origins
        before, lately = (pd.concat([by_origin[moment] for moment in part]) for part in (chosen, window))
        if min(len(before), len(lately)) > 1:
            yield measure(profile, before, lately)


def _quality(spec: UseCaseSpec, scored: pd.DataFrame, told: pd.DataFrame, normal: DriftProfile) -> QualityLimit | None:
    rows = expected_rows(spec, scored, told, normal)
    by_origin = rows.groupby("origin", sort=True)[["value", "expected"]].mean()
    try:
        return calibrate_quality(
            "mae" if spec.task == "forecast" else "log_loss",
            by_origin["value"].to_numpy(),
            by_origin["expected"].to_numpy(),
            window_origins=window_origins(spec),
            false_alarms_per_year=spec.report.false_alarms_per_year,
            windows_per_year=YEAR / spec.report.every,
            least=spec.policy.ratio_breach,
            seed=spec.seed,
        )
    except TooLittleData:
        return None


def expected_rows(spec: UseCaseSpec, scored: pd.DataFrame, told: pd.DataFrame, normal: DriftProfile) -> pd.DataFrame:
    """Each scored row's measure beside what its day makes one expect.

    Args:
        scored: origin, entity, value, truth.
        told: `series.conditions`, of these origins and some before.
        normal: The bundle's.

    Returns:
        origin, value (absolute error, or log loss), expected (the same unit; 0 for a classification, whose usual value is
        the mean of the backtest); rows with truth whose conditions are known.
    """
    rows = scored[scored["truth"].notna() & scored["value"].notna()]
    if spec.task == "classification":
        return pd.DataFrame(
            {"origin": rows["origin"], "value": log_loss(rows), "expected": log_loss(rows).mean() if len(rows) else 0.0}
        )
    error = (rows["truth"] - rows["value"]).abs()
    parts = []
    for name, series in normal.series.items():
        of_series = told[told["series"] == name].sort_values("origin").reset_index(drop=True)
        if of_series.empty:
            continue
        expected = pd.Series(expected_loss(series, of_series), index=pd.DatetimeIndex(of_series["origin"]))
        mine = rows["entity"] == name if spec.entities is not None else pd.Series(True, index=rows.index)
        found = rows.loc[mine, "origin"]
        parts.append(pd.DataFrame({"origin": found, "value": error[mine], "expected": found.map(expected)}))
    return pd.concat(parts).dropna() if parts else pd.DataFrame({"origin": [], "value": [], "expected": []})


def log_loss(rows: pd.DataFrame) -> pd.Series:
    """Of each row: truth 0 or 1, value the probability of 1."""
    sure = rows["value"].clip(1e-15, 1 - 1e-15)
    return pd.Series(-np.log(np.where(rows["truth"] > 0.5, sure, 1 - sure)), index=rows.index)
