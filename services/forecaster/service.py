"""The BentoML service: `python -m services.forecaster` serves it (`bentoml serve services.forecaster.service:Forecaster` can, too)."""

import logging
from typing import Any, cast

import bentoml
from bentoml.exceptions import BentoMLException

from model_code.errors import EvenkeelError
from model_code.settings import Settings
from services.forecaster.door import Door
from services.forecaster.identity import new_id
from services.forecaster.messages import ForecastAnswer, ForecastRequest
from services.forecaster.parent import end_with_parent
from services.forecaster.problems import problem_response
from services.forecaster.running import Running

TIMEOUT_SECONDS = 30
THREADS = 4  # a forecast waits for its store, in which time another one can compute
logger = logging.getLogger("bentoml.evenkeel")  # below the logger that the server writes to its log
settings = Settings.load()


def running() -> Running | None:
    """What this process serves; None before the service has started.

    The server's signal handler asks, too: an error there would be raised wherever the process is at work, and the signal be lost.
    """
    try:
        return cast("Running | None", getattr(bentoml.get_current_service(), "running", None))
    except BentoMLException:  # not started
        return None


@bentoml.service(
    name="forecaster",
    workers=settings.workers,
    threads=THREADS,
    traffic={"timeout": TIMEOUT_SECONDS},
    # A line for each request would fill the disk; the door counts requests, and the store keeps every answer.
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
class Forecaster:
    """Forecasts of one use case (`EVENKEEL_USECASE`) by the bundle that its pointer wants."""

    def __init__(self) -> None:
        from model_code.installation import Installation

        end_with_parent()
        self.running = Running(Installation.open(settings.usecase, settings))
        self.running.start()

    @bentoml.api(route="/forecast")  # type: ignore[untyped-decorator]
    def forecast(self, request: ForecastRequest, /, ctx: bentoml.Context) -> ForecastAnswer:
        """Forecast one entity or all at an origin; `{}` asks for all at the latest one. Kept before it is answered."""
        request_id = request.request_id or ctx.request.headers.get("x-request-id") or new_id()  # the door's
        try:
            answer = self.running.forecast(request, request_id)
            ctx.response.headers["x-request-id"] = answer.request_id
            return answer
        except EvenkeelError as error:
            problem = error
            if error.status == 500:
                logger.error("the forecast %s failed: %s", request_id, error)
        except Exception:
            logger.exception("the forecast %s failed", request_id)
            problem = EvenkeelError("the forecast failed", hint="the service's log tells why")
        # The framework would hide the error behind a status of its own; an HTTP answer passes with the context's.
        ctx.response.status_code = problem.status
        return cast(ForecastAnswer, problem_response(problem, request_id))

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """End the background work; what was kept is brought to the store."""
        self.running.stop()


cast(Any, Forecaster).add_asgi_middleware(Door, running=running, at_home=settings.keys_file is None)
