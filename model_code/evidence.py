"""What the policy sees: frozen facts about the latest scored origins, the data, and the releases."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

ActionName = Literal["hold", "recalibrate", "rollback", "retrain"]


class Fact(BaseModel):
    """Frozen, strict about names, JSON both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OriginEvidence(Fact):
    """One scored origin of one series, answered by the present champion."""

    origin: AwareDatetime
    loss: float = Field(ge=0, description="Mean loss over its rows, in the target's unit (Brier score for a classification).")
    expected_loss: float = Field(gt=0, description="Loss that the backtest makes one expect on such a day.")
    bias: float = Field(0.0, description="Mean of truth minus prediction.")
    coverage: float | None = Field(None, ge=0, le=1, description="Share of the truth inside the interval.")
    level_z: float = Field(0.0, description="Level of the truth against what such a day should give, in standard deviations.")
    cusum: float = Field(0.0, description="CUSUM of level_z on its worse side, signed: positive when the level is too high.")
    alarm: bool = Field(False, description="Whether the CUSUM stands above its calibrated threshold.")
    previous_loss: float | None = Field(None, ge=0, description="Loss of the previous bundle replayed on the same rows.")
    baseline_loss: float | None = Field(None, ge=0, description="Loss of the baseline on the same rows.")
    width: float | None = Field(None, ge=0, description="Mean width of its intervals, in the target's unit.")
    anomalies: float | None = Field(
        None, ge=0, le=1, description="Share of the truth further from the forecast than twice the interval's bound on that side."
    )

    @property
    def ratio(self) -> float:
        """Live loss divided by expected loss."""
        return self.loss / self.expected_loss


class PairedLoss(Fact):
    """One origin that two versions answered: the losses of both, in the target's unit."""

    before: float = Field(ge=0, allow_inf_nan=False, description="Of the version that was champion then.")
    after: float = Field(ge=0, allow_inf_nan=False, description="Of the one that took over.")


class Release(Fact):
    """A bundle that became champion."""

    version: str
    at: AwareDatetime
    action: str = Field("promote", description="promote, retrain, rollback or recalibrate: what made it champion.")
    forced: bool = False
    won_on: tuple[PairedLoss, ...] = Field(
        (), description="Origins of the trouble that a retrain won on and was promoted for; empty where no retrain made it."
    )


class PartEvidence(Fact):
    """What answers for one series, where entities may be answered by models of their own.

    Attributes:
        version: Registry version of its part.
        release: What brought that part to it; None before the first.
        previous: Version that a rollback of this series goes to.
        bad: Versions that this series was rolled back from; never gone back to.
        shared: Whether a rollback of all would bring this series to its own previous version, too.
    """

    version: str | None
    release: Release | None
    previous: str | None = None
    bad: tuple[str, ...] = ()
    shared: bool = True

    @property
    def released_at(self) -> datetime | None:
        """When it began to answer for the series."""
        return self.release.at if self.release else None


class SeriesEvidence(Fact):
    """One entity (or all together, under the name `all`): origins since the last release, oldest first.

    Example:
        >>> SeriesEvidence(name="VIC", backtest_loss=0.2).origins
        ()
    """

    name: str
    backtest_loss: float = Field(gt=0, description="Mean loss per origin of the champion's backtest.")
    origins: tuple[OriginEvidence, ...] = ()
    level_since: AwareDatetime | None = Field(None, description="First origin of the level's present excursion, if it alarms.")
    part: PartEvidence | None = Field(None, description="What answers for it; None: the champion as a whole.")


class SliceEvidence(Fact):
    """A part of the rows (an hour, a weekday, a season, a band of temperature, a group of people) since the last release.

    Attributes:
        dimension: What the rows are cut by, such as `hour`.
        value: Which part, such as `17`.
        loss: Mean loss of its rows, in the target's unit (Brier score for a classification).
        expected_loss: What the backtest lost on such rows.
        origins: Scored origins with such rows.
        departs: Whether its ratio is above the others' beyond chance, all slices of the use case taken together.
        previous_loss: Mean loss of the previous bundle on the same rows.
        baseline_loss: Mean loss of the baseline on the same rows.
    """

    dimension: str
    value: str
    loss: float = Field(ge=0)
    expected_loss: float = Field(gt=0)
    bias: float = 0.0
    origins: int = Field(ge=0)
    departs: bool = False
    previous_loss: float | None = Field(None, ge=0)
    baseline_loss: float | None = Field(None, ge=0)


class DataFault(Fact):
    """Something wrong with the data, not with the model: retraining on it would teach the fault.

    Attributes:
        kind: `stuck` (one value over and over), `swapped` (columns in each other's place), `clock` (shifted in time),
            `scale` (another unit or amplitude), `missing` (a column or a feed stopped).
        feed: Where.
        entity: Whose rows; None where it is all of them.
        column: Which column; of swapped ones, both, as `a, b`.
        since: First time that is affected.
        statistic: What the test measured.
        threshold: The calibrated value that it went above.
        text: The finding in words, with numbers.
    """

    kind: Literal["stuck", "swapped", "clock", "scale", "missing"]
    feed: str
    entity: str | None = None
    column: str | None = None
    since: AwareDatetime | None = None
    statistic: float
    threshold: float
    text: str


class Action(Fact):
    """Something the policy decided earlier and that was carried out."""

    action: ActionName
    at: AwareDatetime
    scope: tuple[str, ...] = ()

    def concerns(self, series: Collection[str]) -> bool:
        """Whether it was done to one of these series; empty means all, on either side."""
        return not self.scope or not series or not set(self.scope).isdisjoint(series)


class Evidence(Fact):
    """Everything that one verdict rests on; stored with it in the ledger."""

    usecase: str
    at: AwareDatetime = Field(description="When it was gathered (simulated or real).")
    champion: str | None = Field(None, description="Version that answers.")
    previous: str | None = Field(None, description="Version that a rollback would go to.")
    bad_versions: tuple[str, ...] = Field((), description="Versions that were rolled back from; never gone back to.")
    releases: tuple[Release, ...] = Field((), description="Oldest first; the last one made the champion.")
    series: tuple[SeriesEvidence, ...] = ()
    data_age: timedelta | None = Field(None, description="Age of the newest observation of the target's feed; None: no data.")
    prediction_age: timedelta | None = Field(None, description="Age of the newest prediction's origin.")
    quarantined_share: float = Field(0.0, ge=0, le=1, description="Share of recent rows that went to quarantine.")
    coverage_objective: float | None = Field(None, gt=0, lt=1, description="None: no intervals (classification).")
    drifted_share: float | None = Field(None, ge=0, le=1, description="Evidently's share of drifted columns: a warning only.")
    has_baseline: bool = Field(
        False, description="Whether the use case names a baseline: then what it confirms needs its losses, and is not assumed."
    )
    evidently_breach: str | None = Field(
        None, description="Which of Evidently's values stands above its calibrated threshold, in words; None where none does."
    )
    divisible: bool = Field(
        False, description="Whether an action may change what answers for some series alone: their parts fit together."
    )
    slices: tuple[SliceEvidence, ...] = ()
    data_faults: tuple[DataFault, ...] = ()
    estimated_ratio: float | None = Field(
        None, ge=0, description="Live over expected loss of the origins that have no truth yet, estimated from what is known."
    )
    estimate_error: float | None = Field(
        None, ge=0, description="How far such estimates were off where the truth came since, as a logarithm; docs/truth.md."
    )

    def part_of(self, series: SeriesEvidence) -> PartEvidence:
        """What answers for a series: a part of its own, or the champion as a whole."""
        release = self.releases[-1] if self.releases else None
        return series.part or PartEvidence(version=self.champion, release=release, previous=self.previous, bad=self.bad_versions)

    @property
    def newest_origin(self) -> datetime | None:
        """The newest scored origin of any series."""
        return max((point.origin for series in self.series for point in series.origins), default=None)

    @property
    def released_at(self) -> datetime | None:
        """When the champion became champion."""
        return self.releases[-1].at if self.releases else None
