"""Runs of deployments, started from outside as a person would, and what they returned."""

from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment

from model_code.errors import EvenkeelError

RUN_SECONDS = 300.0
POLL_SECONDS = 0.15


def run(flow: str, **params: Any) -> Any:
    """Run the deployment `FLOW/local` and wait for what it returns.

    Args:
        flow: Name of the flow.
        params: Fields of its parameter model, JSON-able.

    Raises:
        EvenkeelError: It did not complete; the message says why and where to look.
    """
    found = run_deployment(f"{flow}/local", parameters={"params": params}, timeout=RUN_SECONDS, poll_interval=POLL_SECONDS)
    return result_of(flow, found)  # type: ignore[arg-type]


def result_of(flow: str, found: FlowRun) -> Any:
    """What a finished run returned.

    Raises:
        EvenkeelError: It did not complete.
    """
    state = found.state
    if state is None or not state.is_completed():
        told = "no state" if state is None else f"{state.name}: {state.message}"
        raise EvenkeelError(
            f"the {flow} run {found.name} ended {told}", hint="its log is in the Prefect UI and in logs/worker.log"
        )
    return state.result()
