"""May a new version go on to the next step of its rollout? Evidence of one look in, verdict with reasons out; pure.

What is not known never lets it on: no metric, no truth, no answer means no promotion.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from model_code.rollout_evidence import PairedReplay, Plan, ServingMetrics, ShadowComparison, Step, StepEvidence, TrackMetrics
from model_code.rollout_spec import Rollout
from model_code.specification import Promotion
from model_code.verdict import PairedVerdict, paired_verdict

FEW = 3  # failed requests: fewer are no share to end a rollout for at once
TIMES = ("challenger_seconds", "champion_seconds")
Decision = Literal["go", "stop", "wait"]


class StepVerdict(BaseModel):
    """What one look at a step says.

    Attributes:
        decision: `go` to the next step, `stop` the rollout, or `wait` and look again.
        reasons: Why, in words with numbers; never empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision: Decision
    reasons: tuple[str, ...]


def judge_step(step: Step, seen: StepEvidence, plan: Plan, rules: Rollout) -> StepVerdict:
    """Judge one look.

    Bad evidence stops at once. Missing or too little evidence waits, and stops when the step's time and patience are over.
    Good evidence lets on when the step has lasted as long as it should: who looks more often finds trouble earlier, never
    success.

    Args:
        step: Which step: a shadow needs its comparison, a replay the paired losses too, a weight the serving metrics as well.
        seen: What is known.
        plan: What was fixed before the first look.
        rules: Of the use case.
    """
    bad, missing = tuple(_bad(step, seen, plan, rules)), tuple(_missing(step, seen, rules))
    lasts = rules.step_seconds if step.kind == "weight" else 0.0
    if bad:
        return StepVerdict(decision="stop", reasons=bad)
    if missing:
        over = seen.seconds >= lasts + rules.patience_seconds
        return StepVerdict(decision="stop" if over else "wait", reasons=missing)
    if seen.seconds < lasts:
        return StepVerdict(decision="wait", reasons=(f"nothing against it after {seen.seconds:.0f} of {lasts:.0f} s",))
    return StepVerdict(decision="go", reasons=tuple(_good(step, seen, plan, rules)))


def replay_verdict(replay: PairedReplay, plan: Plan) -> PairedVerdict:
    """The paired verdict on exactly the origins that were registered: one without a loss, and there is none."""
    told = {each.origin: each for each in replay.origins}
    pairs = [told.get(origin) for origin in plan.origins]
    champion = [_number(None if pair is None else pair.champion) for pair in pairs]
    challenger = [_number(None if pair is None else pair.challenger) for pair in pairs]
    rule = Promotion(min_origins=max(2, len(pairs)), confidence=plan.confidence, min_gain=plan.min_gain)
    return paired_verdict(champion, challenger, rule)


def _bad(step: Step, seen: StepEvidence, plan: Plan, rules: Rollout) -> Iterator[str]:
    """What speaks against it; a step looks at its own evidence and at that of the steps before."""
    if seen.ready is False:
        yield "its track is not ready any more"
    if seen.shadow is not None:
        yield from _shadow_faults(seen.shadow, rules)
    if step.kind in ("replay", "weight") and seen.replay is not None:
        yield from _replay_faults(seen.replay, plan, rules)
    if step.kind == "weight" and seen.metrics is not None:
        yield from _metrics_faults(seen.metrics, rules)


def _missing(step: Step, seen: StepEvidence, rules: Rollout) -> Iterator[str]:
    if seen.ready is None:
        yield "whether its track is ready is not known"
    if seen.shadow is None:
        yield "what its shadow answered is not known"
    if step.kind in ("replay", "weight") and seen.replay is None:
        yield "there is no paired replay: no truth, no promotion"
    if step.kind != "weight":
        return
    if seen.metrics is None:
        yield "serving metrics of both tracks are missing: no metric, no promotion"
    elif seen.metrics.canary.requests < rules.min_requests and seen.metrics.canary.failed:
        yield f"{_share(seen.metrics.canary)} failed, and so few tell neither way"
    elif _looks_slow(seen.metrics, rules):
        yield f"{_tail(seen.metrics)}, and {seen.metrics.canary.requests} requests tell neither way"


def _good(step: Step, seen: StepEvidence, plan: Plan, rules: Rollout) -> Iterator[str]:
    assert seen.shadow is not None
    yield f"{seen.shadow.requests} requests replayed to its shadow" if seen.shadow.requests else "no request came for its shadow"
    if step.kind in ("replay", "weight") and seen.replay is not None:
        yield replay_verdict(seen.replay, plan).reason
    if step.kind == "weight" and seen.metrics is not None:
        enough = _tells(seen.metrics, rules)
        yield f"{_share(seen.metrics.canary)} failed" + ("" if enough else "; too few for a verdict: the paired replay decides")


def _shadow_faults(shadow: ShadowComparison, rules: Rollout) -> Iterator[str]:
    share = shadow.failed / shadow.requests if shadow.requests else 0.0
    if share > rules.error_floor:
        yield f"its shadow failed on {shadow.failed} of {shadow.requests} requests"
    if shadow.difference is not None and shadow.difference > rules.max_difference:
        yield f"its answers differ by {shadow.difference:.0%} from those given, more than {rules.max_difference:.0%}"
    if shadow.requests > shadow.failed and shadow.difference is None:
        yield "its shadow's answers could not be compared"
    if shadow.requests > shadow.failed and shadow.seconds is None:
        yield "how long its shadow takes is not known"
    if _slower(shadow.seconds, shadow.stable_seconds, rules):
        yield f"its shadow takes {shadow.seconds:.3f} s, {_beside(shadow.stable_seconds)}"


def _replay_faults(replay: PairedReplay, plan: Plan, rules: Rollout) -> Iterator[str]:
    verdict = replay_verdict(replay, plan)
    if not verdict.better:
        yield f"paired replay: {verdict.reason}"
    if replay.unseen != plan.unseen:
        yield "the replay is not the registered one"
    if not plan.unseen and replay.backtest is None:
        yield "its training saw the replayed origins, and there is no backtest on others"
    elif not plan.unseen and replay.backtest is not None and not replay.backtest.better:
        yield f"its training saw the replayed origins, and on others: {replay.backtest.reason}"
    slow, usual = (_median([getattr(each, name) for each in replay.origins]) for name in TIMES)
    if any(getattr(each, name) is None for each in replay.origins for name in TIMES):
        yield "how long a replayed answer takes is not known of every origin"
    if _slower(slow, usual, rules):
        yield f"a replayed answer takes {slow:.3f} s, {_beside(usual)}"


def _metrics_faults(metrics: ServingMetrics, rules: Rollout) -> Iterator[str]:
    stable, canary = metrics.stable, metrics.canary
    usual = stable.failed / stable.requests if stable.requests else 0.0
    most = max(rules.error_floor, rules.max_error_ratio * usual)
    failed = canary.failed / canary.requests if canary.requests else 0.0
    if failed > most and (canary.failed >= FEW or canary.requests >= rules.min_requests):
        yield f"{_share(canary)} failed, {usual:.2%} of the stable track's"
    if _looks_slow(metrics, rules) and _slower(canary.p99_at_least, stable.p99, rules):
        yield _tail(metrics)
    if _tells(metrics, rules) and (canary.p99 is None or stable.p99 is None):
        yield "requests without a latency: the metrics contradict themselves"


def _tells(metrics: ServingMetrics, rules: Rollout) -> bool:
    """Whether there were enough requests on both tracks for their metrics to be a verdict."""
    return min(metrics.stable.requests, metrics.canary.requests) >= rules.min_requests


def _looks_slow(metrics: ServingMetrics, rules: Rollout) -> bool:
    """Whether the canary's p99 so far is too long: of a hundred answers that may be two that met a busy node."""
    return _tells(metrics, rules) and _slower(metrics.canary.p99, metrics.stable.p99, rules)


def _tail(metrics: ServingMetrics) -> str:
    return f"one in a hundred answers takes more than {metrics.canary.p99:.3f} s, {_beside(metrics.stable.p99)}"


def _slower(seconds: float | None, usual: float | None, rules: Rollout) -> bool:
    """Whether an answer takes too long; without anything to compare with, only the floor counts."""
    if seconds is None:
        return False
    return seconds > max(rules.latency_floor_seconds, rules.max_latency_ratio * (usual or 0.0))


def _share(track: TrackMetrics) -> str:
    return f"{track.failed} of {track.requests} requests"


def _beside(seconds: float | None) -> str:
    return "and there is nothing to compare with" if seconds is None else f"{seconds:.3f} s is usual"


def _median(values: list[float | None]) -> float | None:
    told = sorted(value for value in values if value is not None)
    return told[len(told) // 2] if told else None


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
