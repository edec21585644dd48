"""A real HTTP server in a thread that answers JSON, counts requests, and misbehaves on order."""

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

Failure = Literal["status", "html", "truncated", "cut", "schema_changed", "empty_page", "hang", "wrong_key"]
Query = Mapping[str, list[str]]
HTML = b"<!DOCTYPE html><html><body><h1>We are down for maintenance</h1></body></html>"
LONGEST_HANG = 60.0  # seconds; a hanging answer ends with the server


@dataclass(frozen=True)
class Answer:
    """Status and JSON body."""

    status: int
    body: Any


@dataclass(frozen=True)
class _Order:
    kind: Failure
    status: int
    retry_after: str | None


class FakeServer:
    """Base of the fakes; a context manager that listens on a free port of 127.0.0.1.

    Attributes:
        requests: Path and query of every request so far, in order.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, list[str]]]] = []
        self._orders: deque[_Order] = deque()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self._closing.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False  # so that closing waits for the last answer
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._server is not None
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Base address, while it runs."""
        assert self._server is not None, "use it as a context manager"
        return f"http://127.0.0.1:{self._server.server_port}"

    def fail_next(
        self, kind: Failure = "status", *, status: int = 500, retry_after: str | int | None = None, times: int = 1
    ) -> None:
        """Orders that the next `times` requests go wrong; orders queue up.

        Args:
            kind: `status` answers `status`; `html` a page with status 200; `truncated` half of the JSON;
                `cut` closes the connection in mid-answer; `schema_changed` other names; `empty_page` no
                rows though there are some; `hang` never answers; `wrong_key` refuses the key.
            status: Status of kind `status`.
            retry_after: Value of the Retry-After header of kind `status`.
            times: How many requests.
        """
        order = _Order(kind, status, None if retry_after is None else str(retry_after))
        with self._lock:
            self._orders.extend([order] * times)

    def answer(self, path: str, query: Query) -> Answer:
        """What the real API would answer."""
        raise NotImplementedError

    def refusal(self) -> Answer:
        """What the real API answers to a wrong key."""
        raise NotImplementedError

    def without_rows(self, body: Any) -> Any:
        """The answer with its rows left out and all else kept."""
        raise NotImplementedError

    def renamed(self, body: Any) -> Any:
        """The answer as another version of the API might give it."""
        raise NotImplementedError

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers one request, rightly or as ordered."""
        parts = urlsplit(handler.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        with self._lock:
            self.requests.append((parts.path, query))
            order = self._orders.popleft() if self._orders else None
        if order is None:
            _send(handler, self.answer(parts.path, query))
        else:
            self._misbehave(handler, order, parts.path, query)

    def _misbehave(self, handler: BaseHTTPRequestHandler, order: _Order, path: str, query: Query) -> None:
        if order.kind == "hang":
            self._closing.wait(LONGEST_HANG)
            return
        if order.kind == "html":
            _send_bytes(handler, 200, HTML, "text/html; charset=utf-8")
            return
        if order.kind == "status":
            _send(handler, Answer(order.status, {"error": f"ordered status {order.status}"}), order.retry_after)
            return
        right = self.answer(path, query)
        if order.kind in ("truncated", "cut"):
            content = json.dumps(right.body).encode()
            claimed = len(content) if order.kind == "cut" else None
            _send_bytes(handler, 200, content[: len(content) // 2], "application/json", length=claimed)
            return
        changed = {
            "wrong_key": lambda: self.refusal(),
            "empty_page": lambda: Answer(right.status, self.without_rows(right.body)),
            "schema_changed": lambda: Answer(right.status, self.renamed(right.body)),
        }
        _send(handler, changed[order.kind]())


def _send(handler: BaseHTTPRequestHandler, answer: Answer, retry_after: str | None = None) -> None:
    content = json.dumps(answer.body).encode()
    _send_bytes(handler, answer.status, content, "application/json; charset=utf-8", retry_after=retry_after)


def _send_bytes(
    handler: BaseHTTPRequestHandler,
    status: int,
    content: bytes,
    content_type: str,
    *,
    length: int | None = None,
    retry_after: str | None = None,
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    if retry_after is not None:
        handler.send_header("Retry-After", retry_after)
    handler.end_headers()
    handler.wfile.write(content)


def _handler(fake: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                fake.respond(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client has gone, as after its timeout

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler
