"""Deploy: make the champion the running endpoint."""

from typing import Any

from prefect import flow, get_run_logger

from flows import artifacts
from flows.params import DeployParams
from flows.told import TOLD
from model_code.installation import Installation
from services.rollout.choice import wanted_of
from services.rollout.open import open_target


@flow(name="deploy", persist_result=True, result_serializer="json", **TOLD)
def deploy(params: DeployParams) -> dict[str, Any]:
    """Bring the champion to where the settings say, and wait until every replica of it answers."""
    place = Installation.open(params.usecase)
    target = open_target(place.settings, params.target)
    status = target.deploy(wanted_of(place, image=params.image))
    url = place.settings.service(params.usecase)
    stable = status.track("stable")
    assert stable is not None
    get_run_logger().info("%s serves version %s at %s", target.name, stable.version, url)
    row: dict[str, Any] = {"target": target.name, "url": url, "revision": status.revision, "differs": list(status.differs)}
    row |= stable.model_dump(mode="json") | {"ready": stable.ready}
    artifacts.table(params.usecase, "deploy", [row], "The running endpoint")
    return row
