"""An exchange that the framework answers: it is told the request's id, and its own errors become problem documents."""

from typing import TYPE_CHECKING, Any

from model_code.errors import EvenkeelError, InvalidRequest
from services.forecaster.problems import NoSuchRoute, Overloaded, TookTooLong

if TYPE_CHECKING:
    from services.forecaster.exchange import Exchange, Message, Receive, Scope, Send

ID = b"x-request-id"


class Passing:
    """The three parts of an ASGI call on behalf of an exchange.

    Args:
        exchange: Whose answer it is.
        receive: The server's.
        send: The server's.
        body: What was read already, and is read once more; None where nothing was.
    """

    def __init__(self, exchange: "Exchange", receive: "Receive", send: "Send", body: bytes | None) -> None:
        self._exchange, self._receive, self._send = exchange, receive, send
        self._left: list[Message] = [] if body is None else [{"type": "http.request", "body": body, "more_body": False}]
        self._refused = 0

    def scope(self, scope: "Scope") -> "Scope":
        """The request's head with its id."""
        return {**scope, "headers": [*_without_id(scope["headers"]), self._id()]}

    async def receive(self) -> "Message":
        """The body, then what the server has to tell."""
        return self._left.pop() if self._left else await self._receive()

    async def send(self, message: "Message") -> None:
        """Pass an answer on; what is an error without a problem document gets one."""
        if self._refused:
            if not message.get("more_body", False):
                await self._exchange.refuse(error_of(self._refused))
            return
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))
            if message["status"] >= 400 and not _is_problem(headers):
                self._refused = message["status"]
                return
            await self._exchange.start(message["status"], _without_id(headers))
            return
        await self._send(message)

    def _id(self) -> tuple[bytes, bytes]:
        return ID, self._exchange.identified().encode("ascii")


def error_of(status: int) -> EvenkeelError:
    """What the framework means by a status of its own."""
    if status == 504:
        return TookTooLong("the answer took too long", hint="ask again with the same request id: what was kept is there")
    if status == 404:
        return NoSuchRoute("nothing answers at this path", hint="see /docs")
    if status in (429, 503):
        return Overloaded("the framework takes no more requests", hint="ask again, or run more replicas")
    if status < 500:
        return InvalidRequest(f"the framework refused the request with status {status}", hint="see /docs")
    return EvenkeelError("the request failed", hint="the service's log tells why")


def _without_id(headers: Any) -> list[tuple[bytes, bytes]]:
    return [pair for pair in headers if pair[0].lower() != ID]


def _is_problem(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"application/problem+json") for name, value in headers)
