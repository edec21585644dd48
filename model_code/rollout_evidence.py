"""What is known of a new version while it is rolled out; None always means: not known."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat

from model_code.verdict import PairedVerdict

Kind = Literal["shadow", "replay", "weight"]


class Told(BaseModel):
    """Frozen, strict about names; JSON both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TrackMetrics(Told):
    """What the callers of one track met since the step began.

    Attributes:
        requests: How many were answered, however.
        failed: How many of them with a status of 400 or more: both tracks get the same mix of callers.
        p99: Seconds that 99 in 100 answers took at most; None without answers.
        p99_at_least: Seconds that the p99 of many more such answers is at least, with 99 % confidence: the order statistic that
            the binomial distribution tells. None without answers.
    """

    requests: int = Field(ge=0)
    failed: int = Field(ge=0)
    p99: FiniteFloat | None = Field(None, ge=0)
    p99_at_least: FiniteFloat | None = Field(None, ge=0)


class ServingMetrics(Told):
    """Both tracks, over the same time; where the canary answers all, stable over the time just before."""

    stable: TrackMetrics
    canary: TrackMetrics


class ShadowComparison(Told):
    """Live requests beside the new version's answers to them, which nobody got.

    Attributes:
        requests: How many arrived and were replayed; 0: none came, which is known.
        failed: How many of them the new version did not answer.
        difference: Mean absolute difference of the values as a share of the mean absolute answer given; None without values.
        seconds: Median of its answers' time; None without answers.
        stable_seconds: Median of the time that the answers given took; None where that was not kept.
    """

    requests: int = Field(ge=0)
    failed: int = Field(0, ge=0)
    difference: FiniteFloat | None = Field(None, ge=0)
    seconds: FiniteFloat | None = Field(None, ge=0)
    stable_seconds: FiniteFloat | None = Field(None, ge=0)


class ReplayedOrigin(Told):
    """One forecast origin, asked of both endpoints.

    Attributes:
        origin: The origin.
        champion: Mean loss of the champion's answer, in the target's unit; None where it gave none.
        challenger: Likewise, on the same rows.
        champion_seconds: Time of its answer.
        challenger_seconds: Likewise.
    """

    origin: AwareDatetime
    champion: FiniteFloat | None = None
    challenger: FiniteFloat | None = None
    champion_seconds: FiniteFloat | None = None
    challenger_seconds: FiniteFloat | None = None


class PairedReplay(Told):
    """The pre-registered origins through both deployed endpoints, scored against stored truth.

    Attributes:
        origins: In the order of time; all that were registered, answered or not.
        backtest: The paired verdict on origins that neither was trained on, needed where the replay's own are not such:
            who has seen an origin's truth is flattered by it. None where they are.
        unseen: Whether neither was trained on any of these origins.
    """

    origins: tuple[ReplayedOrigin, ...]
    unseen: bool
    backtest: PairedVerdict | None = None


class StepEvidence(Told):
    """All that is known at one look.

    Attributes:
        seconds: Since the step began.
        ready: Whether the new version's track serves it.
        shadow: What its shadow answered.
        replay: The paired replay.
        metrics: What callers met.
    """

    seconds: float = Field(ge=0)
    ready: bool | None = None
    shadow: ShadowComparison | None = None
    replay: PairedReplay | None = None
    metrics: ServingMetrics | None = None


class Step(Told):
    """One step of a rollout.

    Attributes:
        kind: `shadow`: live requests, answers to nobody; `replay`: recent origins; `weight`: part of the traffic.
        weight: Percent of the traffic; 0 for the other kinds. 100: nobody meets the stable track, which still stands.

    Example:
        >>> Step(kind="weight", weight=25).name
        'weight-25'
    """

    kind: Kind
    weight: int = Field(0, ge=0, le=100)

    @property
    def name(self) -> str:
        """For people and for the ledger."""
        return f"{self.kind}-{self.weight}" if self.kind == "weight" else self.kind


class Plan(Told):
    """What is fixed before the first look; written down, so that neither a look nor a restart can change it.

    Attributes:
        usecase: Name of the use case.
        at: Moment of the decision (aware): what truth is known counts as of then.
        champion: Registry version that reigns.
        champion_bundle: Its hash.
        challenger: Registry version that wants to.
        challenger_bundle: Its hash.
        image: Image that the challenger runs in; None for the champion's.
        steps: In their order.
        origins: Of the paired replay.
        unseen: Whether neither was trained on any of them.
        confidence: One-sided; 1 minus the chance that a challenger no better passes.
        min_gain: Least relative gain.
    """

    usecase: str
    at: AwareDatetime
    champion: str
    champion_bundle: str
    challenger: str
    challenger_bundle: str
    image: str | None
    steps: tuple[Step, ...]
    origins: tuple[AwareDatetime, ...]
    unseen: bool
    confidence: float
    min_gain: float


def chosen_origins(known: Sequence[datetime], count: int, trained_until: Sequence[datetime]) -> tuple[tuple[datetime, ...], bool]:
    """The origins of the paired replay, and whether neither version was trained on any of them.

    Args:
        known: Origins whose truth is known, in the order of time.
        count: How many are wanted.
        trained_until: When the training of each version ended: origins from then on it has not seen.

    Example:
        >>> chosen_origins([], 2, [])
        ((), False)
    """
    unseen = [origin for origin in known if all(origin >= ended for ended in trained_until)]
    return (tuple(unseen[-count:]), True) if len(unseen) >= count else (tuple(known[-count:]), False)
