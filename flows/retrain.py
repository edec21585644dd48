"""Retrain: look again; if the world changed, fit anew and promote what beats the champion since the trouble began."""

from typing import Any

from prefect import flow, get_run_logger

from flows import artifacts
from flows.approval import ask
from flows.notices import tell
from flows.params import ActParams
from flows.promote import announce
from flows.told import TOLD
from model_code.installation import Installation
from model_code.retraining import Retrained
from monitoring import acting


@flow(name="retrain", persist_result=True, result_serializer="json", **TOLD)
def retrain(params: ActParams) -> dict[str, Any]:
    """Judge a fixed slate walk-forward on the origins since the trouble began; promote its winner or keep the champion."""
    place = Installation.open(params.usecase)
    outcome = carry_out(place, params)
    tell(place)
    return outcome


def carry_out(place: Installation, params: ActParams) -> dict[str, Any]:
    """Retrain, and say what came of it."""
    log = get_run_logger()
    request = acting.Request(params.actor, params.reason, params.force)
    done = acting.retrain(place, place.present(params.now), request, progress=log.info, ask=ask)
    verdict = done.seen.verdict
    if done.declined:
        log.warning("declined: the policy says %s: %s", verdict.action, "; ".join(verdict.reasons))
        return {"done": False, "verdict": verdict.model_dump(mode="json")}
    if done.entry is not None:
        announce(params.usecase, done.entry)
    outcome = {"done": True, "promoted": done.entry is not None, "version": done.version, "reason": _reason(done)}
    if done.retrained is not None:
        told = "Champion and challenger on the origins since the trouble began"
        artifacts.table(params.usecase, "retrain", _rows(done.retrained), told)
    return outcome | {"verdict": verdict.model_dump(mode="json")}


def _reason(done: acting.Acted) -> str:
    """Why it came out so; a retrain that was carried out before is told by its entry."""
    if done.answer is not None and not done.answer.approved:
        return str(done.answer)
    if done.retrained is not None:
        return done.retrained.verdict.reason
    return "" if done.entry is None else done.entry.reason


def _rows(result: Retrained) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in result.losses.to_dict("records")]
