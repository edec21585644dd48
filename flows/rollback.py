"""Rollback: look again, and move the pointer back to the last good version if the policy still says so."""

from typing import Any

from prefect import flow, get_run_logger

from flows import artifacts
from flows.acted import declined
from flows.approval import asker
from flows.notices import tell
from flows.params import ActParams
from flows.promote import announce
from flows.told import TOLD
from model_code.installation import Installation
from monitoring import acting


@flow(name="rollback", persist_result=True, result_serializer="json", **TOLD)
def rollback(params: ActParams) -> dict[str, Any]:
    """Return to the version before; declines where the state says otherwise, unless a person forces it on record."""
    place = Installation.open(params.usecase)
    outcome = carry_out(place, params)
    tell(place)
    return outcome


def carry_out(place: Installation, params: ActParams) -> dict[str, Any]:
    """Roll back, and say what came of it."""
    request = acting.Request(params.actor, params.reason, params.force)
    done = acting.roll_back(place, place.present(params.now), request, ask=asker(place))
    verdict = done.seen.verdict
    if done.answer is not None and not done.answer.approved:
        get_run_logger().warning("%s", done.answer)
        return {"done": False, "reason": str(done.answer), "verdict": verdict.model_dump(mode="json")}
    if done.entry is None:
        return declined(done)
    announce(params.usecase, done.entry)
    outcome = {"done": True, "from": done.entry.from_version, "to": done.entry.to_version}
    artifacts.table(params.usecase, "rollback", [outcome | {"reason": done.entry.reason}], "From which version to which, and why")
    return outcome | {"verdict": verdict.model_dump(mode="json")}
