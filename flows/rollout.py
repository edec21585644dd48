"""Rollout: a version becomes the running endpoint step by step, judged at each; a bad one goes back by itself."""

from collections.abc import Callable
from typing import Any

from prefect import flow, get_run_logger

from flows import artifacts
from flows.approval import ask
from flows.notices import tell
from flows.params import RolloutParams
from flows.promote import announce
from flows.rollout_course import Course, Outcome, Request
from flows.rollout_record import RolloutRecord
from flows.rollout_watch import Tell
from flows.told import TOLD
from model_code.errors import PromotionRefused
from model_code.installation import Installation
from model_code.rollout import StepVerdict
from model_code.rollout_evidence import Step, StepEvidence
from model_code.settings import Settings
from services.rollout.base import Target
from services.rollout.open import open_target
from services.rollout.prometheus import Prometheus


@flow(name="rollout", persist_result=True, result_serializer="json", **TOLD)
def rollout(params: RolloutParams) -> dict[str, Any]:
    """Roll the version out, or go on with what was cut short; what came of it, and why."""
    place = Installation.open(params.usecase)
    version = params.version or place.registry.version_of(params.usecase, "challenger")
    if version is None:
        raise PromotionRefused(f"{params.usecase} has no challenger", hint="run the train flow first")
    target = open_target(place.settings)
    course = Course(place, target, metrics_of(place.settings, target), tell=teller(get_run_logger().info), ask=ask)
    outcome = course.run(Request(version, params.actor, params.reason, params.image), place.present(params.now))
    show(place, outcome)
    if outcome.entry is not None:
        announce(params.usecase, outcome.entry)
    tell(place)
    told = {"version": version, "rollout": outcome.rollout, "outcome": outcome.outcome, "reasons": list(outcome.reasons)}
    return told | {"promoted": outcome.entry is not None}


def metrics_of(settings: Settings, target: Target) -> Prometheus | None:
    """Where callers' experience of that target is read; None where there is no such place."""
    if not settings.prometheus_url:
        return None
    return Prometheus(settings.prometheus_url, {} if target.name == "local" else {"namespace": settings.namespace})


def teller(write: Callable[[str], None]) -> Tell:
    """Writes a line for each look that says something new."""
    last: list[tuple[str, str]] = []

    def told(step: Step, verdict: StepVerdict, _: StepEvidence) -> None:
        line = (step.name, verdict.decision)
        if last[-1:] != [line] or verdict.decision != "wait":
            last.append(line)
            write(f"{step.name}: {verdict.decision}: {'; '.join(verdict.reasons)}")

    return told


def show(place: Installation, outcome: Outcome) -> None:
    """The steps as a table in Prefect's UI."""
    record = RolloutRecord(place.ledger, place.usecase.name, "evenkeel")
    done = next(each for each in record.rollouts() if each.id == outcome.rollout)
    passed = [{"step": name, "decision": "go", "seconds": seen.seconds} for name, seen in done.passed.items()]
    end = {"step": outcome.outcome, "decision": "; ".join(outcome.reasons), "seconds": ""}
    told = f"Version {done.plan.challenger} against {done.plan.champion}, {len(done.plan.origins)} registered origins"
    artifacts.table(place.usecase.name, "rollout", [*passed, end], told)
