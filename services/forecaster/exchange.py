"""One HTTP exchange of the short path: the request's headers and bounded body in, one answer out."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from model_code.errors import EvenkeelError
from services.forecaster.extensions import CLOSE, WHOLE
from services.forecaster.identity import REQUEST_ID, new_id
from services.forecaster.passing import Passing
from services.forecaster.problems import BodyTooLarge, SlowRequest, UnsupportedMedia, WrongField, problem_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
PROBLEM = (b"content-type", b"application/problem+json")


class Disconnected(Exception):
    """The caller left before the request was whole; nobody reads an answer."""


class Exchange:
    """One request and its answer.

    Attributes:
        arrived: When the request's head was read, `time.perf_counter_ns()`.
        status: Status of the answer; 0 before there is one.
        request_id: The caller's id or one of ours; empty until it is known, see `identified`.
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

    @property
    def driven(self) -> bool:
        """Whether the server drives the answer itself, outside of a task; see `wire`."""
        return self._whole is not None

    def header(self, name: bytes) -> bytes | None:
        """The value of a header (lower case); None where it is not there."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def given_id(self) -> str | None:
        """The id that the caller gave in the header, if it is one.

        Raises:
            WrongField: It has other characters than printable ASCII, or too many.
        """
        found = self.header(b"x-request-id")
        if found is None:
            return None
        if not REQUEST_ID.fullmatch(found):
            raise WrongField("x-request-id is not 1 to 200 printable characters", field="x-request-id", hint="give another one")
        return found.decode("ascii")

    def identified(self) -> str:
        """The request's id; where none is known yet it is the header's, or else a new one."""
        if not self.request_id:
            found = self.header(b"x-request-id")
            self.request_id = found.decode("ascii") if found is not None and REQUEST_ID.fullmatch(found) else new_id()
        return self.request_id

    async def body(self, limit: int, seconds: float) -> bytes:
        """The whole body.

        Args:
            limit: How many bytes it may have; no more are ever held.
            seconds: How long it is waited for.

        Raises:
            BodyTooLarge: It has more bytes.
            SlowRequest: It does not arrive in time.
            UnsupportedMedia: It is compressed.
            Disconnected: The caller left.
        """
        self.check_head(limit)
        if self._whole is not None:  # our server has all of it: there is nothing to wait for
            body: bytes = (await self._receive()).get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
            return body
        try:
            async with asyncio.timeout(seconds):
                return await self._parts(limit)
        except TimeoutError as error:
            self.closing = True  # what is still to come is not waited for
            raise SlowRequest(f"the body did not arrive within {seconds:g} s", hint="send it at once") from error

    def check_head(self, limit: int) -> None:
        """Refuse by the headers alone what is declared too large or compressed."""
        for key, value in self.headers:
            if key == b"content-length" and (not value.isdigit() or int(value) > limit):
                raise _too_large(limit)
            if key == b"content-encoding" and value.lower() != b"identity":
                raise UnsupportedMedia(f"content encoding {_shown(value)}", hint="send the body as it is")

    async def chunk(self, seconds: float) -> tuple[bytes, bool]:
        """The next part of the body, and whether there is more.

        Raises:
            SlowRequest: It does not arrive in that time.
            Disconnected: The caller left.
        """
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                return await self._part()
        except TimeoutError as error:
            self.closing = True
            raise SlowRequest("the body arrives too slowly", hint="send it at once") from error

    async def _part(self) -> tuple[bytes, bool]:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        return message.get("body", b""), message.get("more_body", False)

    async def _parts(self, limit: int) -> bytes:
        body, more = bytearray(), True
        while more:
            part, more = await self._part()
            body += part
            if len(body) > limit:
                raise _too_large(limit)
        return bytes(body)

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
        headers.append((b"x-request-id", (self.request_id or self.identified()).encode("ascii")))
        if self.closing:
            headers.append(CLOSE)
        return headers

    async def part(self, body: bytes, *, more: bool) -> None:
        """Send a part of the body."""
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def refuse(self, error: EvenkeelError) -> None:
        """Send the error as a problem document."""
        body, extra = problem_of(error, self.identified())
        await self.answer(error.status, [PROBLEM, *extra], body)

    def pass_on(self, body: bytes | None = None) -> tuple[Scope, Receive, Send]:
        """What another application answers this exchange with; `body` is read once more where it was read already."""
        passing = Passing(self, self._receive, self._send, body)
        return passing.scope(self._scope), passing.receive, passing.send


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the request has more than {limit} bytes", field="body", hint="send fewer rows, or use /batch")


def _shown(value: bytes) -> str:
    return repr(value[:40].decode("latin-1"))
