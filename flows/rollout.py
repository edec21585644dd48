"""Rollout: a version becomes the running endpoint step by step, judged at each; a bad one goes back by itself."""

import argparse
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from prefect import flow, get_run_logger

from flows import artifacts
from flows.approval import asker
from flows.notices import tell
from flows.params import RolloutParams
from flows.promote import announce
from flows.rollout_course import Course, Outcome, Request
from flows.rollout_record import RolloutRecord
from flows.rollout_watch import Tell
from flows.told import TOLD
from model_code.errors import EvenkeelError, PromotionRefused
from model_code.installation import Installation
from model_code.rollout import StepVerdict
from model_code.rollout_evidence import Step, StepEvidence
from model_code.settings import Settings
from monitoring.consent import Ask, unasked
from services.rollout.analysis.prometheus import Prometheus
from services.rollout.base import Target
from services.rollout.open import open_target


@flow(name="rollout", persist_result=True, result_serializer="json", **TOLD)
def rollout(params: RolloutParams) -> dict[str, Any]:
    """Roll the version out, or go on with what was cut short; what came of it, and why."""
    place = Installation.open(params.usecase)
    request = Request(wanted(place, params.version), params.actor, params.reason, params.image)
    outcome = carry_out(place, request, params.now, get_run_logger().info, asker(place))
    show(place, outcome)
    if outcome.entry is not None:
        announce(params.usecase, outcome.entry)
    tell(place)
    told = {"version": request.version, "rollout": outcome.rollout, "outcome": outcome.outcome}
    return told | {"reasons": list(outcome.reasons), "promoted": outcome.entry is not None}


def wanted(place: Installation, version: str | None) -> str:
    """The version that was named, or the challenger.

    Raises:
        PromotionRefused: There is none.
    """
    found = version or place.registry.version_of(place.usecase.name, "challenger")
    if found is None:
        raise PromotionRefused(f"{place.usecase.name} has no challenger", hint="run the train flow first")
    return found


def carry_out(
    place: Installation, request: Request, now: datetime | None, write: Callable[[str], None], ask: Ask = unasked
) -> Outcome:
    """Roll out to the target of the settings; each look that says something new is written."""
    target = open_target(place.settings)
    course = Course(place, target, metrics_of(place.settings, target), tell=teller(write), ask=ask)
    return course.run(request, place.present(now))


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


def main() -> int:
    """`python -m flows.rollout USECASE [VERSION]`: the same without a server, in this process.

    Returns:
        0 when it is promoted, 2 when it is refused, 1 after an error.
    """
    parser = argparse.ArgumentParser(prog="python -m flows.rollout", description="Roll a version out, judged at each step.")
    parser.add_argument("usecase")
    parser.add_argument("version", nargs="?", help="registered version; default: the challenger")
    parser.add_argument("--image", help="image that it shall run in; default: the one that runs now")
    parser.add_argument("--actor", default="an operator", help="who asks; kept in the ledger")
    parser.add_argument("--reason", default="a new version", help="why; kept in the ledger")
    given = parser.parse_args()
    try:
        place = Installation.open(given.usecase)
        request = Request(wanted(place, given.version), given.actor, given.reason, given.image)
        outcome = carry_out(place, request, None, print)
    except EvenkeelError as error:
        print(f"{error.title}: {error}", file=sys.stderr)
        return 1
    print(f"{outcome.outcome}: {'; '.join(outcome.reasons)}")
    return 0 if outcome.entry is not None else 2


if __name__ == "__main__":
    sys.exit(main())
