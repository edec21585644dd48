"""Recalibrate: look again; where only the coverage slipped, the champion gets new intervals, if they are better."""

from typing import Any

from prefect import flow, get_run_logger

from flows import artifacts
from flows.approval import ask
from flows.notices import tell
from flows.params import ActParams
from flows.promote import announce
from flows.told import TOLD
from model_code.installation import Installation
from monitoring import recalibrating
from monitoring.acting import Request


@flow(name="recalibrate", persist_result=True, result_serializer="json", **TOLD)
def recalibrate(params: ActParams) -> dict[str, Any]:
    """Calibrate on the latest residuals, judge on origins not calibrated on, and promote the same model with new intervals."""
    place = Installation.open(params.usecase)
    outcome = carry_out(place, params)
    tell(place)
    return outcome


def carry_out(place: Installation, params: ActParams) -> dict[str, Any]:
    """Recalibrate, and say what came of it."""
    log = get_run_logger()
    done = recalibrating.recalibrate(
        place, place.present(params.now), Request(params.actor, params.reason, params.force), ask=ask
    )
    verdict = done.seen.verdict
    told = {"verdict": verdict.model_dump(mode="json")}
    if done.declined:
        log.warning("declined: the policy says %s: %s", verdict.action, "; ".join(verdict.reasons))
        return {"done": False} | told
    if done.entry is not None:
        announce(params.usecase, done.entry)
    reason = done.made.verdict.reason if done.made is not None else done.entry.reason if done.entry is not None else ""
    if done.answer is not None and not done.answer.approved:
        reason = str(done.answer)
    log.info("%s", reason)
    if done.made is not None:
        rows = [{str(name): value for name, value in row.items()} for row in done.made.scores.to_dict("records")]
        artifacts.table(params.usecase, "recalibrate", rows, "Interval score and coverage before and after, origin by origin")
    return {"done": True, "promoted": done.entry is not None, "version": done.version, "reason": reason} | told
