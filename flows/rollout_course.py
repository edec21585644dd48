"""The course of a rollout: shadow, paired replay, canary by weight, promotion; judged at each step, taken up again after a kill."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from flows.approval import note_of
from flows.rollout_plan import plan_of
from flows.rollout_record import Rollout, RolloutRecord
from flows.rollout_watch import POLL_SECONDS, Tell, Watch
from model_code.errors import PromotionRefused, RolloutError
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.rollout import replay_verdict
from model_code.rollout_evidence import ShadowComparison, Step
from model_code.standing import standing
from monitoring.consent import Ask, Proposal, is_needed, unasked
from services.rollout.analysis.prometheus import Prometheus
from services.rollout.base import Target, Wanted

PROMOTED, REFUSED, ABANDONED = "promoted", "refused", "abandoned"


@dataclass(frozen=True)
class Request:
    """Who asks for which version to be rolled out.

    Attributes:
        version: Registry version.
        actor: Kept in the ledger.
        reason: Why, in words; kept in the ledger.
        image: Image that it shall run in. Default: that of the stable track.
    """

    version: str
    actor: str
    reason: str
    image: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        rollout: Identity in the ledger.
        outcome: promoted or refused.
        reasons: Why.
        entry: The champion's move; None where it stays.
    """

    rollout: str
    outcome: str
    reasons: tuple[str, ...]
    entry: Entry | None = None


class _Refused(Exception):
    """The rollout ends here: an outcome, not an error."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


class Course:
    """Rolls one version out, alone, under the target's lock.

    Args:
        place: The use case's stores.
        target: Where to.
        metrics: Where callers' experience is read; None where nobody gathers it.
        tell: Told of each look.
        ask: Asks a person before the promotion, where the use case wants one.
        poll_seconds: Between two looks at a step.
    """

    def __init__(
        self,
        place: Installation,
        target: Target,
        metrics: Prometheus | None,
        *,
        tell: Tell,
        ask: Ask = unasked,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._place, self._target, self._metrics, self._tell, self._ask = place, target, metrics, tell, ask
        self._poll_seconds = poll_seconds
        self._usecase = place.usecase.name
        self._rules = place.usecase.spec.rollout

    def run(self, request: Request, now: pd.Timestamp) -> Outcome:
        """Roll out, or go on with what a kill cut short; a refusal is an outcome.

        Raises:
            RolloutError: Another rollout is going on, or the target cannot be reached; run again, it goes on from there.
            EvenkeelError: A store or the registry cannot be asked; the canary's traffic was taken back, as far as that went.
        """
        with self._target.lock(self._usecase):
            self._place.promoter.recover(self._usecase)
            record = RolloutRecord(self._place.ledger, self._usecase, request.actor)
            return self._settle(record, self._taken_up(record, request, now))

    def _taken_up(self, record: RolloutRecord, request: Request, now: pd.Timestamp) -> Rollout:
        """The open rollout of that version and image, or a new one; an open one of another is abandoned."""
        for each in (found for found in record.rollouts() if found.ended is None):
            if (each.plan.challenger, each.plan.image) == (request.version, request.image):
                return each
            if self._place.registry.version_of(self._usecase, "champion") == each.plan.challenger:
                self._settle(record, each)  # promoted already: it is completed first
                continue
            self._withdraw()
            record.end(each, ABANDONED, [f"version {request.version} is rolled out instead"])
        if request.version == self._place.registry.version_of(self._usecase, "champion"):
            raise PromotionRefused(
                f"version {request.version} is the champion already", hint="deploy makes it the running endpoint"
            )
        return record.begin(plan_of(self._place, self._target, request.version, request.image, now), request.reason)

    def _settle(self, record: RolloutRecord, rollout: Rollout) -> Outcome:
        try:
            entry = self._go_through(record, rollout)
        except _Refused as refused:
            self._withdraw()
            record.end(rollout, REFUSED, refused.reasons)
            return Outcome(rollout.id, REFUSED, refused.reasons)
        except BaseException as error:
            self._unwatched(error)
            raise
        self._target.promote(self._usecase, timeout=self._rules.ready_seconds)
        record.end(rollout, PROMOTED, [entry.reason])
        return Outcome(rollout.id, PROMOTED, (entry.reason,), entry)

    def _go_through(self, record: RolloutRecord, rollout: Rollout) -> Entry:
        """Every step that was not passed yet, then the promotion."""
        plan, champion = rollout.plan, self._place.registry.version_of(self._usecase, "champion")
        watch = self._watch(rollout)
        if champion == plan.challenger:  # killed between the promotion and its end
            return self._promotion(rollout)
        if champion != plan.champion:
            raise _Refused([f"the rollout is against version {plan.champion}, but the champion is {champion or 'nobody'}"])
        if rollout.stopped is not None:
            raise _Refused(rollout.stopped)
        if plan.challenger in standing(self._place.ledger.entries(self._usecase)).bad:
            raise _Refused([f"version {plan.challenger} was rolled back from and is known bad"])
        if len(plan.origins) < self._rules.origins:
            told = f"the truth of {len(plan.origins)} origins is known, {self._rules.origins} are needed"
            raise _Refused([f"no truth, no promotion: {told}"])
        if self._target.weighted and self._metrics is None and any(step.kind == "weight" for step in plan.steps):
            raise _Refused(["no metric, no promotion: EVENKEEL_PROMETHEUS_URL names no Prometheus"])
        for step in plan.steps:
            if step.name not in rollout.passed:
                self._pass(step, watch, record, rollout)
        return self._promote(rollout, watch)

    def _watch(self, rollout: Rollout) -> Watch:
        """With the evidence that earlier steps left in the ledger."""
        made = Watch(
            self._place, self._target, self._metrics, rollout.plan, rollout.id, self._tell, poll_seconds=self._poll_seconds
        )
        if all(step.kind != "shadow" for step in rollout.plan.steps):
            made.shadow = ShadowComparison(requests=0)
        for seen in rollout.passed.values():
            made.shadow, made.paired = seen.shadow or made.shadow, seen.replay or made.paired
        return made

    def _pass(self, step: Step, watch: Watch, record: RolloutRecord, rollout: Rollout) -> None:
        """Make a step and let it be judged."""
        try:
            self._make(step, watch, rollout)
        except RolloutError as error:
            raise _Refused([f"{step.name}: {error}"]) from error
        verdict, seen = watch.look(step)
        record.step(rollout, step, verdict, seen)
        if verdict.decision == "stop":
            raise _Refused(verdict.reasons)

    def _make(self, step: Step, watch: Watch, rollout: Rollout) -> None:
        plan = rollout.plan
        wanted = Wanted(usecase=plan.usecase, version=plan.challenger, bundle=plan.challenger_bundle, image=plan.image)
        if step.kind == "shadow":
            self._target.stage(wanted, "shadow", timeout=self._rules.ready_seconds)
            watch.compare_shadow()
            return
        if step.kind == "replay":
            if self._target.status(self._usecase).track("shadow") is not None:
                self._withdraw()
            self._target.stage(wanted, "canary", timeout=self._rules.ready_seconds)
            watch.replay_origins()
            return
        canary = self._target.status(self._usecase).track("canary")
        if canary is None or canary.bundle != plan.challenger_bundle:  # it was there when it was judged
            self._target.stage(wanted, "canary", timeout=self._rules.ready_seconds)
        if not watch.is_heard():
            raise RolloutError("no metric, no promotion: Prometheus does not hear of both tracks", hint="see docs/canary.md")
        self._target.traffic(self._usecase, step.weight)

    def _promote(self, rollout: Rollout, watch: Watch) -> Entry:
        assert watch.paired is not None
        plan, verdict = rollout.plan, replay_verdict(watch.paired, rollout.plan)
        evidence = {"rollout": rollout.id, "backtest": watch.paired.backtest}
        self._require_consent(rollout, verdict.reason, verdict.model_dump(mode="json"))
        try:
            return self._place.promoter.promote(
                self._usecase,
                plan.challenger,
                rollout.actor,
                f"rolled out: {verdict.reason}",
                evidence,
                plan.at,
                verdict=verdict,
                from_version=plan.champion,
            )
        except PromotionRefused as error:
            raise _Refused([str(error)]) from error

    def _withdraw(self) -> None:
        self._target.withdraw(self._usecase, timeout=self._rules.ready_seconds)

    def _unwatched(self, error: BaseException) -> None:
        """Nobody watches any more: no caller may meet what nobody watches."""
        if not self._target.weighted:
            return
        try:
            self._target.traffic(self._usecase, 0)
        except RolloutError as failed:
            error.add_note(f"the canary's traffic could not be taken back either: {failed}")

    def _require_consent(self, rollout: Rollout, reason: str, evidence: dict[str, object]) -> None:
        rule, plan = self._place.usecase.spec.approval, rollout.plan
        if not is_needed(rule, "promote"):
            return
        proposal = Proposal(self._usecase, "promote", plan.champion, plan.challenger, (reason,), evidence, rule.timeout)
        answer = self._ask(proposal)
        self._place.ledger.append(note_of(proposal, answer, rollout.actor, plan.at))
        if not answer.approved:
            raise _Refused([str(answer)])

    def _promotion(self, rollout: Rollout) -> Entry:
        """The promotion that this rollout led to."""
        entries = self._place.ledger.entries(self._usecase)
        moves = [each for each in entries if each.phase == "done" and each.to_version == rollout.plan.challenger]
        if not moves:
            raise RolloutError(
                f"version {rollout.plan.challenger} is champion, and the ledger tells of no promotion",
                hint="somebody moved the alias by hand; promote the version that should reign",
            )
        return moves[-1]
