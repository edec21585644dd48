"""Recalibrate: look again; where only the coverage slipped, the champion gets new intervals, if they are better."""

from typing import Any

from prefect import flow, get_run_logger

from flows.acted import outcome_of
from flows.approval import asker
from flows.notices import tell
from flows.params import ActParams
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
    request = Request(params.actor, params.reason, params.force)
    done = recalibrating.recalibrate(place, place.present(params.now), request, ask=asker(place))
    if not done.declined:
        get_run_logger().info("%s", done.reason)
    scores = None if done.made is None else done.made.scores
    return outcome_of("recalibrate", params, done, scores, "Interval score and coverage before and after, origin by origin")
