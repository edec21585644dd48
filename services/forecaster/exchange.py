"""One HTTP exchange of the short path: the request's headers and bounded body in, one answer out."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from model_code.errors import EvenkeelError
from services.forecaster.extensions import CLOSE, WHOLE
from services.forecaster.problems import BodyTooLarge, SlowRequest, UnsupportedMedia, problem_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

BODY_SECONDS = 30.0  # a body that trickles in holds a place that others need
JSON = (b"content-type", b"application/json")
PROBLEM = (b"content-type", b"application/problem+json")


class Disconnected(Exception):
    """The caller left before the request was whole; nobody reads an answer."""


class Exchange:
    """One request and its answer.

    Attributes:
        arrived: When the request's head was read, `time.perf_counter_ns()`.
        status: Status of the answer; 0 before there is one.
        request_id: The caller's id or one of ours; empty until it is known.
        closing: Whether the answer asks the caller to open a new connection (the service drains).
    """

    __slots__ = ("_receive", "_scope", "_send", "_whole", "arrived", "closing", "headers", "request_id", "status")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.arrived = time.perf_counter_ns()
        self.headers: Headers = scope["headers"]
        self.status = 0
        self.request_id = ""
        self.closing = False
        self._scope, self._receive, self._send = scope, receive, send
        self._whole: Callable[[int, Headers, bytes], bool] | None = scope.get(WHOLE)

    def header(self, name: bytes) -> bytes | None:
        """The value of a header (lower case); None where it is not there."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    async def body(self, limit: int) -> bytes:
        """The whole body.

        Raises:
            BodyTooLarge: It has more than `limit` bytes; no more than that is ever held.
            SlowRequest: It does not arrive in time.
            UnsupportedMedia: It is compressed.
            Disconnected: The caller left.
        """
        self.check_head(limit)
        message = await self._receive()
        if not message.get("more_body", False) and message["type"] == "http.request":
            body: bytes = message.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
            return body
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._rest(message, limit)
        except TimeoutError as error:
            raise SlowRequest(f"the body did not arrive within {BODY_SECONDS:g} s", hint="send it at once") from error

    def check_head(self, limit: int) -> None:
        """Refuse by the headers alone what is declared too large or compressed."""
        for key, value in self.headers:
            if key == b"content-length" and (not value.isdigit() or int(value) > limit):
                raise _too_large(limit)
            if key == b"content-encoding" and value.lower() != b"identity":
                raise UnsupportedMedia(f"content encoding {_shown(value)}", hint="send the body as it is")

    async def chunk(self) -> tuple[bytes, bool]:
        """The next part of the body, and whether there is more.

        Raises:
            Disconnected: The caller left.
        """
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        return message.get("body", b""), message.get("more_body", False)

    async def _rest(self, message: Message, limit: int) -> bytes:
        body = bytearray()
        while True:
            if message["type"] == "http.disconnect":
                raise Disconnected
            body += message.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
            if not message.get("more_body", False):
                return bytes(body)
            message = await self._receive()

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send the whole answer, in one piece where the server can."""
        headers = self._headers([*headers, (b"content-length", b"%d" % len(body))])
        self.status = status
        if self._whole is not None and self._whole(status, headers, body):
            return
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head of an answer whose body follows in parts."""
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": self._headers(headers)})

    def _headers(self, headers: Headers) -> Headers:
        if self.request_id:
            headers.append((b"x-request-id", self.request_id.encode("ascii")))
        if self.closing:
            headers.append(CLOSE)
        return headers

    async def part(self, body: bytes, *, more: bool) -> None:
        """Send a part of the body."""
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def refuse(self, error: EvenkeelError) -> None:
        """Send the error as a problem document."""
        body, extra = problem_of(error, self.request_id or None)
        await self.answer(error.status, [PROBLEM, *extra], body)

    def pass_on(self, body: bytes | None = None) -> tuple[Scope, Receive, Send]:
        """What another application answers this exchange with; `body` is read once more where it was read already."""
        left: list[Message] = [] if body is None else [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            return left.pop() if left else await self._receive()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                headers = list(message.get("headers", []))
                if self.request_id:
                    headers = [pair for pair in headers if pair[0].lower() != b"x-request-id"]
                    headers.append((b"x-request-id", self.request_id.encode("ascii")))
                if self.closing:
                    headers.append(CLOSE)
                message = {**message, "headers": headers}
            await self._send(message)

        return self._scope, receive, send


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the request has more than {limit} bytes", field="body", hint="send fewer rows, or use /batch")


def _shown(value: bytes) -> str:
    return repr(value[:40].decode("latin-1"))
