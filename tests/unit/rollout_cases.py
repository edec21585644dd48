"""Rollouts to judge: a plan, evidence that is good in every way, and what may go wrong with it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from model_code.rollout_evidence import (
    PairedReplay,
    Plan,
    ReplayedOrigin,
    ServingMetrics,
    ShadowComparison,
    Step,
    StepEvidence,
    TrackMetrics,
)
from model_code.rollout_spec import Rollout
from model_code.verdict import PairedVerdict

ORIGINS = 14
FIRST = datetime(2024, 3, 1, tzinfo=UTC)
RULES = Rollout(origins=ORIGINS)
SHADOW, REPLAY = Step(kind="shadow"), Step(kind="replay")
FIVE, HALF, ALL = (Step(kind="weight", weight=percent) for percent in (5, 50, 100))
BETTER = PairedVerdict(better=True, gain=0.1, low=0.05, high=0.15, n=21, reason="better")
WORSE = BETTER.model_copy(update={"better": False, "gain": -0.1, "reason": "not sure to be better"})
EMPTY = TrackMetrics(requests=0, failed=0)


def plan(*, unseen: bool = True, origins: int = ORIGINS) -> Plan:
    """Fixed beforehand."""
    return Plan(
        usecase="demand",
        at=FIRST + timedelta(days=40),
        champion="1",
        champion_bundle="a" * 64,
        challenger="2",
        challenger_bundle="b" * 64,
        image=None,
        steps=(SHADOW, REPLAY, FIVE, HALF),
        origins=tuple(FIRST + timedelta(days=day) for day in range(origins)),
        unseen=unseen,
        confidence=0.9,
        min_gain=0.0,
    )


def replay(
    gain: float = 0.1, *, origins: int = ORIGINS, seconds: float | None = 0.05, wobble: float = 0.05, **told: Any
) -> PairedReplay:
    """Every origin's loss is lower by this share, give or take `wobble`."""
    given = [
        ReplayedOrigin(
            origin=FIRST + timedelta(days=day),
            champion=10.0,
            challenger=10.0 * (1 - gain + wobble * (-1) ** day),
            champion_seconds=0.04,
            challenger_seconds=seconds,
        )
        for day in range(origins)
    ]
    return PairedReplay(origins=tuple(given), **{"unseen": True} | told)


def without(found: PairedReplay, day: int, **fields: None) -> PairedReplay:
    """The same with something of one origin missing."""
    origins = list(found.origins)
    origins[day] = origins[day].model_copy(update=fields)
    return found.model_copy(update={"origins": tuple(origins)})


def metrics(
    requests: int = 1000,
    failed: int = 0,
    p99: float | None = 0.05,
    *,
    at_least: float | None = 0.04,
    stable: TrackMetrics | None = None,
) -> ServingMetrics:
    """What the canary's callers met, beside a stable track without fault."""
    usual = stable or TrackMetrics(requests=10_000, failed=10, p99=0.04)
    p99, at_least = (p99, at_least) if requests else (None, None)
    return ServingMetrics(stable=usual, canary=TrackMetrics(requests=requests, failed=failed, p99=p99, p99_at_least=at_least))


def shadow(requests: int = 50, **told: Any) -> ShadowComparison:
    """Its shadow answered as one would wish."""
    usual = {"failed": 0, "difference": 0.05, "seconds": 0.03, "stable_seconds": 0.02}
    return ShadowComparison(requests=requests, **((usual if requests else {}) | told))


def seen(seconds: float = 60, **told: Any) -> StepEvidence:
    """Good in every way but as told."""
    usual = {"ready": True, "shadow": shadow(), "replay": replay(), "metrics": metrics()}
    return StepEvidence(seconds=seconds, **(usual | told))
