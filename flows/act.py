"""Act: an alert says *look*; look, and in the same run carry out all that the policy then says, or hold."""

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
NOTHING: dict[str, Any] = {"done": False, "action": "hold", "reason": "nothing was ever released"}


@flow(name="act", persist_result=True, result_serializer="json", **TOLD)
def act(params: ActParams) -> dict[str, Any]:
    """Look at the use case as it is now; roll back, retrain or recalibrate if the policy says so, else note why not.

    However it ends, the alerts that had come before it began are dealt with. What was done for others after an action for
    some entities stands under `further`.
    """
    began, run = datetime.now(UTC), str(flow_run.id)
    place = Installation.open(params.usecase)
    released = place.pointers.get(params.usecase) is not None
    came_to = carry_out(place, params) if released else [NOTHING]
    if released and not any(outcome["done"] for outcome in came_to):
        note_hold(place, params)
    dealt_with = Incidents(place.sql).looked(params.usecase, began, f"flow run {run}", datetime.now(UTC))
    tell(place)
    done = ", ".join(outcome["action"] for outcome in came_to if outcome["done"])
    get_run_logger().info("%s; alerts dealt with: %d", done or "hold", dealt_with)
    return came_to[0] | {"further": came_to[1:], "alerts": dealt_with}


def carry_out(place: Installation, params: ActParams) -> list[dict[str, Any]]:
    """What came of each action that the policy wants now, with the action's name, the first one first.

    A verdict has one action and one target: after one about some entities, what others want is looked for and carried out.
    Nobody is acted on twice, so there are no more rounds than entities. A person's force is for the first action alone.

    Raises:
        PromotionRefused: The policy still asks for what was refused.
    """
    came_to = [_settled(FIRST, place, params)]
    heard = {*came_to[0]["verdict"]["scope"]}
    others = params.model_copy(update={"force": False})
    while came_to[-1]["verdict"]["scope"]:
        wanted = judgement.look(place, place.present(params.now)).verdict
        if not wanted.scope or not heard.isdisjoint(wanted.scope):
            break
        came_to.append(_settled(wanted.action, place, others))
        heard.update(wanted.scope, came_to[-1]["verdict"]["scope"])
    return came_to


def _settled(action: str, place: Installation, params: ActParams) -> dict[str, Any]:
    """What the flow of the verdict's action returns, asked for `action` first; each looks again before it moves anything."""
    tried = set[str]()
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
