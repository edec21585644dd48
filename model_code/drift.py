"""Season-aware drift: is the level of the truth what such a day should give, and what loss should such a day give.

A model that reads lags absorbs a shift of the world within days, so its own residuals are a poor witness. The level test
compares the truth itself with a small robust model of the conditions of the day (told afterwards: temperature, day type),
relative to the recent past, so that slow seasons pass and a lasting step does not. docs/policy.md tells more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from sklearn.linear_model import HuberRegressor, Ridge

from model_code.errors import TooLittleData
from model_code.faults.profile import FaultProfile
from model_code.usecase import UseCaseSpec

CLIP = 4.0  # standard deviations: one extreme day counts no more than this
MIN_ORIGINS = 12
MIN_REFERENCE = 2
SLOW = 0.1  # a condition that moves less than this share of its spread from origin to origin surprises nobody
MEDIAN_ERROR = 4.0  # variance of a median of n origins is 4/n of one origin's: pi/2, and more as neighbours resemble each other
BLOCK = 7  # origins that the bootstrap keeps together, so that what one origin tells about the next survives
FLOOR = 1.5  # a threshold is at least what so many clipped origins in a row add up to: history is short, one origin is not news
ABSORB = 3.0  # in history, as much as so many clipped origins in a row is a change of the world, left out of what is normal
YEARS = 200  # simulated years of the bootstrap
KEYS = ("origin", "series", "level")


class Part(BaseModel):
    """A piece of a profile: frozen, JSON both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Linear(Part):
    """A linear model of some conditions, by name."""

    intercept: float
    weights: dict[str, float] = Field(default_factory=dict)

    def __call__(self, conditions: pd.DataFrame) -> np.ndarray:
        """Its value for each row (n,)."""
        total = np.full(len(conditions), self.intercept)
        for column, weight in self.weights.items():
            total += weight * conditions[column].to_numpy(float)
        return np.asarray(total)


class LevelTest(Part):
    """Two-sided CUSUM of the level against the conditions of the day, with its calibrated threshold."""

    transform: Literal["log", "plain"]
    normal: Linear
    scale: float = Field(gt=0, description="Robust standard deviation of a normal origin, after the transform.")
    allowance: float = Field(gt=0)
    threshold: float = Field(gt=0)
    reference_origins: int = Field(ge=MIN_REFERENCE)

    def residuals(self, conditions: pd.DataFrame) -> np.ndarray:
        """Transformed level minus what the conditions make one expect (n,)."""
        return np.asarray(_transform(conditions["level"].to_numpy(float), self.transform) - self.normal(conditions))


class SeriesProfile(Part):
    """What is normal for one series under one bundle."""

    backtest_loss: float = Field(gt=0, description="Mean loss per origin of the backtest.")
    losses: tuple[float, ...] = Field(description="Loss of each origin of the backtest, oldest first.")
    expected_loss: Linear = Field(description="Expected loss from absolute changes of the conditions since the origin before.")
    level: LevelTest


class DriftProfile(Part):
    """What `profile.json` keeps for monitoring: series (entity, or `all`) -> what is normal."""

    series: dict[str, SeriesProfile]
    faults: FaultProfile = Field(FaultProfile(), description="Normal days of each feed; empty in bundles of before.")


def calibrate(losses: pd.DataFrame, conditions: pd.DataFrame, spec: UseCaseSpec, seed: int) -> DriftProfile:
    """Learn what is normal, and the threshold that keeps the budget of false alarms.

    Args:
        losses: origin, series, loss of the backtest (see `scores.per_series`).
        conditions: origin, series, level and the context's columns, of all history known (see `conditions.conditions`).
        spec: Its `drift` gives the budget per year (shared by the series) and the allowance.
        seed: Of the bootstrap.

    Raises:
        TooLittleData: Fewer than 12 origins of a series.
    """
    names = sorted(losses["series"].unique())
    budget = spec.drift.false_alarms_per_year / max(1, len(names))
    profiles = {}
    for name in names:
        of_series = conditions[conditions["series"] == name].sort_values("origin").reset_index(drop=True)
        if len(of_series) < MIN_ORIGINS:
            raise TooLittleData(
                f"{spec.name}, series {name}: {len(of_series)} origins with truth to calibrate drift on",
                hint=f"at least {MIN_ORIGINS} are needed; backfill more history",
            )
        lost = losses[losses["series"] == name].sort_values("origin")
        profiles[name] = SeriesProfile(
            backtest_loss=float(max(lost["loss"].mean(), 1e-9)),
            losses=tuple(float(loss) for loss in lost["loss"]),
            expected_loss=_fit_expected_loss(lost, of_series),
            level=_fit_level(of_series, spec, budget, seed),
        )
    return DriftProfile(series=profiles)


@dataclass(frozen=True)
class Walk:
    """The level test over a run of origins; arrays (n,).

    Attributes:
        z: Standardised, clipped at ±4; 0 where there is no reference yet.
        cusum: The larger side, negative when the level is too low.
        alarm: Above the threshold; always False before the release, where an alarm only moves the reference.
        absorbed: Excursions before the release that moved the reference: the world changed there.
        since: Index of the first origin of the excursion that the last origin is in.
    """

    z: np.ndarray
    cusum: np.ndarray
    alarm: np.ndarray
    absorbed: np.ndarray
    since: int | None


def walk(test: LevelTest, residuals: np.ndarray, released: int) -> Walk:
    """Run the CUSUM; origins before index `released` are history that the bundle was made with.

    Args:
        residuals: Of consecutive origins (n,), oldest first.
        released: First origin that may alarm. What went on at that moment is the new normal.
    """
    z, cusum = np.zeros(len(residuals)), np.zeros(len(residuals))
    alarm, absorbed = np.zeros(len(residuals), dtype=bool), np.zeros(len(residuals), dtype=bool)
    start, up, down = 0, _Side(), _Side()
    for now in range(len(residuals)):
        if now == released:
            worse = max(up, down, key=lambda side: side.total)
            start = worse.since if worse.total > test.threshold / 2 else start
            up, down = _Side(), _Side()
        z[now] = _standardised(residuals[max(start, now - test.reference_origins) : now], residuals[now], test)
        up.add(z[now] - test.allowance, now)
        down.add(-z[now] - test.allowance, now)
        worse = max(up, down, key=lambda side: side.total)
        cusum[now] = worse.total if worse is up else -worse.total
        alarm[now] = worse.total > test.threshold
        if alarm[now] and now < released:
            absorbed[worse.since : now + 1] = True
            alarm[now], start, up, down = False, worse.since, _Side(), _Side()
    worse = max(up, down, key=lambda side: side.total)
    return Walk(z, cusum, alarm, absorbed, worse.since if worse.total > 0 else None)


@dataclass
class _Side:
    """One side of a CUSUM, and the first origin of its present excursion."""

    total: float = 0.0
    since: int = 0

    def add(self, excess: float, now: int) -> None:
        self.since = now if self.total == 0.0 else self.since
        self.total = max(0.0, self.total + excess)


def expected_loss(profile: SeriesProfile, conditions: pd.DataFrame) -> np.ndarray:
    """Loss to expect at each origin (n,) given how much its conditions changed; between 1/4 and 3 times the backtest's mean."""
    loss = profile.expected_loss(_changes(conditions))
    return np.asarray(np.clip(loss, 0.25 * profile.backtest_loss, 3 * profile.backtest_loss))


def context_columns(conditions: pd.DataFrame) -> list[str]:
    """The columns of `conditions` that the use case gave."""
    return [column for column in conditions.columns if column not in KEYS]


def _standardised(reference: np.ndarray, residual: float, test: LevelTest) -> float:
    if len(reference) < MIN_REFERENCE:
        return 0.0
    error, usual = (MEDIAN_ERROR / count for count in (len(reference), test.reference_origins))
    widening = np.sqrt((1 + error) / (1 + usual))
    return float(np.clip((residual - np.median(reference)) / (test.scale * widening), -CLIP, CLIP))


def _transform(level: np.ndarray, transform: str) -> np.ndarray:
    return np.log(np.maximum(level, 1e-9)) if transform == "log" else level


def _changes(conditions: pd.DataFrame) -> pd.DataFrame:
    return conditions[context_columns(conditions)].astype(float).diff().abs().fillna(0.0)


def _robust_scale(values: np.ndarray) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _columns_that_vary(frame: pd.DataFrame) -> list[str]:
    return [column for column in frame.columns if frame[column].std() > 1e-9]


def _fit_level(conditions: pd.DataFrame, spec: UseCaseSpec, budget: float, seed: int) -> LevelTest:
    level = conditions["level"].to_numpy(float)
    transform: Literal["log", "plain"] = "log" if spec.task == "forecast" and level.min() > 0 else "plain"
    target = _transform(level, transform)
    unit = max(_robust_scale(target), 1e-3 * float(np.abs(target).mean()), 1e-9)
    columns = _columns_that_vary(conditions[context_columns(conditions)].astype(float))
    normal = _fit_linear(HuberRegressor(alpha=1.0, max_iter=5_000), conditions[columns], target / unit, unit)
    draft = LevelTest(
        transform=transform,
        normal=normal,
        scale=unit,
        allowance=spec.drift.allowance,
        threshold=ABSORB * (CLIP - spec.drift.allowance),
        reference_origins=spec.drift.reference_origins,
    )
    residuals = draft.residuals(conditions)
    gaps = [
        residuals[i] - np.median(residuals[max(0, i - draft.reference_origins) : i]) for i in range(MIN_REFERENCE, len(residuals))
    ]
    scaled = draft.model_copy(update={"scale": max(_robust_scale(np.array(gaps)), 1e-2 * unit, 1e-9)})
    past = walk(scaled, residuals, released=len(residuals))
    z = past.z[~past.absorbed][MIN_REFERENCE:]
    per_year = max(1, int(timedelta(days=365) / spec.origins.every))
    return scaled.model_copy(update={"threshold": threshold(z, scaled.allowance, per_year, budget, seed)})


def _fit_expected_loss(losses: pd.DataFrame, conditions: pd.DataFrame) -> Linear:
    changes = _changes(conditions).assign(origin=conditions["origin"])
    joined = losses[["origin", "loss"]].merge(changes, on="origin", how="inner")
    mean = float(losses["loss"].mean())
    if len(joined) < MIN_ORIGINS:
        return Linear(intercept=mean)
    loss = joined["loss"].to_numpy(float)
    calm = np.minimum(loss, np.median(loss) + CLIP * max(_robust_scale(loss), 1e-9))
    spread = conditions[context_columns(conditions)].astype(float).std()
    jumping = joined[[column for column in spread.index if joined[column].mean() > SLOW * spread[column]]]
    columns = _columns_that_vary(jumping)
    return _fit_linear(Ridge(alpha=10.0, positive=True), joined[columns], calm, 1.0)


def _fit_linear(model: HuberRegressor | Ridge, inputs: pd.DataFrame, target: np.ndarray, unit: float) -> Linear:
    if inputs.shape[1] == 0:
        return Linear(intercept=float(np.median(target) * unit))
    values = inputs.to_numpy(float)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    model.fit((values - mean) / spread, target)
    weights = model.coef_ * unit / spread
    return Linear(
        intercept=float(model.intercept_ * unit - weights @ mean),
        weights=dict(zip(inputs.columns, map(float, weights), strict=True)),
    )


def threshold(z: Sequence[float] | np.ndarray, allowance: float, per_year: int, budget: float, seed: int) -> float:
    """The least CUSUM threshold with at most `budget` false alarms a year, by moving-block bootstrap of normal origins.

    Never so low that one origin, clipped, could alarm alone: short histories make thresholds look too good.
    """
    values = np.asarray(z, dtype=float)
    chance = np.random.default_rng(seed)
    starts = chance.integers(0, len(values), (YEARS, -(-per_year // BLOCK)))
    rows = ((starts[:, :, None] + np.arange(BLOCK)) % len(values)).reshape(YEARS, -1)[:, :per_year]
    years = values[rows]
    low = FLOOR * (CLIP - allowance)
    for candidate in np.arange(low, low + 60.0, 0.25):
        if _alarms_per_year(years, allowance, float(candidate)) <= budget:
            return float(candidate)
    raise TooLittleData("no drift threshold keeps the false-alarm budget", hint="raise drift.allowance or the budget")


def _alarms_per_year(years: np.ndarray, allowance: float, limit: float) -> float:
    up, down, alarms = np.zeros(len(years)), np.zeros(len(years)), 0
    for z in years.T:
        up, down = np.maximum(0.0, up + z - allowance), np.maximum(0.0, down - z - allowance)
        over = (up > limit) | (down > limit)
        alarms += int(over.sum())
        up[over] = down[over] = 0.0
    return alarms / len(years)
