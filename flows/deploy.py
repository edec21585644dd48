"""Deploy: make the champion the running endpoint."""

import time
from typing import Any

from prefect import flow, get_run_logger

from flows import artifacts
from flows.params import DeployParams
from flows.told import TOLD
from model_code.installation import Installation
from services.rollout.base import Busy, Target, TargetStatus
from services.rollout.choice import wanted_of
from services.rollout.open import open_target

BUSY_SECONDS = 120.0  # as long as a deploy takes; a rollout by steps takes longer, and is not waited for
POLL_SECONDS = 0.5


@flow(name="deploy", persist_result=True, result_serializer="json", **TOLD)
def deploy(params: DeployParams) -> dict[str, Any]:
    """Bring the champion to where the settings say, and wait until every replica of it answers."""
    place = Installation.open(params.usecase)
    target = open_target(place.settings, params.target)
    status = deployed(place, target, params.image)
    url = place.settings.service(params.usecase)
    stable = status.track("stable")
    assert stable is not None
    get_run_logger().info("%s serves version %s at %s", target.name, stable.version, url)
    row: dict[str, Any] = {"target": target.name, "url": url, "revision": status.revision, "differs": list(status.differs)}
    row |= stable.model_dump(mode="json") | {"ready": stable.ready}
    artifacts.table(params.usecase, "deploy", [row], "The running endpoint")
    return row


def deployed(place: Installation, target: Target, image: str | None, *, patience: float = BUSY_SECONDS) -> TargetStatus:
    """What runs there once the champion does; where somebody else deploys it already, they are waited for.

    Args:
        place: The use case's stores.
        target: Where to.
        image: As `DeployParams` has it.
        patience: Seconds to wait for somebody else's rollout.

    Raises:
        RolloutError: As `Target.deploy`.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return target.deploy(wanted_of(place, image=image))
        except Busy as error:
            if time.monotonic() >= deadline:
                raise
            get_run_logger().info("waits: %s", error)
        time.sleep(POLL_SECONDS)
