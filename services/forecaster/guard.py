"""The door of `POST /forecast`: bounds and types are checked before the rest of the service sees the request."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from model_code.errors import InvalidRequest
from services.forecaster.messages import ForecastRequest
from services.forecaster.problems import BodyTooLarge, NotJson, WrongField, problem_response
from services.forecaster.telemetry import telemetry

MAX_BODY_BYTES = 16_384
ROUTE = ("POST", "/forecast")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """ASGI middleware: a wrong request gets a problem document that names the field, and every request is counted.

    Args:
        app: The rest of the service.
        usecase: Name that the metrics carry.
    """

    def __init__(self, app: App, usecase: str) -> None:
        self._app = app
        self._usecase = usecase

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a wrong forecast request, pass on everything else."""
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ROUTE:
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        body = b""
        try:
            _check_media_type(scope)
            body = await _read(receive)
            check_body(body)
        except InvalidRequest as error:
            await problem_response(error, _request_id(body))(scope, receive, watched)
        else:
            await self._app(scope, _replay(body, receive), watched)
        finally:
            telemetry().requests.labels(self._usecase, str(status)).inc()
            telemetry().latency.labels(self._usecase).observe(time.perf_counter() - started)


def check_body(body: bytes) -> None:
    """Refuse what is no forecast request; an empty body is one.

    Raises:
        WrongField: The first field at fault, and what is wrong with it.
    """
    try:
        ForecastRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise WrongField(
            f"{field}: {first['msg']}", field=field, hint=f"fields are: {', '.join(ForecastRequest.model_fields)}"
        ) from error


def _check_media_type(scope: Scope) -> None:
    headers = dict(scope["headers"])
    given = headers.get(b"content-type", b"application/json").decode("latin-1").split(";")[0].strip().lower()
    if given != "application/json":
        raise NotJson(f"the content type is {given!r}", hint="send application/json (curl: --json)")


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(
                f"the request is larger than {MAX_BODY_BYTES} bytes", field="body", hint="a question needs a few hundred"
            )
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever comes after it."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return left.pop() if left else await receive()

    return next_message


def _request_id(body: bytes) -> str | None:
    """The caller's id, as far as the request can be read."""
    try:
        given = from_json(body)
    except ValueError:
        return None
    found = given.get("request_id") if isinstance(given, dict) else None
    return found if isinstance(found, str) else None
