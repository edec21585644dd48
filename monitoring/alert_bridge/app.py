"""The bridge's HTTP side: POST /alerts from Alertmanager, and what probes and Prometheus ask."""

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from model_code.errors import EvenkeelError, InvalidRequest, NotReady
from monitoring.alert_bridge.incidents import Incidents
from monitoring.alert_bridge.pager import Pager
from monitoring.alert_bridge.sender import Sender
from monitoring.alert_bridge.telemetry import Telemetry
from monitoring.alert_bridge.webhook import WrongWebhook, parse

LOG = logging.getLogger("evenkeel.bridge")
MAX_BODY_BYTES = 4 << 20  # a thousand alerts with 64 labels are about 2 MiB
BODY_SECONDS = 10.0  # Alertmanager sends its posts in one piece


class Unauthorized(InvalidRequest):
    """No bearer token, or another one."""

    status = 401
    title = "Unauthorized"


class BodyTooLarge(InvalidRequest):
    """More than any post of Alertmanager is."""

    status = 413
    title = "Request too large"


class SlowRequest(InvalidRequest):
    """The body did not arrive in time."""

    status = 408
    title = "Request timeout"


class PartlyRefused(WrongWebhook):
    """Some alerts of the post cannot be read; the others were kept."""


class Bridge:
    """What the routes need, and the routes themselves.

    Args:
        engine: Where incidents are kept.
        sender: Hands them on.
        pager: Tells people of those that are for a person, now.
        token: That Alertmanager has to show.
        clock: Wall clock (aware).
    """

    def __init__(
        self,
        engine: sa.Engine,
        sender: Sender,
        pager: Pager,
        token: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._incidents = Incidents(engine)
        self._loops = (sender.loop, pager.loop)
        self._token = token.encode()
        self._clock = clock
        self._telemetry = Telemetry(self._incidents, sender, pager, clock)

    def app(self) -> Starlette:
        """The ASGI application; sender and pager work while it lives."""
        routes = [
            Route("/alerts", self.alerts, methods=["POST"]),
            Route("/livez", self.livez),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan, exception_handlers={EvenkeelError: _problem})

    async def alerts(self, request: Request) -> Response:
        """202 once every alert of the post is kept; then Alertmanager's work is done."""
        self._authorize(request)
        webhook = parse(await _body(request))
        kept = await run_in_threadpool(self._incidents.keep, webhook.alerts, self._clock())
        self._telemetry.count(kept, refused=len(webhook.refused))
        for loop in self._loops:
            loop.wake()
        if webhook.refused:
            told = f"{len(webhook.alerts)} alerts were kept, {len(webhook.refused)} refused: {'; '.join(webhook.refused[:5])}"
            LOG.warning(told)
            raise PartlyRefused(told)
        return JSONResponse({"new": kept.new, "known": kept.known, "ended": kept.ended}, 202)

    async def livez(self, _request: Request) -> Response:
        """200 while the process, its sender and its pager run."""
        ended = self._ended()
        return PlainTextResponse(ended or "ok", 500 if ended else 200)

    async def readyz(self, _request: Request) -> Response:
        """200 while alerts can be kept; a Prefect server that is down is no reason to refuse them."""
        await run_in_threadpool(self._incidents.next_due)
        if ended := self._ended():
            raise NotReady(ended, hint="restart the bridge")
        return PlainTextResponse("ok")

    async def metrics(self, _request: Request) -> Response:
        """For Prometheus."""
        return Response(await run_in_threadpool(self._telemetry.page), media_type="text/plain; version=0.0.4; charset=utf-8")

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        for loop in self._loops:
            loop.start()
        yield
        for loop in self._loops:
            await run_in_threadpool(loop.stop)

    def _ended(self) -> str:
        """What should run and does not, in words; empty where all is well."""
        return ", ".join(f"the {loop.name} has ended" for loop in self._loops if not loop.works)

    def _authorize(self, request: Request) -> None:
        kind, _, shown = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(shown.strip().encode(), self._token):
            raise Unauthorized("no bearer token, or a wrong one", hint="Alertmanager reads it from HOME/run/bridge.token")


async def _body(request: Request) -> bytes:
    """The body, read no further than it may be long, whatever its Content-Length says."""
    parts = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                parts += part
                if len(parts) > MAX_BODY_BYTES:
                    raise BodyTooLarge(f"body: more than {MAX_BODY_BYTES} bytes", hint="set max_alerts of the receiver")
    except TimeoutError as error:
        raise SlowRequest(f"body: not there after {BODY_SECONDS:.0f} s") from error
    except ClientDisconnect as error:
        raise WrongWebhook("body: cut short") from error
    return bytes(parts)


async def _problem(_request: Request, error: Exception) -> Response:
    """The error as a problem document (RFC 9457)."""
    assert isinstance(error, EvenkeelError)
    headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "5"}}.get(error.status, {})
    body = {"type": "about:blank", "title": error.title, "status": error.status, "detail": str(error)}
    return JSONResponse(body, error.status, headers, media_type="application/problem+json")
