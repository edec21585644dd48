"""The judgement of a rollout's steps: a table of cases, and what holds for any evidence."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_code.rollout import judge_step, replay_verdict
from model_code.rollout_evidence import Step, StepEvidence, TrackMetrics, chosen_origins
from model_code.rollout_spec import Rollout
from tests.unit.rollout_cases import (
    ALL,
    BETTER,
    EMPTY,
    FIRST,
    FIVE,
    HALF,
    ORIGINS,
    REPLAY,
    RULES,
    SHADOW,
    WORSE,
    metrics,
    plan,
    replay,
    seen,
    shadow,
    without,
)

LATE = RULES.step_seconds + RULES.patience_seconds
NO_TRAFFIC = metrics(0, stable=EMPTY)
CASES: list[tuple[str, Step, StepEvidence, str, str]] = [
    ("all is well", FIVE, seen(), "go", "0 of 1000 requests failed"),
    ("all is well with more weight", HALF, seen(), "go", "better"),
    ("too early to say so", FIVE, seen(59), "wait", "59 of 60 s"),
    ("trouble is never too early", FIVE, seen(1, metrics=metrics(100, 5)), "stop", "5 of 100 requests failed"),
    ("no traffic, better", FIVE, seen(metrics=NO_TRAFFIC), "go", "the paired replay decides"),
    ("no traffic, worse", FIVE, seen(metrics=NO_TRAFFIC, replay=replay(-0.1)), "stop", "paired replay: not sure"),
    ("no traffic, as good", FIVE, seen(metrics=NO_TRAFFIC, replay=replay(0.0)), "stop", "paired replay: not sure"),
    ("good metrics, worse", FIVE, seen(replay=replay(-0.1)), "stop", "paired replay: not sure"),
    ("no metrics", FIVE, seen(metrics=None), "wait", "no metric, no promotion"),
    ("no metrics for too long", FIVE, seen(LATE, metrics=None), "stop", "no metric, no promotion"),
    ("no truth", FIVE, seen(LATE, replay=None), "stop", "no truth, no promotion"),
    ("no shadow", FIVE, seen(LATE, shadow=None), "stop", "what its shadow answered is not known"),
    ("readiness not known", FIVE, seen(LATE, ready=None), "stop", "ready is not known"),
    ("nothing known at all", FIVE, StepEvidence(seconds=LATE), "stop", "not known"),
    ("crashed", FIVE, seen(1, ready=False), "stop", "not ready any more"),
    ("a few failed of few", FIVE, seen(metrics=metrics(20, 2)), "wait", "so few tell neither way"),
    ("a few failed of few for too long", FIVE, seen(LATE, metrics=metrics(20, 2)), "stop", "so few tell neither way"),
    ("three failed of few", FIVE, seen(1, metrics=metrics(20, 3)), "stop", "3 of 20 requests failed"),
    ("every request failed", FIVE, seen(1, metrics=metrics(3, 3)), "stop", "3 of 3 requests failed"),
    ("few requests, none failed", FIVE, seen(metrics=metrics(20)), "go", "too few for a verdict"),
    ("one in a thousand failed", FIVE, seen(metrics=metrics(1000, 1)), "go", "1 of 1000"),
    (
        "callers at fault on both tracks",
        FIVE,
        seen(metrics=metrics(1000, 80, stable=TrackMetrics(requests=10_000, failed=800, p99=0.04))),
        "go",
        "80 of 1000",
    ),
    ("answers all, and well", ALL, seen(), "go", "better"),
    ("answers all, and fails", ALL, seen(1, metrics=metrics(1000, 30)), "stop", "30 of 1000 requests failed"),
    ("slow under load", FIVE, seen(1, metrics=metrics(1000, p99=0.4, at_least=0.3)), "stop", "takes more than 0.400 s"),
    ("slow, and maybe by chance", FIVE, seen(metrics=metrics(150, p99=0.4)), "wait", "150 requests tell neither way"),
    ("slow, maybe by chance, for too long", FIVE, seen(LATE, metrics=metrics(150, p99=0.4)), "stop", "tell neither way"),
    ("slow, how sure not known", FIVE, seen(metrics=metrics(150, p99=0.4, at_least=None)), "wait", "tell neither way"),
    ("slow, but too few to tell", FIVE, seen(metrics=metrics(20, p99=0.4, at_least=0.3)), "go", "too few for a verdict"),
    ("slower than nothing to speak of", FIVE, seen(metrics=metrics(1000, p99=0.099)), "go", "better"),
    ("requests without latency", FIVE, seen(metrics=metrics(1000, p99=None)), "stop", "contradict themselves"),
    ("slow in the replay", REPLAY, seen(0, replay=replay(seconds=1.0)), "stop", "a replayed answer takes 1.000 s"),
    ("replay without latency", REPLAY, seen(0, replay=replay(seconds=None)), "stop", "is not known of every origin"),
    ("one origin not answered", REPLAY, seen(0, replay=without(replay(), 3, challenger=None)), "stop", "no loss on 1 origins"),
    ("the champion missed one", REPLAY, seen(0, replay=without(replay(), 3, champion=None)), "stop", "fewer than 14"),
    ("fewer origins than registered", REPLAY, seen(0, replay=replay(origins=ORIGINS - 1)), "stop", "fewer than 14"),
    ("other origins than registered", REPLAY, seen(0, replay=replay(unseen=False)), "stop", "not the registered one"),
    ("a replay needs no metrics", REPLAY, seen(0, metrics=None), "go", "better"),
    ("a replay without truth yet", REPLAY, seen(0, replay=None), "wait", "no truth"),
    ("a shadow needs no replay", SHADOW, seen(0, replay=None, metrics=None), "go", "50 requests replayed"),
    ("no request came", SHADOW, seen(0, shadow=shadow(0)), "go", "no request came"),
    ("the shadow failed", SHADOW, seen(0, shadow=shadow(50, failed=2)), "stop", "failed on 2 of 50"),
    ("the shadow answers something else", SHADOW, seen(0, shadow=shadow(difference=2.0)), "stop", "differ by 200%"),
    ("the shadow is slow", SHADOW, seen(0, shadow=shadow(seconds=0.5)), "stop", "takes 0.500 s"),
    ("slow beside nobody", SHADOW, seen(0, shadow=shadow(seconds=0.5, stable_seconds=None)), "stop", "nothing to compare"),
    ("nothing to compare", SHADOW, seen(0, shadow=shadow(difference=None)), "stop", "could not be compared"),
    ("the shadow's word still counts", HALF, seen(shadow=shadow(50, failed=50)), "stop", "failed on 50 of 50"),
]
SETTINGS = settings(deadline=None, max_examples=150, derandomize=True)


@pytest.mark.parametrize(("step", "known", "decision", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_judge_step__case(step: Step, known: StepEvidence, decision: str, reason: str) -> None:
    verdict = judge_step(step, known, plan(), RULES)

    assert (verdict.decision, reason in "; ".join(verdict.reasons)) == (decision, True), verdict


@pytest.mark.parametrize(("backtest", "decision"), [(None, "stop"), (WORSE, "stop"), (BETTER, "go")])
def test_judge_step__origins_that_training_saw_need_the_backtest_too(backtest: Any, decision: str) -> None:
    known = seen(0, replay=replay(unseen=False, backtest=backtest))

    assert judge_step(REPLAY, known, plan(unseen=False), RULES).decision == decision


def test_replay_verdict__counts_registered_origins_only() -> None:
    more = replay(-0.5, origins=ORIGINS + 10)
    told = more.model_copy(update={"origins": (*replay(0.1).origins, *more.origins[ORIGINS:])})

    assert replay_verdict(told, plan()).n == ORIGINS
    assert replay_verdict(told, plan()).better


def test_chosen_origins__prefers_those_that_neither_was_trained_on() -> None:
    known = list(plan().origins)

    assert chosen_origins(known, 4, [known[9], known[3]]) == (tuple(known[-4:]), True)
    assert chosen_origins(known, 6, [known[9], known[3]]) == (tuple(known[-6:]), False)


def test_rollout__weights_must_rise() -> None:
    with pytest.raises(ValueError, match="must rise"):
        Rollout(weights=(25, 5))
    for weights in ((0, 5), (5, 101)):
        with pytest.raises(ValueError, match="between 1 and 100"):
            Rollout(weights=weights)
    assert Rollout(weights=(100,)).weights == (100,)
    with pytest.raises(ValueError, match="must rise"):
        Rollout(weights=(100, 50))


counts = st.integers(0, 2000)
tracks = st.builds(
    lambda requests, share, p99, proven: TrackMetrics(
        requests=requests,
        failed=int(requests * share),
        p99=p99 if requests else None,
        p99_at_least=p99 * proven if requests and p99 is not None else None,
    ),
    counts,
    st.sampled_from([0.0, 0.0, 0.005, 0.02, 0.5, 1.0]),
    st.one_of(st.none(), st.sampled_from([0.01, 0.09, 0.3, 2.0])),
    st.sampled_from([0.1, 0.9, 1.0]),
)
maybe_metrics = st.none() | st.builds(lambda stable, canary: {"stable": stable, "canary": canary}, tracks, tracks)
maybe_shadow = st.none() | st.builds(
    lambda failed, difference, seconds: shadow(20, failed=failed, difference=difference, seconds=seconds),
    st.sampled_from([0, 0, 0, 1, 20]),
    st.sampled_from([0.0, 0.1, 0.1, 0.9, None]),
    st.sampled_from([0.01, 0.02, 0.9, None]),
)
maybe_replay = st.none() | st.builds(
    lambda gain, seconds, unseen, backtest: replay(gain, seconds=seconds, unseen=unseen, backtest=backtest),
    st.sampled_from([-0.5, -0.1, 0.0, 0.1, 0.1, 0.5]),
    st.sampled_from([0.01, 0.05, 3.0]),
    st.sampled_from([True, True, False]),
    st.sampled_from([None, WORSE, BETTER]),
)
evidences = st.builds(
    StepEvidence,
    seconds=st.sampled_from([0.0, 30.0, 60.0, 100.0, LATE]),
    ready=st.sampled_from([True, True, True, False, None]),
    shadow=maybe_shadow,
    replay=maybe_replay,
    metrics=maybe_metrics,
)
steps = st.sampled_from([SHADOW, REPLAY, FIVE, HALF, ALL])
PARTS = ("ready", "shadow", "replay", "metrics")


@given(steps, evidences, st.sets(st.sampled_from(PARTS), min_size=1), st.booleans())
@SETTINGS
def test_judge_step__removing_evidence_never_lets_on(step: Step, known: StepEvidence, gone: set[str], unseen: bool) -> None:
    less = known.model_copy(update=dict.fromkeys(gone))
    before, after = (judge_step(step, each, plan(unseen=unseen), RULES).decision for each in (known, less))

    assert before == "go" or after != "go"


@given(steps, evidences, st.floats(0, 1), st.integers(0, ORIGINS - 1))
@SETTINGS
def test_judge_step__a_higher_loss_never_helps_the_challenger(step: Step, known: StepEvidence, more: float, day: int) -> None:
    if known.replay is None:
        return
    worse = [each.model_copy(update={"challenger": (each.challenger or 0) * (1 + more)}) for each in known.replay.origins]
    lost = known.model_copy(update={"replay": known.replay.model_copy(update={"origins": tuple(worse)})})
    missing = known.model_copy(update={"replay": without(known.replay, day, challenger=None)})

    for other in (lost, missing):
        if judge_step(step, other, plan(), RULES).decision == "go":
            assert judge_step(step, known, plan(), RULES).decision == "go"


@given(evidences, st.integers(1, 99), st.booleans())
@SETTINGS
def test_judge_step__more_weight_helps_nobody(known: StepEvidence, weight: int, unseen: bool) -> None:
    fixed = plan(unseen=unseen)
    little, more = (judge_step(Step(kind="weight", weight=each), known, fixed, RULES) for each in (weight, weight + 1))

    assert little == more
    if more.decision == "go":
        assert judge_step(REPLAY, known, fixed, RULES).decision == "go"
        assert judge_step(SHADOW, known, fixed, RULES).decision == "go"


@given(steps, evidences, st.integers(1, 50))
@SETTINGS
def test_judge_step__more_failures_never_help(step: Step, known: StepEvidence, more: int) -> None:
    if known.metrics is None:
        return
    canary = known.metrics.canary
    worse = canary.model_copy(update={"failed": canary.failed + more, "requests": canary.requests + more})
    harmed = known.model_copy(update={"metrics": known.metrics.model_copy(update={"canary": worse})})
    if canary.p99 is not None and judge_step(step, harmed, plan(), RULES).decision == "go":
        assert judge_step(step, known, plan(), RULES).decision != "stop"


@given(evidences, st.sampled_from([None, 1.0, 3.0, 10.0]))
@SETTINGS
def test_judge_step__slower_or_less_certain_answers_never_help(known: StepEvidence, slower: float | None) -> None:
    if known.metrics is None or known.metrics.canary.p99 is None or known.metrics.canary.p99_at_least is None:
        return
    canary = known.metrics.canary
    told = (
        {"p99_at_least": None} if slower is None else {"p99": canary.p99 * slower, "p99_at_least": canary.p99_at_least * slower}
    )
    harmed = known.model_copy(update={"metrics": known.metrics.model_copy(update={"canary": canary.model_copy(update=told)})})

    if judge_step(FIVE, harmed, plan(), RULES).decision == "go":
        assert judge_step(FIVE, known, plan(), RULES).decision == "go"


def test_judge_step__looking_often_finds_no_success_earlier() -> None:
    decisions = [judge_step(FIVE, seen(second), plan(), RULES).decision for second in range(0, 61)]

    assert decisions == ["wait"] * 60 + ["go"]
    assert plan().origins[0] == FIRST
