"""Retrain: look again; if the world changed, fit anew and promote what beats the champion since the trouble began."""

from typing import Any

from prefect import flow, get_run_logger

from flows.acted import outcome_of
from flows.approval import asker
from flows.notices import tell
from flows.params import ActParams
from flows.told import TOLD
from model_code.installation import Installation
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
    request = acting.Request(params.actor, params.reason, params.force)
    done = acting.retrain(place, place.present(params.now), request, progress=get_run_logger().info, ask=asker(place))
    losses = None if done.made is None else done.made.losses
    return outcome_of("retrain", params, done, losses, "Champion and challenger on the origins since the trouble began")
