"""The door of the service: every request is admitted, bounded, counted and answered or passed on here."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from model_code.errors import EvenkeelError
from services.forecaster import infer, pages
from services.forecaster.admission import Admission
from services.forecaster.exchange import App, Disconnected, Exchange, Receive, Scope, Send
from services.forecaster.forecast import pass_forecast
from services.forecaster.loopback import is_loopback
from services.forecaster.predict import answer_predict
from services.forecaster.problems import NoSuchRoute, Unauthorized, WrongMethod
from services.forecaster.running import Running

ADMITTED = "evenkeel.admitted"  # in the scope of a request that came through a door already
logger = logging.getLogger("bentoml.evenkeel")  # below the logger that the server writes to its log
Answerer = Callable[[Exchange, Running, str], Awaitable[None]]


class Door:
    """ASGI middleware around the BentoML service, outside of its stack where the server is ours.

    Hot routes are answered here; the typed API and the pages of the framework behind it, under the same guards.

    Args:
        app: The BentoML service's application.
        running: Gives what is running, once the service has started; None before.
        at_home: Whether only this machine is answered: where no keys are asked for, and others chose the address to listen at.
    """

    def __init__(self, app: App, running: Callable[[], Running | None], *, at_home: bool = False) -> None:
        self._app = app
        self._find = running
        self._at_home = at_home
        self._running: Running | None = None
        self._admission: Admission | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request; anything else (lifespan) is passed on."""
        if scope["type"] != "http" or ADMITTED in scope:
            await self._app(scope, receive, send)
            return
        running = self._running or self._find()
        if running is None:  # the service has not started
            await self._app(scope, receive, send)
            return
        self._running = running
        exchange = Exchange(scope, receive, send)
        method, path = scope["method"], scope["path"]
        known = pages.ROUTES.get(path)
        if known is not None:
            await self._page(known, method, exchange, running)
            return
        await self._ask(method, path, scope, exchange, running)

    async def _page(self, known: "pages.Page", method: str, exchange: Exchange, running: Running) -> None:
        """What probes and people read: no key, no place among the requests at once."""
        try:
            if method not in ("GET", "HEAD"):
                raise WrongMethod(f"{method} is not for this path", allowed="GET")
            await known(exchange, running)
        except EvenkeelError as error:
            await exchange.refuse(error)

    async def _ask(self, method: str, path: str, scope: Scope, exchange: Exchange, running: Running) -> None:
        admission = self._admission
        if admission is None:
            admission = self._admission = Admission(running)
        exchange.closing = running.draining
        route = "other"
        try:
            try:
                if self._at_home and not _is_of_here(scope):
                    raise Unauthorized("no keys are asked for: only this machine is answered", hint="set EVENKEEL_KEYS_FILE")
                route, answerer = self._route(method, path, scope, running)
            except EvenkeelError:
                admission.identify(exchange)  # who has no key learns nothing of what is here
                raise
            asker = admission.enter(exchange, route)
            try:
                await answerer(exchange, running, asker)
            finally:
                admission.leave(route)
        except Disconnected:
            exchange.status = 499
        except EvenkeelError as error:
            if error.status == 500:  # a caller is told that the log tells more
                logger.error("request %s failed: %s", exchange.identified(), error, extra={"request_id": exchange.request_id})
            await self._refuse(exchange, error)
        except asyncio.CancelledError:
            exchange.status = exchange.status or 499
            raise
        except Exception:
            logger.exception("request %s failed", exchange.identified(), extra={"request_id": exchange.request_id})
            await self._refuse(exchange, EvenkeelError("the request failed", hint="the service's log tells why"))
        finally:
            running.telemetry.answered(route, exchange.status, (time.perf_counter_ns() - exchange.arrived) / 1e9)

    async def _refuse(self, exchange: Exchange, error: EvenkeelError) -> None:
        if exchange.status:
            # Half an answer must not look like a whole one: the server cuts the connection.
            logger.error("request %s broke off: %s", exchange.request_id, error, extra={"request_id": exchange.request_id})
            raise error
        await exchange.refuse(error)

    def _route(self, method: str, path: str, scope: Scope, running: Running) -> tuple[str, Answerer]:
        """Name of the route for metrics, and what answers it."""
        if path == "/predict":
            _only("POST", method)
            return "predict", answer_predict
        if path == "/batch":
            _only("POST", method)
            from services.forecaster.batches import answer_batches

            return "batch", answer_batches
        if path == "/forecast":
            _only("POST", method)
            return "forecast", self._passing(scope, pass_forecast)
        if path.startswith("/v2"):
            return infer.route(method, path, running)
        if path == "/model":
            _only("GET", method)
            return "model", pages.model
        if method in ("GET", "HEAD") and (path == "/" or path.startswith(pages.STATIC)):
            return "pages", self._passing(scope, _pass)
        raise NoSuchRoute(f"nothing answers at {path[:80]}", hint="see /docs")

    def _passing(self, scope: Scope, passing: Any) -> Answerer:
        async def answerer(exchange: Exchange, running: Running, asker: str) -> None:
            scope[ADMITTED] = True
            await passing(self._app, exchange, running, asker)

        return answerer


async def _pass(app: App, exchange: Exchange, _running: Running, _asker: str) -> None:
    await app(*exchange.pass_on())


def _is_of_here(scope: Scope) -> bool:
    peer = scope.get("client")
    return peer is None or is_loopback(peer[0])  # None: a socket in the file system


def _only(allowed: str, method: str) -> None:
    if method != allowed:
        raise WrongMethod(f"{method} is not for this path", allowed=allowed)
