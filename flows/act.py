"""Act: an alert says *look*; look, and in the same run carry out what the policy then says, or hold."""

from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from prefect import flow, get_run_logger
from prefect.runtime import flow_run

from flows.notices import tell
from flows.params import ActParams
from flows.told import TOLD
from model_code.errors import PromotionRefused
from model_code.installation import Installation
from monitoring import judgement
from monitoring.alert_bridge.incidents import Incidents
from monitoring.notes import note

FIRST = "rollback"  # what must be quick is asked first; its look is the look
ACTIONS = ("rollback", "retrain", "recalibrate")  # each a flow of that name in a module of that name


@flow(name="act", persist_result=True, result_serializer="json", **TOLD)
def act(params: ActParams) -> dict[str, Any]:
    """Look at the use case as it is now; roll back, retrain or recalibrate if the policy says so, else note why not.

    However it ends, the alerts that had come before it began are dealt with.
    """
    began, run = datetime.now(UTC), str(flow_run.id)
    place = Installation.open(params.usecase)
    released = place.pointers.get(params.usecase) is not None
    outcome = carry_out(place, params) if released else {"done": False, "action": "hold", "reason": "nothing was ever released"}
    if released and not outcome["done"]:
        note_hold(place, params)
    dealt_with = Incidents(place.sql).looked(params.usecase, began, f"flow run {run}", datetime.now(UTC))
    tell(place)
    get_run_logger().info("%s; alerts dealt with: %d", outcome["action"] if outcome["done"] else "hold", dealt_with)
    return outcome | {"alerts": dealt_with}


def carry_out(place: Installation, params: ActParams) -> dict[str, Any]:
    """What the flow of the verdict's action returns, with the action's name; each looks again before it moves anything.

    Raises:
        PromotionRefused: The policy still asks for what was refused.
    """
    action, tried = FIRST, set[str]()
    while True:
        tried.add(action)
        outcome = {"action": action, **_attempt(action, place, params)}
        wanted = outcome["verdict"]["action"]
        if outcome["done"] or wanted in tried or wanted not in ACTIONS:
            return outcome
        action = wanted


def _attempt(action: str, place: Installation, params: ActParams) -> dict[str, Any]:
    try:
        # Imported when it is wanted: a rollback does not wait for what a retrain needs.
        done: dict[str, Any] = getattr(import_module(f"flows.{action}"), action).fn(params)
    except PromotionRefused:
        verdict = judgement.look(place, place.present(params.now)).verdict
        if verdict.action == action:
            raise
        # Another run was quicker by a moment: what it did is the reason why nothing is left to do.
        return {"done": False, "verdict": verdict.model_dump(mode="json")}
    return done


def note_hold(place: Installation, params: ActParams) -> None:
    """Keep in the ledger that an alert was looked at and why nothing followed."""
    now = place.present(params.now)
    seen = judgement.look(place, now)
    if seen.verdict.action == "hold":
        told = note(params.usecase, seen, now.to_pydatetime())
        place.ledger.append(told.model_copy(update={"actor": params.actor, "reason": f"{params.reason}: {told.reason}"}))
