"""The specification of one prediction problem: `usecase.yaml` as frozen models."""

from datetime import time, timedelta
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, field_validator, model_validator

from model_code.feeds import Feed
from model_code.rollout_spec import Rollout
from model_code.spec import Name, Spec


class Target(Spec):
    """What is predicted."""

    feed: Name
    column: Name
    unit: str


class Origins(Spec):
    """When forecasts are made."""

    every: timedelta = Field(timedelta(days=1), gt=timedelta(0))
    at: time = Field(time(0, 0), description="Local time that origins are counted from, on a Monday.")


class Horizon(Spec):
    """What a forecast covers: `steps` times, `step` apart, the first one `first` after the origin."""

    steps: int = Field(ge=1, le=10_000)
    step: timedelta = Field(gt=timedelta(0))
    first: timedelta = Field(timedelta(0), ge=timedelta(0))

    @property
    def end(self) -> timedelta:
        """How long after its origin a forecast has ended: when the step that begins last is over.

        Example:
            >>> Horizon(steps=48, step=timedelta(minutes=30), first=timedelta(hours=1)).end
            datetime.timedelta(days=1, seconds=3600)
        """
        return self.first + self.steps * self.step


class Interval(Spec):
    """The prediction interval."""

    coverage: float = Field(0.9, gt=0, lt=1, description="Share of the truth that should lie inside.")
    group_steps: int = Field(4, ge=1, description="Lead times that share one calibration, in steps.")


class Search(Spec):
    """The hyperparameter search."""

    families: tuple[Name, ...] = Field(("naive", "ridge", "xgboost"), min_length=1)
    trials: int = Field(20, ge=1, le=10_000)
    timeout_seconds: float = Field(60, gt=0, description="The search stops here, with what it has.")


class Backtest(Spec):
    """Expanding window over forecast origins; the last `holdout` origins are never tuned on."""

    origins: int = Field(42, ge=2, description="Origins of the search's backtest, just before the holdout.")
    holdout: int = Field(21, ge=2, description="Latest origins, scored once, for the verdict and the calibration of thresholds.")
    refit_every: int = Field(14, ge=1, description="Origins between two refits.")
    min_train: int = Field(40, ge=1, description="Least origins of training before the first one scored.")


class Promotion(Spec):
    """When a challenger replaces the champion: paired on the same origins."""

    min_origins: int = Field(4, ge=2, description="Fewer paired origins than this and the champion stays.")
    confidence: float = Field(0.9, gt=0.5, lt=1, description="One-sided confidence that the challenger's loss is lower.")
    min_gain: float = Field(0.0, ge=0, lt=1, description="Least relative gain.")


class Candidate(Spec):
    """A model family with its parameters: what a search proposes, a slate lists and a bundle records."""

    family: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    half_life_days: float | None = Field(None, gt=0, description="Age at which a row counts half. Default: all rows count alike.")


class Retrain(Spec):
    """What a retrain after trouble tries, and when its winner replaces the champion."""

    slate: tuple[Candidate, ...] = Field(
        (),
        description="What is tried; fixed beforehand, so that nothing is tuned on the origins that judge. Default: the best of each family as last searched.",
    )
    warm_up: int = Field(2, ge=1, description="Origins just before the trouble that choose the slate's first leader.")
    confidence: float = Field(
        0.8,
        gt=0.5,
        lt=1,
        description="One-sided confidence that the winner's loss is lower. Less than for a promotion in calm: the champion is known to be in trouble, and a wrong move can be rolled back.",
    )


class Recalibrate(Spec):
    """New intervals for the same model, when only its coverage slipped."""

    origins: int = Field(
        42,
        ge=2,
        description="Latest scored origins that the intervals are calibrated on; those of the backtest fill up what was not answered live.",
    )
    judged: int = Field(
        14, ge=2, description="Latest live origins that judge, each by a calibration on what was known before it."
    )


class Approval(Spec):
    """Whether a person is asked before the champion moves; a forced request of a person needs none."""

    promotion: bool = Field(False, description="Before a promotion, also that of a retrain or a recalibration.")
    rollback: bool = Field(False, description="Before a rollback.")
    timeout: timedelta = Field(
        timedelta(hours=1), ge=timedelta(seconds=1), le=timedelta(days=7), description="Who does not answer until then refuses."
    )


class Retention(Spec):
    """How long what grows is kept."""

    predictions: timedelta = Field(
        timedelta(days=400),
        ge=timedelta(days=1),
        description="Older predictions are deleted, but never those since the champion's release, which are still judged. Default: a year and a bit, so that a season can be compared with the last.",
    )


class Drift(Spec):
    """The season-aware level test; its threshold is calibrated to the false-alarm rate."""

    false_alarms_per_year: float = Field(
        2.0,
        gt=0,
        description="Budget from which the level test's threshold is calibrated, all series together. The tests for data faults and levels against neighbours have a fixed one: docs/drift.md.",
    )
    allowance: float = Field(
        1.25,
        gt=0,
        description="CUSUM allowance, in standard deviations of a normal origin: about a third of the shift that matters.",
    )
    reference_origins: int = Field(
        21, ge=7, description="Origins before one that tell its normal level; longer follows the season more slowly."
    )


class Report(Spec):
    """Reports for people, and the tests of features and quality that go with them: docs/reports.md."""

    every: timedelta = Field(
        timedelta(days=7), gt=timedelta(0), description="Least time between two reports; each takes seconds."
    )
    window: timedelta = Field(
        timedelta(days=7), gt=timedelta(0), description="Latest origins that are compared with those before the training ended."
    )
    reference_origins: int = Field(28, ge=2, description="Origins just before the champion's training ended.")
    columns: tuple[str, ...] = Field((), description="Feature columns to compare. Default: all; each takes a tenth of a second.")
    max_rows: int = Field(
        2_000,
        ge=100,
        le=100_000,
        description="Rows of a window that Evidently sees; more are sampled down, so that time and memory are bounded.",
    )
    false_alarms_per_year: float = Field(
        2.0,
        gt=0,
        description="Budget of the shift tests together, and of Evidently's quality, from which their limits are calibrated.",
    )
    keep: int = Field(60, ge=1, le=10_000, description="Most reports that are kept; the oldest go first. Each takes about 2 MB.")
    max_age: timedelta = Field(timedelta(days=366), gt=timedelta(0), description="Older reports go; the newest always stays.")


class Policy(Spec):
    """When evidence becomes an action."""

    ratio_breach: float = Field(1.5, gt=1, description="Live loss / expected loss above which an origin counts as bad.")
    ratio_near: float = Field(1.2, gt=1, description="Live loss / backtest loss that counts as recovered, over near_origins.")
    near_origins: int = Field(7, ge=1)
    min_origins: int = Field(3, ge=1, description="Least scored origins before any action.")
    window: int = Field(4, ge=1, description="Latest origins that are judged.")
    breaches: int = Field(3, ge=1, description="Bad origins in the window that make a breach (hysteresis).")
    detection_deadline: int = Field(7, ge=1, description="Origins after a lasting change within which an action must come.")
    attribution: timedelta = Field(timedelta(days=10), description="A release this recent is the first suspect.")
    cooldown: timedelta = Field(timedelta(days=3), description="Least time between two actions.")
    actions_per_week: int = Field(3, ge=1)
    max_evidence_age: timedelta = Field(timedelta(days=3), description="Older evidence is no evidence.")
    blatant_ratio: float = Field(
        3.0, gt=1, description="Every origin since a release above this: a rollback need not wait for min_origins, only for two."
    )
    stale_origins: int = Field(
        21, ge=2, description="Latest origins that must be mostly bad before a loss without drift of the level means: retrain."
    )
    coverage_origins: int = Field(21, ge=2, description="Latest origins over which coverage is judged.")
    coverage_slack: float = Field(0.15, gt=0, lt=1, description="Coverage this far below the objective: recalibrate.")
    max_data_age: timedelta = Field(timedelta(days=1), description="Older data are at fault, not the model: refresh.")
    max_quarantined: float = Field(
        0.2, gt=0, le=1, description="Share of recent rows in quarantine above which data are at fault."
    )
    scope_tolerance: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="How much more the entities that asked for nothing may lose by an action for others, as a share. Above it, or where it is not known, nothing moves and a person is called.",
    )
    evidently_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of drifted columns in Evidently's report that is recorded as a warning; never enough alone.",
    )


class UseCaseSpec(Spec):
    """`usecase.yaml`."""

    name: Name
    title: str
    task: Literal["forecast", "classification"] = "forecast"
    timezone: str = Field("UTC", description="IANA zone of calendar features and origins.")
    entities: tuple[str, ...] | None = Field(
        None, description="What is predicted for. Default: every entity with a row in `entity_feed` since the last origin."
    )
    entity_feed: Name | None = None
    feeds: dict[Name, Feed] = Field(min_length=1)
    target: Target
    origins: Origins = Origins()
    horizon: Horizon
    lookback: timedelta = Field(timedelta(days=15), description="How far before the origin features look.")
    baseline: str | None = Field(
        None, description="Feature column that the naive model answers with. Default: the mean of the training target."
    )
    interval: Interval = Interval()
    search: Search = Search()
    backtest: Backtest = Backtest()
    promotion: Promotion = Promotion()
    retrain: Retrain = Retrain()
    recalibrate: Recalibrate = Recalibrate()
    approval: Approval = Approval()
    rollout: Rollout = Rollout()
    retention: Retention = Retention()
    drift: Drift = Drift()
    report: Report = Report()
    slices: tuple[str, ...] = Field(
        (),
        max_length=8,
        description="Feature columns by whose values the rows are cut and watched apart, beside lead time, hour, weekday, season and entity: up to 8 different values as they are, others in four bands of the backtest.",
    )
    policy: Policy = Policy()
    present: AwareDatetime | None = Field(None, description="Fixed present of a data set that has ended. Default: the clock.")
    seed: int = 20140101

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except Exception as error:
            raise ValueError(f"unknown time zone {value!r}") from error
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        feed = self.feeds.get(self.target.feed)
        if feed is None:
            raise ValueError(f"target.feed {self.target.feed!r} is not one of the feeds {sorted(self.feeds)}")
        if self.target.column not in feed.columns:
            raise ValueError(f"target.column {self.target.column!r} is not a column of feed {self.target.feed!r}")
        if (self.entities is None) == (self.entity_feed is None):
            raise ValueError("give either entities or entity_feed")
        if self.entity_feed is not None and self.entity_feed not in self.feeds:
            raise ValueError(f"entity_feed {self.entity_feed!r} is not one of the feeds {sorted(self.feeds)}")
        return self

    @model_validator(mode="after")
    def _truth_is_awaited(self) -> Self:
        """A policy that gives the truth no time to come would call every evidence stale, for ever."""
        target, horizon = self.feeds[self.target.feed], self.horizon
        delay = (target.step or timedelta(0)) + target.publication_delay
        scored = horizon.end - horizon.step + delay + self.origins.every
        for name, least in (("max_evidence_age", scored), ("max_data_age", delay)):
            if getattr(self.policy, name) < least:
                raise ValueError(f"policy.{name} must be at least {least}: so long after an origin its truth may come")
        return self
