"""Deploy: make the champion the running endpoint."""

from typing import Any

from prefect import flow, get_run_logger

from flows import artifacts
from flows.params import DeployParams
from flows.told import TOLD
from model_code.installation import Installation
from services.rollout.local_service import LocalService


@flow(name="deploy", persist_result=True, result_serializer="json", **TOLD)
def deploy(params: DeployParams) -> dict[str, Any]:
    """Start the service where it does not run and wait until it serves the wanted bundle."""
    place = Installation.open(params.usecase)
    status = LocalService(place.settings).deploy(place.usecase)
    get_run_logger().info("serving at %s", status.url)
    row: dict[str, Any] = status.model_dump(mode="json")
    artifacts.table(params.usecase, "deploy", [row], "The running endpoint")
    return row
