"""The server's HTTP protocol with one system call an answer and no task for a short request.

A request to a hot route that arrived whole is answered where it was read, by driving its coroutine: a task of its own and
another turn of the loop cost a tenth of such a request. Where it has to wait after all, a task takes it over.
"""

import asyncio
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from model_code.errors import EvenkeelError
from services.forecaster.extensions import CLOSE, WHOLE
from services.forecaster.identity import new_id
from services.forecaster.problems import HeadTooLarge, NoHttp, problem_of
from services.forecaster.turns import Place

HOT = "/predict"
HOT_END = "/infer"
HEAD_BYTES = 65_536  # of a head that does not end; one that comes whole in one read is bounded by that


class Corked:
    """A transport that holds the head of an answer until its body is written, or the loop's next turn at the latest.

    A write costs a system call, which is a tenth of a short request; the server writes head and body apart.

    Args:
        transport: The connection's.
        loop: The event loop.
    """

    __slots__ = ("_held", "_loop", "_transport", "_write")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._write = transport.write
        self._loop = loop
        self._held = b""

    def write(self, content: bytes) -> None:
        """Hold a head; write anything else together with what is held."""
        if self._held:
            content, self._held = self._held + content, b""
        elif content.startswith(b"HTTP/1.1 ") and content.endswith(b"\r\n\r\n"):
            self._held = content
            self._loop.call_soon(self.flush)
            return
        self._write(content)

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            content, self._held = self._held, b""
            if not self._transport.is_closing():
                self._write(content)

    def close(self) -> None:
        """Write what is held, then close."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Resumed:
    """The rest of a coroutine that was begun outside of a task.

    Args:
        coroutine: It stopped at its first wait.
        waits_for: What it gave there.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._coroutine, self._waits_for = coroutine, waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        """Wait for what it waits for, then go on with it to its end."""
        waits_for = self._waits_for
        while True:
            failed: BaseException | None = None
            try:
                told = yield waits_for
            except BaseException as error:  # noqa: BLE001  # a cancellation, too, is the coroutine's to deal with
                failed = error
            try:
                waits_for = self._coroutine.send(told) if failed is None else self._coroutine.throw(failed)
            except StopIteration:
                return


async def _resume(coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
    await Resumed(coroutine, waits_for)


class Whole:
    """Sends the whole answer of one exchange, where nothing waits to be sent before it.

    Args:
        cycle: The server's side of the exchange.
    """

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def __call__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send it, as the server's own `send` would in two messages.

        Args:
            headers: Lower case, the content's length among them; `connection: close` ends the connection.

        Returns:
            False where it has to take the usual way: the caller is slow to read, or an answer was begun.

        Raises:
            ValueError: A header would break the line.
        """
        cycle = self._cycle
        # The scope of the cycle holds this object: left so, they would wait for the garbage collector.
        cycle.scope.pop(WHOLE, None)  # type: ignore[misc]
        if cycle.flow.write_paused or cycle.response_started or cycle.disconnected or cycle.scope["method"] == "HEAD":
            return False
        head = [STATUS_LINE[status]]
        for pair in headers:
            if pair == CLOSE:
                cycle.keep_alive = False
            else:
                head.append(b"%b: %b\r\n" % pair)
        if not cycle.keep_alive:
            head.append(b"connection: close\r\n")
        if b"".join(head).count(b"\n") != len(head):
            raise ValueError("a header has more than one line")
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(b"".join((*head, b"\r\n", body)))
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True


class ShortHttp(HttpToolsProtocol):
    """The server's protocol on a corked transport, with short requests answered at once."""

    _reading = False
    _begun: tuple[RequestResponseCycle, ASGI3Application] | None = None
    _head: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection is there."""
        super().connection_made(cast(asyncio.Transport, Corked(transport, self.loop)))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is no more."""
        if self._head is not None:
            self._head.cancel()
            self._head = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; then answer what has arrived whole, and leave to a task what has not."""
        self._reading = True
        before, in_body = self.cycle, self.cycle is not None and self.cycle.more_body
        super().data_received(data)
        if self.cycle is not before or in_body:
            self._head_bytes = 0
        else:
            self._bound_head(len(data))
        while self._begun is not None:  # an answer may begin the next request of a pipeline
            cycle, app = self._begun
            self._begun = None
            if cycle.more_body or cycle.waiting_for_100_continue or cycle.disconnected:
                cycle.scope.pop(WHOLE, None)  # type: ignore[misc]  # it is not whole yet: it is waited for
                super()._start_asgi_task(cycle, app)
            else:
                self._answer(cycle.run_asgi(app))
        self._reading = False
        if self.timeout_keep_alive_task is None:
            self._await_head()

    def _await_head(self) -> None:
        """Where no request is in work nor its answer just sent, wait for a head as long as an idle connection may last.

        The server itself waits for ever: for a first byte, and for the end of a head that was begun.
        """
        if self._head is None and (self.cycle is None or self.cycle.response_complete):
            self._head = self.loop.call_later(self.timeout_keep_alive, self._give_up, self.cycle)

    def _give_up(self, before: RequestResponseCycle | None) -> None:
        self._head = None
        if self.cycle is before:
            self.transport.close()
        elif self.timeout_keep_alive_task is None:  # there were requests meanwhile, and another head may have been begun
            self._await_head()

    def _bound_head(self, more: int) -> None:
        """Count what came of a head that has not ended; no key is known yet of who sends it."""
        self._head_bytes += more
        if self._head_bytes <= HEAD_BYTES or self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self._refuse(HeadTooLarge(f"the head of the request has more than {HEAD_BYTES} bytes", hint="send fewer headers"))
        else:
            self.transport.close()  # an answer is under way: nothing may come before it

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, by a problem document, and close."""
        self._refuse(NoHttp(msg.rstrip("."), hint="send HTTP/1.1"))

    def _refuse(self, error: EvenkeelError) -> None:
        body, _ = problem_of(error, request_id := new_id())
        head = (
            STATUS_LINE[error.status],
            b"content-type: application/problem+json\r\n",
            b"content-length: %d\r\n" % len(body),
            b"x-request-id: %b\r\n" % request_id.encode("ascii"),
            b"connection: close\r\n\r\n",
        )
        self.transport.write(b"".join((*head, body)))
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        path = cycle.scope["path"]
        if self._reading and (path == HOT or path.endswith(HOT_END)):
            cycle.scope[WHOLE] = Whole(cycle)  # type: ignore[literal-required]
            self._begun = (cycle, app)
        else:
            super()._start_asgi_task(cycle, app)

    def _answer(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            waits_for = coroutine.send(None)
        except StopIteration:
            return
        if isinstance(waits_for, Place):
            waits_for.go_on = partial(self._answer, coroutine)
            return
        task = self.loop.create_task(_resume(coroutine, waits_for))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
