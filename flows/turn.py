"""Turn: one turn of the loop, in this order: what is new in the data, the forecasts that are due, a look at how they do."""

from collections.abc import Callable
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forecast import forecast
from flows.monitor import monitor
from flows.params import ForecastParams, MonitorParams, RefreshParams, TurnParams
from flows.refresh import refresh
from flows.told import TOLD
from model_code.errors import EvenkeelError

UNKEPT: dict[str, Any] = {"persist_result": False}


class TurnFailed(EvenkeelError):
    """A step of the turn failed; the others did their work."""

    title = "A step of the turn failed"


@flow(name="turn", persist_result=True, result_serializer="json", **TOLD)
def turn(params: TurnParams) -> dict[str, Any]:
    """Refresh, forecast and monitor, each as a run of its own below this one; returns the monitor's verdict.

    A step that fails keeps none of the others from its work: without new data there are forecasts still, and a service
    that does not answer is something to look at. The turn fails at the end, naming each.

    Raises:
        TurnFailed: A step failed.
    """
    asked = {"usecase": params.usecase, "now": params.now}
    # Kept nowhere: a turn that is run again, in another pod, would look for what the steps returned in this one.
    steps: dict[str, Callable[[], State[Any]]] = {
        "refresh": lambda: refresh.with_options(**UNKEPT)(RefreshParams(**asked), return_state=True),
        "forecast": lambda: forecast.with_options(**UNKEPT)(ForecastParams(**asked), return_state=True),
        "monitor": lambda: monitor.with_options(**UNKEPT)(MonitorParams(**asked), return_state=True),
    }
    states = {name: step() for name, step in steps.items()}
    failed = {name: state.message for name, state in states.items() if not state.is_completed()}
    if failed:
        told = "; ".join(f"{name}: {message}" for name, message in failed.items())
        raise TurnFailed(told, hint="the runs below this one hold their logs")
    verdict: dict[str, Any] = states["monitor"].result()
    return verdict
