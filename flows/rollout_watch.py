"""Looks at one rollout: gathers the evidence of a step, judges, and looks again until there is a verdict."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from model_code.contest import judge
from model_code.errors import RolloutError
from model_code.installation import Installation
from model_code.rollout import StepVerdict, judge_step
from model_code.rollout_evidence import PairedReplay, Plan, ServingMetrics, ShadowComparison, Step, StepEvidence, TrackMetrics
from model_code.rollout_spec import Rollout as Rules
from services.rollout.analysis.prometheus import Prometheus
from services.rollout.analysis.replay import Endpoint, replay
from services.rollout.analysis.shadow import Shadow
from services.rollout.base import Staged, Target

POLL_SECONDS = 2.0  # less than a scrape, so that trouble is seen with the first sample that shows it
UNREADY_LOOKS = 3  # within one pause, before a track counts as not ready
HEARD_SECONDS = 120.0  # a track whose last sample is older is not watched
ALL = 100  # percent of the requests, with which there is no stable track to compare with at the same time
Tell = Callable[[Step, StepVerdict, StepEvidence], None]


@dataclass
class Watch:
    """The eyes of one rollout.

    Args:
        place: The use case's stores.
        target: Where both versions run.
        metrics: Where callers' experience is read; None where nobody gathers it.
        plan: What is rolled out.
        rollout: Identity of the rollout.
        tell: Told of each look.
        poll_seconds: Between two looks.
        shadow: What the shadow answered, once it did.
        paired: The paired replay, once it was made.
    """

    place: Installation
    target: Target
    metrics: Prometheus | None
    plan: Plan
    rollout: str
    tell: Tell
    poll_seconds: float = POLL_SECONDS
    shadow: ShadowComparison | None = None
    paired: PairedReplay | None = None
    _track: Staged = field(default="canary")
    _usual: TrackMetrics | None = None

    @property
    def rules(self) -> Rules:
        """Of the use case."""
        return self.place.usecase.spec.rollout

    def look(self, step: Step) -> tuple[StepVerdict, StepEvidence]:
        """Look at a step until it is decided.

        Raises:
            RolloutError: The target cannot be reached, or somebody else took the rollout over.
        """
        self._track = "shadow" if step.kind == "shadow" else "canary"
        began = time.monotonic()
        while True:
            seen = self._seen(step, time.monotonic() - began)
            verdict = judge_step(step, seen, self.plan, self.rules)
            self.tell(step, verdict, seen)
            if verdict.decision != "wait":
                return verdict, seen
            time.sleep(self.poll_seconds)

    def compare_shadow(self) -> None:
        """Replay callers' requests to the shadow."""
        since, rules = datetime.now(UTC), self.rules
        with self.target.endpoint(self.plan.usecase, "shadow") as url:
            watched = Shadow(self.place, self.plan, self.rollout, url)
            self.shadow = watched.compare(since, rules.shadow_seconds, rules.shadow_requests)

    def replay_origins(self) -> None:
        """Ask both endpoints for the registered origins; where training saw them, the backtest is asked for others too."""
        plan, usecase = self.plan, self.plan.usecase
        with self.target.endpoint(usecase, "stable") as stable, self.target.endpoint(usecase, "canary") as canary:
            told = replay(
                self.place,
                plan,
                self.rollout,
                Endpoint("stable", stable, plan.champion_bundle),
                Endpoint("canary", canary, plan.challenger_bundle),
                seconds=self.rules.replay_seconds,
            )
        backtest = None if plan.unseen else judge(self.place, self.place.present(plan.at), plan.champion, plan.challenger)
        self.paired = told.model_copy(update={"backtest": backtest})

    def is_heard(self) -> bool:
        """Whether the metrics of both tracks come in, which is waited for: without them no caller meets the new version."""
        deadline = time.monotonic() + self.rules.patience_seconds
        while (heard := self._read(HEARD_SECONDS)) is None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(self.poll_seconds)
        self._usual = heard.stable
        return True

    def _seen(self, step: Step, seconds: float) -> StepEvidence:
        metrics = self._read(seconds) if step.kind == "weight" else None
        if metrics is not None and self._usual is not None and step.weight == ALL:
            metrics = metrics.model_copy(update={"stable": self._usual})
        return StepEvidence(seconds=seconds, ready=self._ready(), shadow=self.shadow, replay=self.paired, metrics=metrics)

    def _read(self, seconds: float) -> ServingMetrics | None:
        return None if self.metrics is None else self.metrics.since(self.plan.usecase, seconds)

    def _ready(self) -> bool | None:
        """Whether the track serves the challenger; None where the target does not tell. One probe too late is not gone yet."""
        for _ in range(UNREADY_LOOKS):
            try:
                found = self.target.status(self.plan.usecase).track(self._track)
            except RolloutError:
                return None
            if found is not None and found.ready and found.bundle == self.plan.challenger_bundle:
                return True
            time.sleep(self.poll_seconds / UNREADY_LOOKS)
        return False
