"""A rollout as the ledger tells it: the plan, then each step once, then how it ended; notes, since none of them moves a model."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic_core import to_jsonable_python

from model_code.ledger import Entry, Ledger
from model_code.rollout import StepVerdict
from model_code.rollout_evidence import Plan, Step, StepEvidence

ROLLOUT = "rollout"
PLAN, STEP, END = "plan", "step", "end"


@dataclass(frozen=True)
class Rollout:
    """One rollout that was begun.

    Attributes:
        id: Its identity, in the ledger and in the ids of its requests.
        plan: What was fixed before the first look.
        actor: Who began it.
        passed: Name of each step that let it on -> the evidence of its last look.
        stopped: Why a step stopped it; None where none did.
        ended: What became of it; None while it is open.
    """

    id: str
    plan: Plan
    actor: str
    passed: dict[str, StepEvidence] = field(default_factory=dict)
    stopped: tuple[str, ...] | None = None
    ended: str | None = None


class RolloutRecord:
    """Writes and reads the rollouts of one use case.

    Args:
        ledger: Where.
        usecase: Whose.
        actor: Who writes.
    """

    def __init__(self, ledger: Ledger, usecase: str, actor: str) -> None:
        self._ledger, self._usecase, self._actor = ledger, usecase, actor

    def rollouts(self) -> list[Rollout]:
        """All of them, in the order in which they were begun."""
        return rollouts_of(self._ledger.entries(self._usecase))

    def begin(self, plan: Plan, reason: str) -> Rollout:
        """Write the plan down, before anything is looked at."""
        named = json.dumps([self._usecase, len(self.rollouts()), plan.champion, plan.challenger])
        found = Rollout(hashlib.sha256(named.encode()).hexdigest()[:12], plan, self._actor)
        self._note(found, PLAN, reason, plan=plan)
        return found

    def step(self, rollout: Rollout, step: Step, verdict: StepVerdict, seen: StepEvidence) -> None:
        """Write down what the last look at a step said, on what."""
        reason = f"{step.name}: {verdict.decision}: {'; '.join(verdict.reasons)}"
        self._note(rollout, STEP, reason, step=step.name, decision=verdict.decision, reasons=verdict.reasons, seen=seen)

    def end(self, rollout: Rollout, outcome: str, reasons: Sequence[str]) -> None:
        """Write down how it ended: promoted, refused or abandoned."""
        self._note(rollout, END, f"{outcome}: {'; '.join(reasons)}", outcome=outcome, reasons=tuple(reasons))

    def _note(self, rollout: Rollout, kind: str, reason: str, **evidence: Any) -> Entry:
        plan = rollout.plan
        name = "/".join([ROLLOUT, rollout.id, kind, *([str(evidence["step"])] if kind == STEP else [])])
        return self._ledger.append(
            Entry(
                intent=name,
                phase="note",
                usecase=self._usecase,
                action=ROLLOUT,
                actor=self._actor,
                reason=reason,
                from_version=plan.champion,
                to_version=plan.challenger,
                from_bundle=plan.champion_bundle,
                to_bundle=plan.challenger_bundle,
                evidence={"rollout": rollout.id, "kind": kind} | to_jsonable_python(evidence),
                at=plan.at,
            )
        )


def rollouts_of(entries: Iterable[Entry]) -> list[Rollout]:
    """The rollouts that the entries of a use case tell of."""
    found: dict[str, _Told] = {}
    for entry in entries:
        if entry.action != ROLLOUT or entry.phase != "note":
            continue
        told, name = entry.evidence, str(entry.evidence.get("rollout"))
        if told.get("kind") == PLAN:
            found[name] = _Told(Plan.model_validate(told["plan"]), entry.actor)
        elif name in found:
            found[name].add(told)
    return [Rollout(name, each.plan, each.actor, each.passed, each.stopped, each.ended) for name, each in found.items()]


@dataclass
class _Told:
    """A rollout while its notes are read."""

    plan: Plan
    actor: str
    passed: dict[str, StepEvidence] = field(default_factory=dict)
    stopped: tuple[str, ...] | None = None
    ended: str | None = None

    def add(self, told: dict[str, Any]) -> None:
        """One more note."""
        if told["kind"] == END:
            self.ended = str(told["outcome"])
        elif told["decision"] == "go":
            self.passed[str(told["step"])] = StepEvidence.model_validate(told["seen"])
        else:
            self.stopped = tuple(str(reason) for reason in told["reasons"])


def began_at(entries: Iterable[Entry], rollout: str) -> datetime | None:
    """Wall clock of a rollout's beginning; None where the ledger does not tell of it."""
    names = (each for each in entries if each.intent == f"{ROLLOUT}/{rollout}/{PLAN}")
    return next((each.recorded_at for each in names), None)
