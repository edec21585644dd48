"""The BentoML service: `python -m services.forecaster` starts it (or `bentoml serve services.forecaster.service:Forecaster`)."""

import logging
from typing import Any, cast

import bentoml
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from model_code.errors import EvenkeelError
from model_code.settings import Settings
from services.forecaster.guard import Guard
from services.forecaster.messages import ForecastAnswer, ForecastRequest
from services.forecaster.parent import end_with_parent
from services.forecaster.problems import problem_response

TIMEOUT_SECONDS = 30
THREADS = 4  # a forecast waits for its store, in which time another one can compute
logger = logging.getLogger("bentoml.evenkeel")  # below the logger that the server writes to its log
settings = Settings.load()


async def model(_request: Request) -> Response:
    """`GET /model`: what serves, beside what should."""
    running = cast(Any, bentoml.get_current_service()).running
    try:
        answer = await run_in_threadpool(running.model)
    except EvenkeelError as error:
        return problem_response(error, None)
    return Response(answer.model_dump_json(), media_type="application/json")


@bentoml.service(
    name="forecaster",
    workers=1,
    threads=THREADS,
    traffic={"timeout": TIMEOUT_SECONDS},
    # A line for each request would fill the disk; metrics count requests, and the store keeps every answer.
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(Starlette(routes=[Route("/model", model)]), path="/")
class Forecaster:
    """Forecasts of one use case (`EVENKEEL_USECASE`) by the bundle that its pointer wants."""

    def __init__(self) -> None:
        # Only the worker needs these, which take seconds to import; the process that watches over it reads this file as well.
        from model_code.installation import Installation
        from services.forecaster.running import Running

        end_with_parent()
        self.running = Running(Installation.open(settings.usecase, settings))
        self.running.start()

    @bentoml.api(route="/forecast")  # type: ignore[untyped-decorator]
    def forecast(self, request: ForecastRequest, /) -> ForecastAnswer:
        """Forecast one entity or all at an origin; `{}` asks for all at the latest one. Kept before it is answered."""
        try:
            return self.running.forecast(request)
        except EvenkeelError as error:
            problem = error
        except Exception:
            logger.exception("a forecast failed")
            problem = EvenkeelError("the forecast failed", hint="the service's log tells why")
        # The framework would hide the error behind a status of its own; an HTTP answer passes as it is.
        return cast(ForecastAnswer, problem_response(problem, request.request_id))

    def __is_ready__(self) -> bool:
        """`/readyz`: the wanted bundle is the one that answers."""
        return self.running.ready

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """End the background work."""
        self.running.stop()


cast(Any, Forecaster).add_asgi_middleware(Guard, usecase=settings.usecase)
